/**
 * Calls of a URL as functions of other platforms know them, by the function's `eventFormat`
 * (docs/adr/0088): the event of SCF's API gateway and function URL, of FC's HTTP trigger and of
 * Lambda's function URL (payload 2.0), and what each of them makes of a result. What an event says
 * of a platform that is not there is said of this one, and means nothing. Python and PHP have the
 * same; `tests/runtimes/` holds them to it.
 */
import type { Clock } from "@skerry/base";
import { GATEWAY_HEADERS, type ForeignFormat, type RequestHead } from "@skerry/contracts";
import type { EventShapes } from "./event-shapes.ts";
import { fcAnswer, lambdaAnswer, scfAnswer, textAnswer } from "./foreign-answer.ts";
import { headersOf, isText, queryOf, targetOf } from "./http-event.ts";

/** Whose events they are to be like, and what they are events of. */
export interface ForeignFacts {
  readonly eventFormat: ForeignFormat;
  /** Name of the function. */
  readonly function: string;
  readonly clock: Pick<Clock, "wallMs">;
}

/** A request, as far as all platforms tell the same of it. */
interface Came {
  readonly head: RequestHead;
  readonly fn: string;
  readonly wallMs: number;
  readonly path: string;
  readonly rawQuery: string;
  /** Names in lower case, repeated ones joined by `,`; empty ones are sent by nobody. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sourceIp: string;
  /** Of the path, where a route has some. */
  readonly params: Readonly<Record<string, string>> | undefined;
  readonly content: { readonly body: string; readonly isBase64Encoded: boolean };
}

interface Format {
  readonly isText: (contentType: string | undefined, bytes: Uint8Array) => boolean;
  readonly eventOf: (came: Came) => unknown;
  readonly answerFromResult: EventShapes["answerFromResult"];
}

const FORMATS: Readonly<Record<ForeignFormat, Format>> = {
  scf: { isText, eventOf: scfEvent, answerFromResult: scfAnswer },
  fc: { isText, eventOf: fcEvent, answerFromResult: fcAnswer },
  lambda: { isText: isLambdaText, eventOf: lambdaEvent, answerFromResult: lambdaAnswer },
};

/**
 * With the events of invocations as they are; FC's are bytes, and its text is answered as it is.
 */
export function foreignShapes(
  { eventFormat, function: fn, clock }: ForeignFacts,
  own: EventShapes,
): EventShapes {
  const format = FORMATS[eventFormat];
  const isFc = eventFormat === "fc";
  return {
    // A copy: what the handler keeps of it keeps nothing else.
    eventOf: isFc ? (_, body) => Buffer.from(body) : own.eventOf,
    answerOfInvocation: isFc
      ? (result) =>
          typeof result === "string" ? textAnswer(result) : own.answerOfInvocation(result)
      : own.answerOfInvocation,
    httpEventOf: (head, body) => format.eventOf(cameOf(head, body, { format, fn, clock })),
    answerFromResult: format.answerFromResult,
  };
}

interface Seen extends Pick<ForeignFacts, "clock"> {
  readonly format: Format;
  readonly fn: string;
}

function cameOf(head: RequestHead, body: Uint8Array, { format, fn, clock }: Seen): Came {
  const [path, rawQuery] = targetOf(head);
  const { [GATEWAY_HEADERS.clientAddress]: sourceIp = "", ...headers } = headersOf(head.h, ",");
  const params = headers[GATEWAY_HEADERS.params];
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const isPlain = bytes.length === 0 || format.isText(headers["content-type"], bytes);
  return {
    ...{ head, fn, path, rawQuery, headers, sourceIp, wallMs: clock.wallMs() },
    params: params === undefined ? undefined : (JSON.parse(params) as Record<string, string>),
    content: { body: bytes.toString(isPlain ? "utf8" : "base64"), isBase64Encoded: !isPlain },
  };
}

/** What is absent there is absent here. */
function lambdaEvent({ head, fn, path, rawQuery, headers, params, ...came }: Came): object {
  const time = new Date(Math.round(came.wallMs));
  const { cookie } = headers;
  return {
    ...{ version: "2.0", routeKey: "$default", rawPath: path, rawQueryString: rawQuery },
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; */) }),
    headers,
    ...(rawQuery === "" ? {} : { queryStringParameters: queryOf(rawQuery) }),
    requestContext: {
      ...{ accountId: "anonymous", apiId: fn, domainName: head.a, domainPrefix: prefixOf(head.a) },
      http: httpFacts({ head, path, headers, sourceIp: came.sourceIp }),
      ...{ requestId: head.id, routeKey: "$default", stage: "$default" },
      ...{ time: clfText(time), timeEpoch: time.getTime() },
    },
    ...(params === undefined ? {} : { pathParameters: params }),
    ...(came.content.body === "" ? {} : { body: came.content.body }),
    isBase64Encoded: came.content.isBase64Encoded,
  };
}

/** As bytes: FC's handlers parse their events themselves. Header names are written as Go's are. */
function fcEvent({ head, path, rawQuery, headers, sourceIp, content, wallMs }: Came): Buffer {
  const time = new Date(Math.round(wallMs));
  const event = {
    ...{ version: "v1", rawPath: path, ...content },
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [canonical(name), value]),
    ),
    queryParameters: queryOf(rawQuery),
    requestContext: {
      ...{ accountId: "skerry", domainName: head.a, domainPrefix: prefixOf(head.a) },
      http: httpFacts({ head, path, headers, sourceIp }),
      ...{ requestId: head.id, time: time.toISOString().replace(/\.\d+/, "") },
      timeEpoch: String(time.getTime()),
    },
  };
  return Buffer.from(JSON.stringify(event));
}

function httpFacts({ head, path, headers, sourceIp }: Omit<Came, Ignored>): object {
  const userAgent = headers["user-agent"] ?? "";
  return { method: head.m, path, protocol: "HTTP/1.1", sourceIp, userAgent };
}
type Ignored = "fn" | "wallMs" | "rawQuery" | "params" | "content";

/** Of an API gateway; a function URL's says less of the same. */
function scfEvent({ head, fn, path, rawQuery, headers, sourceIp, params, content }: Came): object {
  return {
    requestContext: {
      ...{ serviceId: `service-${fn}`, path, httpMethod: head.m, requestId: head.id },
      ...{ identity: {}, sourceIp, stage: "release" },
    },
    headers: { ...headers, "x-scf-remote-addr": sourceIp },
    ...content,
    ...{ pathParameters: params ?? {}, queryStringParameters: {}, headerParameters: {} },
    ...{ stageVariables: { stage: "release" }, path, queryString: scfQueryOf(rawQuery) },
    httpMethod: head.m,
  };
}

/** A list of what is repeated, `true` for a name alone. */
function scfQueryOf(rawQuery: string): Record<string, unknown> {
  const alone = rawQuery.split("&").filter((pair) => !pair.includes("="));
  const aloneNames = new Set(new URLSearchParams(alone.join("&")).keys());
  const all = new Map<string, (string | true)[]>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    const one = value === "" && aloneNames.has(name) ? true : value;
    const before = all.get(name);
    if (before === undefined) all.set(name, [one]);
    else before.push(one);
  }
  return Object.fromEntries(
    [...all].map(([name, list]) => [name, list.length > 1 ? list : list[0]]),
  );
}

const FORM = /^\s*application\/x-www-form-urlencoded\b/i;

/** Forms, and bodies that say nothing of what they are, are base64 there. */
function isLambdaText(contentType: string | undefined, bytes: Uint8Array): boolean {
  return contentType !== undefined && !FORM.test(contentType) && isText(contentType, bytes);
}

function prefixOf(authority: string): string {
  return authority.split(/[.:]/, 1)[0] as string;
}

function canonical(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (text) => text.toUpperCase());
}

/** `12/Mar/2020:19:03:58 +0000` */
function clfText(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(" ");
  return `${day}/${month}/${year}:${clock} +0000`;
}

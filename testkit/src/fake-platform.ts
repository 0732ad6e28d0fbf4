/**
 * The remote party: a control API and a gateway on port 0, built from the table of operations. It
 * judges what it is asked by the table's own schemas and its own answers too, so that it cannot
 * accept or say what the contract does not.
 */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getBuiltinModule } from "node:process";
import { buffer } from "node:stream/consumers";
import { PlatformError } from "@skerry/base";
import { type Operation, type OperationName, OPERATIONS } from "@skerry/api-schema";
import { parseInput } from "@skerry/contracts/schemas";

/** The one key that it takes. */
export const FAKE_KEY = "sk_test_key";

/** One request after it was judged. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly archive: Buffer;
  readonly idempotencyKey: string | undefined;
  readonly ifMatch: string | undefined;
}

/** Gives the answer's JSON, or lines of it; throws a PlatformError to refuse. */
type Answer = (asked: Asked) => unknown;
export type Answers = { readonly [N in OperationName]?: Answer };
export type Invoke = (path: string, event: unknown, res: ServerResponse) => void;

export interface FakePlatform extends AsyncDisposable {
  readonly url: string;
  /** Names of the operations that were asked for, in order. */
  readonly asked: OperationName[];
}

const ROWS = Object.entries(OPERATIONS) as readonly (readonly [OperationName, Operation])[];

export async function startFakePlatform(answers: Answers, invoke?: Invoke): Promise<FakePlatform> {
  const asked: OperationName[] = [];
  const server = getBuiltinModule("node:http").createServer((req, res) => {
    void serve({ req, res, answers, invoke, asked }).catch((error: unknown) => {
      const failure = PlatformError.from(error);
      res.setHeader("content-type", "application/json");
      if (!res.headersSent) res.statusCode = failure.httpStatus;
      const { message } = error as Error;
      const told =
        failure.reason === "INTERNAL_ERROR" ? { ...failure.toWire(), message } : failure.toWire();
      res.end(JSON.stringify({ error: { ...told, requestId: "request-1" } }));
    });
  });
  // Who waits for the next request is not ended under a machine that is held up.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly answers: Answers;
  readonly invoke: Invoke | undefined;
  readonly asked: OperationName[];
}

/** An error as the platform words it. */
export function refusal(
  code: "NOT_FOUND" | "UNAUTHENTICATED" | "UNAVAILABLE",
  reason: string,
): PlatformError {
  const message = `The platform says ${reason}.`;
  return new PlatformError({ code, reason, message, hint: "Do otherwise.", retryable: false });
}

async function serve(exchange: Exchange): Promise<void> {
  const { req, res, answers, asked } = exchange;
  const url = new URL(req.url ?? "", "http://x");
  const bytes = await buffer(req);
  if (req.headers.authorization !== `Bearer ${FAKE_KEY}`)
    throw refusal("UNAUTHENTICATED", "KEY_INVALID");
  if (url.pathname.startsWith("/-/")) {
    const { "x-skerry-invoke": how, prefer } = req.headers;
    const isEvent = how === "event" || how === "events" || prefer === "respond-async";
    assert.ok(isEvent, "it is called with an event");
    exchange.invoke?.(url.pathname, JSON.parse(bytes.toString()), res);
    return;
  }
  for (const [name, operation] of ROWS) {
    const params = paramsOf(operation, url.pathname);
    if (operation.method !== req.method || params === undefined) continue;
    asked.push(name);
    const query = Object.fromEntries(url.searchParams);
    const { body } = operation;
    const isJson = body !== undefined && body !== "zip";
    const answer = answers[name];
    assert.ok(answer !== undefined, `${name} was not expected`);
    const value = await answer({
      params,
      query: parseInput(
        operation.query ?? OPERATIONS.listApps.query.partial(),
        query,
        "query",
      ) as never,
      body: isJson ? parseInput(body, JSON.parse(bytes.toString()), "body") : undefined,
      archive: bytes,
      idempotencyKey: req.headers["idempotency-key"]?.toString(),
      ifMatch: req.headers["if-match"],
    });
    await send(res, operation, value);
    return;
  }
  throw refusal("NOT_FOUND", "ROUTE_UNKNOWN");
}

function paramsOf({ path }: Operation, pathname: string): Record<string, string> | undefined {
  const pattern = path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  const groups = new RegExp(`^${pattern}$`).exec(pathname)?.groups;
  if (groups === undefined) return path === pathname ? {} : undefined;
  return Object.fromEntries(
    Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]),
  );
}

async function send(res: ServerResponse, operation: Operation, value: unknown): Promise<void> {
  const { answer, line, status } = operation;
  res.statusCode = status;
  if (answer === null) return void res.end();
  if (answer === "bytes") return void res.end(value as Uint8Array);
  if (answer === "text") return void res.end(String(value));
  if (answer !== "lines") {
    res.setHeader("content-type", "application/json");
    return void res.end(JSON.stringify(parseInput(answer, value, "answer")));
  }
  assert.ok(line !== undefined);
  res.setHeader("content-type", "application/x-ndjson");
  for await (const one of value as AsyncIterable<unknown> | Iterable<unknown>) {
    res.write(`${JSON.stringify(parseInput(line, one, "line"))}\n`);
  }
  res.end();
}

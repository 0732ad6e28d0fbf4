/**
 * A strict OTLP/HTTP receiver: it checks everything that opentelemetry-proto says of the JSON
 * encoding, keeps what it took, and answers as it is told. For tests only.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface TakenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface TakenLine {
  readonly body: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** How the receiver answers the next request; 200 takes it. */
export interface NextAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: TakenSpan[] = [];
  readonly lines: TakenLine[] = [];
  readonly faults: string[] = [];
  readonly seenHeaders: IncomingMessage["headers"][] = [];
  asked = 0;
  next: (n: number) => NextAnswer = () => ({ status: 200, body: {} });
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((req, res) => {
      void this.#take(req).then(({ status, headers, body = {} }) => {
        res.writeHead(status, { "content-type": "application/json", ...headers });
        res.end(JSON.stringify(body));
      });
    });
    // Who waits for the next request is not ended under a machine that is held up.
    this.#server.keepAliveTimeout = 0;
  }

  static async start(port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(req: IncomingMessage): Promise<NextAnswer> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    this.seenHeaders.push(req.headers);
    this.asked += 1;
    const answer = this.next(this.asked);
    if (answer.status !== 200) return answer;
    try {
      assert.equal(req.method, "POST");
      assert.equal(req.headers["content-type"], "application/json");
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Json;
      if (req.url === "/v1/traces") this.spans.push(...readSpans(body));
      else if (req.url === "/v1/logs") this.lines.push(...readLines(body));
      else assert.fail(`no such path: ${req.url}`);
    } catch (error) {
      this.faults.push(String(error));
      return { status: 400 };
    }
    return answer;
  }
}

type Json = Readonly<Record<string, unknown>>;

function onlyKeys(value: unknown, keys: readonly string[]): Json {
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
  for (const key of Object.keys(value)) assert.ok(keys.includes(key), `unknown field ${key}`);
  return value as Json;
}

function listOf(value: unknown): readonly unknown[] {
  assert.ok(Array.isArray(value) && value.length > 0, "a list that is not empty");
  return value;
}

function readAttributes(value: unknown): Json {
  assert.ok(Array.isArray(value));
  return Object.fromEntries(
    value.map((one) => {
      const { key, value: given } = onlyKeys(one, ["key", "value"]);
      assert.ok(typeof key === "string" && key !== "");
      const [[kind, inner] = [], ...more] = Object.entries(given as Json);
      assert.equal(more.length, 0);
      if (kind === "intValue") assert.match(String(inner), /^-?\d+$/);
      const types = { stringValue: "string", boolValue: "boolean", intValue: "string" };
      const wanted = { ...types, doubleValue: "number" }[String(kind)];
      assert.equal(typeof inner, wanted, `attribute ${key}`);
      return [key, inner];
    }),
  );
}

/** Resource and scope are the same around spans and lines. */
function* within(
  body: Json,
  names: { readonly outer: string; readonly inner: string; readonly items: string },
): Generator<{ readonly item: unknown; readonly resource: Json }> {
  for (const outer of listOf(onlyKeys(body, [names.outer])[names.outer])) {
    const { resource, [names.inner]: scopes } = onlyKeys(outer, ["resource", names.inner]);
    const attributes = readAttributes(onlyKeys(resource, ["attributes"])["attributes"]);
    for (const scoped of listOf(scopes)) {
      const { scope, [names.items]: items } = onlyKeys(scoped, ["scope", names.items]);
      assert.ok(typeof onlyKeys(scope, ["name"])["name"] === "string");
      for (const item of listOf(items)) yield { item, resource: attributes };
    }
  }
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;
const NANOS = /^[1-9]\d{17,18}$/;

function readSpans(body: Json): readonly TakenSpan[] {
  const names = { outer: "resourceSpans", inner: "scopeSpans", items: "spans" };
  return [...within(body, names)].map(({ item, resource }) => {
    const known = ["traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano"];
    const span = onlyKeys(item, [
      ...known,
      "endTimeUnixNano",
      "attributes",
      "status",
    ]) as never as TakenSpan;
    assert.match(span.traceId, TRACE_ID);
    assert.match(span.spanId, SPAN_ID);
    if (span.parentSpanId !== undefined) assert.match(span.parentSpanId, SPAN_ID);
    assert.match(span.startTimeUnixNano, NANOS);
    assert.match(span.endTimeUnixNano, NANOS);
    assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
    assert.ok([1, 2].includes(span.kind) && span.name !== "");
    onlyKeys(span.status, ["code", "message"]);
    return { ...span, attributes: readAttributes(span.attributes), resource };
  });
}

function readLines(body: Json): readonly TakenLine[] {
  const names = { outer: "resourceLogs", inner: "scopeLogs", items: "logRecords" };
  return [...within(body, names)].map(({ item, resource }) => {
    const known = ["timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText"];
    const line = onlyKeys(item, [...known, "body", "attributes", "traceId", "spanId"]);
    assert.match(String(line["timeUnixNano"]), NANOS);
    const severity = Number(line["severityNumber"]);
    assert.ok(Number.isInteger(severity) && severity >= 1 && severity <= 24);
    const { stringValue } = onlyKeys(line["body"], ["stringValue"]);
    assert.equal(typeof stringValue, "string");
    assert.equal(line["traceId"] === undefined, line["spanId"] === undefined);
    const attributes = readAttributes(line["attributes"]);
    return { ...(line as never as TakenLine), body: String(stringValue), attributes, resource };
  });
}

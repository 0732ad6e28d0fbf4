/** The runtime API as programs meet it, by SCF's paths and by Lambda's, over real connections. */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test, type TestContext } from "node:test";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { callHttp, type HttpAnswer } from "@skerry/testkit";
import { ANSWER_TOO_LARGE } from "../errors.ts";
import type { InvocationContext } from "../invocation-context.ts";
import { EventsApi } from "./events-api.ts";

const LAMBDA = "/2018-06-01/runtime";
const SCF = "/runtime";
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const TRACE = {
  ...{ traceId: TRACE_ID, spanId: SPAN_ID, sampled: true, tracestate: "a=1" },
  traceparent: `00-${TRACE_ID}-${SPAN_ID}-01`,
};

/** A program's side of the API: one connection that is kept, as most clients do. */
class Client {
  readonly api = new EventsApi();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #port = 0;
  #ids = 0;

  static async open(t: TestContext): Promise<Client> {
    const client = new Client();
    client.#port = await client.api.listen();
    t.after(() => client.close());
    return client;
  }

  close(): void {
    this.#agent.destroy();
    this.api.close();
  }

  /** A request comes to the instance; `leave` is its caller's. */
  come(event: unknown, requestId = this.#nextId()) {
    const caller = new AbortController();
    const context: Partial<InvocationContext> = {
      ...{ requestId, memoryMb: 128, deadlineMs: 1_700_000_000_000, remainingMs: () => 2_500.4 },
      ...{ app: "shop", function: "own", signal: caller.signal, trace: TRACE },
      clientContext: { user: "größe" },
    };
    const result = Promise.resolve(this.api.handle(event, context));
    result.catch(() => undefined);
    return { id: requestId, result, leave: () => caller.abort(new RangeError("left")) };
  }

  get(path: string, agent = this.#agent): Promise<HttpAnswer> {
    return callHttp({ port: this.#port, path, agent });
  }

  async post(
    path: string,
    body: string | Buffer = "",
    headers: Record<string, string> = {},
  ): Promise<number> {
    const call = { port: this.#port, path, method: "POST", headers, body, agent: this.#agent };
    return (await callHttp(call)).status;
  }

  #nextId(): string {
    this.#ids += 1;
    return `01900000-0000-7000-8000-${String(this.#ids).padStart(12, "0")}`;
  }
}

test("an event of bytes goes out as they are", async (t) => {
  const client = await Client.open(t);
  client.come(Buffer.from('{"word":"größe"}'));
  const { headers, text } = await client.get(`${LAMBDA}/invocation/next`);
  assert.deepEqual([headers["content-type"], text], [BYTES_EVENT_TYPE, '{"word":"größe"}']);
});

test("an event goes out with what is known of its request, and its answer is the result", async (t) => {
  const client = await Client.open(t);
  for (const base of [LAMBDA, SCF]) {
    const { id, result } = client.come({ word: "größe" });
    const { status, headers, text } = await client.get(`${base}/invocation/next`);
    assert.deepEqual([status, JSON.parse(text)], [200, { word: "größe" }]);
    const facts: Readonly<Record<string, string>> = {
      ...{ request_id: id, memory_limit_in_mb: "128", time_limit_in_ms: "2500" },
      ...{ "lambda-runtime-aws-request-id": id, "lambda-runtime-deadline-ms": "1700000000000" },
      "lambda-runtime-trace-id": `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${SPAN_ID};Sampled=1`,
      ...{ traceparent: TRACE.traceparent, tracestate: "a=1" },
      "lambda-runtime-client-context": '{"user":"gr\\u00f6\\u00dfe"}',
    };
    for (const [name, value] of Object.entries(facts)) assert.equal(headers[name], value, name);
    const own = base === LAMBDA ? `${id}/` : "";
    assert.equal(await client.post(`${base}/invocation/${own}response`, '{"n":1}'), 202);
    assert.deepEqual(await result, { n: 1 });
    assert.equal(
      await client.post(`${base}/invocation/${own}response`, "2"),
      404,
      "the first wins",
    );
  }
});

test("what is no JSON is a result as it stands, text or bytes, and nothing is none", async (t) => {
  const client = await Client.open(t);
  const bytes = Buffer.from([0, 255, 128]);
  for (const [body, expected] of [
    ["bare words", "bare words"],
    [bytes, bytes],
    ["", undefined],
  ] as const) {
    const { result } = client.come({});
    await client.get(`${SCF}/invocation/next`);
    await client.post(`${SCF}/invocation/response`, body);
    assert.deepEqual(await result, expected);
  }
});

test("an error is told with its name: of Lambda's object or header, or of SCF's text", async (t) => {
  const client = await Client.open(t);
  const told = { errorType: "BadLuck", errorMessage: "no luck", stackTrace: ["at home"] };
  const typed = { "lambda-runtime-function-error-type": "Runtime.Odd" };
  const cases = [
    { body: JSON.stringify(told), headers: {}, name: "BadLuck", message: "no luck" },
    { body: "odd", headers: typed, name: "Runtime.Odd", message: "odd" },
    { body: "no luck today", headers: {}, name: "Error", message: "no luck today" },
  ];
  for (const { body, headers, ...expected } of cases) {
    const { result } = client.come({});
    await client.get(`${SCF}/invocation/next`);
    assert.equal(await client.post(`${SCF}/invocation/error`, body, headers), 202);
    await assert.rejects(result, expected);
  }
});

test("a program is ready when it says so or asks for an event, and failed when it says that", async (t) => {
  const ready = await Client.open(t);
  assert.equal(await ready.post(`${SCF}/init/ready`), 202);
  await ready.api.ready;
  const asking = await Client.open(t);
  const next = asking.get(`${LAMBDA}/invocation/next`);
  await asking.api.ready;
  asking.come(1);
  assert.equal((await next).text, "1");
  for (const base of [LAMBDA, SCF]) {
    const failing = await Client.open(t);
    const body = JSON.stringify({ errorType: "NoConfig", errorMessage: "no file" });
    assert.equal(await failing.post(`${base}/init/error`, body), 202);
    await assert.rejects(failing.api.ready, { name: "NoConfig", message: "no file" });
  }
});

test("by SCF's paths an event comes again until it is answered, by Lambda's the next one", async (t) => {
  const client = await Client.open(t);
  const [first, second] = [client.come("first"), client.come("second")];
  for (let turn = 0; turn < 3; turn += 1)
    assert.equal((await client.get(`${SCF}/invocation/next`)).text, '"first"');
  assert.equal((await client.get(`${LAMBDA}/invocation/next`)).text, '"second"');
  await client.post(`${LAMBDA}/invocation/${first.id}/response`, "1");
  await client.post(`${LAMBDA}/invocation/${second.id}/response`, "2");
  assert.deepEqual(await Promise.all([first.result, second.result]), [1, 2]);
});

test("an answer to a caller that left is taken, goes to nobody else, and is taken once", async (t) => {
  const client = await Client.open(t);
  for (const base of [LAMBDA, SCF]) {
    const left = client.come("left");
    await client.get(`${base}/invocation/next`);
    left.leave();
    await assert.rejects(left.result, RangeError);
    const again = client.come("again", left.id);
    const own = base === LAMBDA ? `${left.id}/` : "";
    assert.equal(await client.post(`${base}/invocation/${own}response`, "1"), 202);
    assert.equal(await client.post(`${base}/invocation/${own}response`, "1"), 404);
    const next = await client.get(`${base}/invocation/next`);
    assert.equal(next.text, '"again"');
    assert.notEqual(next.headers["request_id"], left.id);
    const id = base === LAMBDA ? `${String(next.headers["request_id"])}/` : "";
    await client.post(`${base}/invocation/${id}response`, "2");
    assert.equal(await again.result, 2);
  }
});

test("what no program answers is not kept without end", async (t) => {
  const client = await Client.open(t);
  const all = [];
  for (let n = 0; n < 101; n += 1) {
    const left = client.come(n);
    await client.get(`${LAMBDA}/invocation/next`);
    left.leave();
    await assert.rejects(left.result, RangeError);
    all.push(left.id);
  }
  const answers = [all[0], all[1], all[100]].map((id) =>
    client.post(`${LAMBDA}/invocation/${id}/response`, "1"),
  );
  assert.deepEqual(await Promise.all(answers), [404, 202, 202]);
});

test("a program that hangs up while it waits takes no event along", async (t) => {
  const client = await Client.open(t);
  const leaving = new Agent();
  const asked = client.get(`${LAMBDA}/invocation/next`, leaving);
  await client.api.ready;
  leaving.destroy();
  await assert.rejects(asked);
  // The end of that connection is read before these are.
  for (let turn = 0; turn < 5; turn += 1) await client.post("/elsewhere");
  const { result, id } = client.come("kept");
  assert.equal((await client.get(`${LAMBDA}/invocation/next`)).text, '"kept"');
  await client.post(`${LAMBDA}/invocation/${id}/response`, "1");
  assert.equal(await result, 1);
});

test("a connection that is kept for many events has nothing left on it by any of them", async (t) => {
  const client = await Client.open(t);
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  for (let n = 0; n < 30; n += 1) {
    const { id, result } = client.come(n);
    await client.get(`${LAMBDA}/invocation/next`);
    await client.post(`${LAMBDA}/invocation/${id}/response`, String(n));
    assert.equal(await result, n);
  }
  assert.deepEqual(warnings, []);
});

test("unknown paths, methods and ids are refused", async (t) => {
  const client = await Client.open(t);
  for (const path of ["/", "/elsewhere", `${LAMBDA}/nothing`, `${SCF}/invocation/response`])
    assert.equal(await client.post(path), 404, path);
  assert.equal(await client.post(`${LAMBDA}/invocation/nobody/response`), 404);
  assert.equal((await client.get(`${SCF}/init/ready`)).status, 405);
});

test("an answer that is too large is read to its end, and fails its request at once", async (t) => {
  const client = await Client.open(t);
  for (const bytes of [(6 << 20) + 1, 12 << 20]) {
    const { id, result } = client.come({});
    await client.get(`${LAMBDA}/invocation/next`);
    const path = `${LAMBDA}/invocation/${id}/response`;
    assert.equal(await client.post(path, "x".repeat(bytes)), 413);
    await assert.rejects(result, ANSWER_TOO_LARGE);
  }
  const { result } = client.come({});
  await client.get(`${SCF}/invocation/next`);
  await client.post(`${SCF}/invocation/response`, `"${"x".repeat((6 << 20) - 2)}"`);
  assert.equal(String(await result).length, (6 << 20) - 2);
});

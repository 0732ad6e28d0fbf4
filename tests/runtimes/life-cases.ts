/** What a runtime owes around a handler: errors, log, context, deadlines, cancel, company. */
import assert from "node:assert/strict";
import type { LogLineResource } from "@skerry/api-schema";
import { HANDLER_STAGE, spanIdOf, stageSpanIdOf, traceIdOf } from "@skerry/base";
import type { HttpCall } from "@skerry/testkit";
import type { Cases } from "./case.ts";
import type { FunctionName, JobMoment, Target } from "./target.ts";

interface SeenContext {
  readonly requestId: string;
  readonly invocationId: string;
  readonly attempt: number;
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  readonly deadlineMs: number;
  readonly remainingMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly processEnv: Readonly<Record<string, string>>;
}

interface SeenTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly traceparent: string;
  readonly tracestate?: string | null;
}

const lineOf = (lines: readonly LogLineResource[], pattern: RegExp): LogLineResource => {
  const line = lines.find(({ text }) => pattern.test(text));
  assert.ok(line !== undefined);
  return line;
};

/** Asks for `action` with a token and leaves once the handler has begun. */
async function leave(target: Target, fn: FunctionName, path: (token: string) => string) {
  const token = target.token();
  const controller = new AbortController();
  const call = target.abandoned(fn, path(token), controller.signal);
  const begun = lineOf(
    await target.log(fn, new RegExp(`begun ${token}`)),
    new RegExp(`begun ${token}`),
  );
  controller.abort();
  await call;
  const over = new RegExp(`cancelled ${token}`);
  const cancelled = lineOf(await target.log(fn, over), over);
  if (target.fixture.printsFor === undefined) assert.ok(begun.requestId !== null);
  assert.equal(cancelled.requestId, begun.requestId);
}

/** All of `count` are in the instance at once, or none of them is answered. */
async function meet(ask: (count: number) => Promise<string>): Promise<void> {
  const count = 6;
  const answers = await Promise.all(Array.from({ length: count }, () => ask(count)));
  assert.match(answers[0] ?? "", /inst_/);
  assert.deepEqual(new Set(answers).size, 1, answers.join(", "));
}

export const LIFE_CASES: Cases = {
  "what a handler throws is named in the answer, its own lines stand in the log": async (
    target,
  ) => {
    const { errorName, throwsAt } = target.fixture;
    const answer = await target.invoke("event", { do: "throw" });
    assert.deepEqual([answer.status, answer.reason], [502, "FUNCTION_FAILED"]);
    assert.ok(answer.message.includes(`threw ${errorName}: on purpose`), answer.message);
    const lines = await target.log("event", new RegExp(answer.requestId), /on purpose/);
    const trace = lines.filter(({ requestId }) => requestId === answer.requestId);
    const error = trace.find(({ text }) => text.includes("on purpose") && text.includes(errorName));
    assert.equal(error?.level, "error");
    assert.ok(error.text.includes(throwsAt), error.text);
  },
  "log lines carry their request's id, their level and their whole text": async (target) => {
    const { requestId } = await target.invoke("event", { do: "log" });
    const lines = await target.log("event", /^größe/, new RegExp(`REPORT.*${requestId}`));
    const own = lines.filter((line) => line.requestId === requestId && line.stream === "console");
    assert.deepEqual(
      own.map(({ level, text }) => [level, text]),
      [
        ["info", "one"],
        ["warn", "two"],
        ["error", "three"],
        ["info", "größe 😀\nsecond line"],
      ],
    );
  },
  "the context names request, function and deadline; the environment has the function's own names":
    async (target) => {
      const beforeMs = Date.now();
      const answer = await target.invoke("event", { do: "context" });
      const seen = JSON.parse(answer.text) as SeenContext;
      assert.equal(seen.requestId, answer.requestId);
      const { app, memoryMb } = target;
      assert.deepEqual([seen.app, seen.function, seen.memoryMb], [app, "event", memoryMb]);
      assert.match(seen.revision, /^rev_/);
      assert.match(seen.instanceId, /^inst_/);
      assert.ok(seen.deadlineMs > beforeMs && seen.deadlineMs <= Date.now() + 10_000);
      assert.ok(seen.remainingMs > 0 && seen.remainingMs <= 10_000, String(seen.remainingMs));
      const own = Object.entries(seen.env).filter(([name]) => !name.startsWith("SKERRY_"));
      assert.deepEqual(own, [["GREETING", "grüezi"]]);
      assert.equal(seen.processEnv["GREETING"], "grüezi");
      assert.equal(seen.processEnv["SKERRY_INSTANCE_ID"], seen.instanceId);
    },
  "a request is of its caller's trace, or begins one": async (target) => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const sent = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "a=1,b=2" };
    const traceOf = async (headers: HttpCall["headers"]): Promise<[string, SeenTrace]> => {
      const { requestId, text } = await target.invoke("event", { do: "context" }, headers);
      return [requestId, (JSON.parse(text) as { readonly trace: SeenTrace }).trace];
    };
    const [called, { spanId, ...trace }] = await traceOf(sent);
    const own = stageSpanIdOf(called, HANDLER_STAGE);
    assert.equal(spanId, own);
    const { tracestate } = sent;
    const traceparent = `00-${traceId}-${own}-01`;
    assert.deepEqual(trace, { traceId, sampled: true, traceparent, tracestate });
    const [begun, alone] = await traceOf({});
    const [traceOfIt, span] = [traceIdOf(begun), spanIdOf(begun)];
    assert.deepEqual([alone.traceId, alone.spanId, alone.sampled], [traceOfIt, span, false]);
    assert.equal(alone.traceparent, `00-${traceOfIt}-${span}-00`);
    assert.equal(alone.tracestate ?? null, null);
  },
  "a synchronous call is the first attempt of itself": async (target) => {
    const answer = await target.invoke("event", { do: "context" });
    const { invocationId, attempt } = JSON.parse(answer.text) as SeenContext;
    assert.deepEqual([invocationId, attempt], [answer.requestId, 1]);
  },
  "a handler past its timeout is ended, waiting or spinning, and the next call is served": async (
    target,
  ) => {
    for (const action of ["sleep", "spin"]) {
      const { status, reason, text } = await target.call("late", `/?do=${action}&ms=60000`);
      assert.deepEqual([status, reason], [504, "FUNCTION_TIMEOUT"], `${action}: ${text}`);
    }
    let next = await target.invoke("late", { do: "echo", value: 1 });
    // On a busy machine it is late, too; nothing else may become of it.
    for (let left = 10; left > 0 && next.reason === "FUNCTION_TIMEOUT"; left -= 1)
      next = await target.invoke("late", { do: "echo", value: 1 });
    assert.deepEqual([next.status, next.text], [200, "1"], next.text);
  },
  "a process that ends is told with its exit code, and the next call is served": async (target) => {
    const { status, reason, message } = await target.invoke("event", { do: "exit" });
    assert.deepEqual([status, reason], [502, "FUNCTION_CRASHED"]);
    assert.match(message, /exit code 3/);
    assert.equal(await target.resultOf("event", { do: "echo", value: 1 }), 1);
  },
  "a handler learns that its caller left": async (target) => {
    await leave(target, "busy", (token) => `/?do=cancel&token=${token}`);
  },
  "work goes on after the answer, its lines under its request": async (target) => {
    const token = target.token();
    const answer = await target.invoke("busy", { do: "background", token });
    assert.equal(answer.text, '"answered"');
    const later = new RegExp(`^later ${token}`);
    const line = lineOf(await target.log("busy", later), later);
    assert.equal(line.requestId, answer.requestId);
    await target.backgroundRecord("busy");
  },
  "init runs before the first request, preStop before the instance is stopped": async (target) => {
    assert.deepEqual(await target.resultOf("brief", { do: "started" }), ["brief"]);
    await target.log("brief", /^parted from brief$/);
  },
  "what the caller tells beside the event is in the context": async (target) => {
    const told = { user: "größe", list: [1] };
    const sent = Buffer.from(JSON.stringify(told)).toString("base64");
    const headers = { "x-skerry-client-context": sent };
    const { text } = await target.invoke("event", { do: "client" }, headers);
    assert.deepEqual(JSON.parse(text), told);
    assert.equal(await target.resultOf("event", { do: "client" }), null);
  },
  "an event handler's answer leaves in parts": async (target) => {
    await target.inPieces("event", "/?do=stream", ["part 0\n", "part 1\n"]);
  },
  "the web proxy serves code that waits for it, and refuses what is not public": async (target) => {
    const text = "CONNECT 127.0.0.1:8080 HTTP/1.1\r\n\r\n";
    const first = await target.resultOf("event", { do: "proxy", text });
    assert.equal(first, "HTTP/1.1 403 Forbidden");
  },
  "a handler calls another function, and gets its result or its error": async (target) => {
    const call = (fn: FunctionName, payload: object): Promise<unknown> =>
      target.resultOf("event", { do: "call", target: `${target.app}/${fn}`, payload });
    const value = { text: "größe 😀", list: [1.5, null] };
    assert.deepEqual(await call("busy", { do: "echo", value }), value);
    assert.equal(await call("busy", { do: "nothing" }), null);
    assert.equal(await call("busy", { do: "throw" }), "FUNCTION_FAILED");
    assert.equal(await call("late", { do: "spin" }), "FUNCTION_TIMEOUT");
    const once = (key: string, payload: object, stream = false): Promise<unknown> =>
      target.resultOf("event", {
        ...{ do: "call", target: `${target.app}/busy`, payload, once: key, stream },
      });
    const first = await once("order-7", { do: "context" });
    assert.deepEqual(await once("order-7", { do: "context" }), first);
    assert.notDeepEqual(await once("order-8", { do: "context" }), first, "the control");
    assert.equal(await once("order-7", { do: "nothing" }), "IDEMPOTENCY_KEY_CONFLICT");
    assert.equal(await once("order-7", { do: "context" }, true), "CALL_KEY_INVALID");
    // A larger head would cost the instance its link, and whoever it serves beside.
    const long = "k".repeat(600 << 10);
    assert.equal(await once(long, { do: "context" }), "CALL_HEAD_TOO_LARGE");
  },
  "a handler publishes one message or many, and hears where they lie or why not": async (
    target,
  ) => {
    const topic = await target.topic();
    const publish = (content: unknown, to = topic): Promise<unknown> =>
      target.resultOf("event", { do: "publish", topic: to, content, key: "größe" });
    const content = { text: "größe 😀", list: [1.5, null] };
    const place = await publish(content);
    const [own, other] = [{ key: "own", data: 1 }, { data: [2] }];
    const places = (await publish([own, other])) as readonly unknown[];
    const items = await target.messages(topic);
    const seen = items.map(({ partition, offset, key, data }) => ({
      ...{ place: { partition, offset }, key, data },
    }));
    assert.deepEqual(seen, [
      { place, key: "größe", data: content },
      { place: places[0], key: "own", data: 1 },
      { place: places[1], key: "größe", data: [2] },
    ]);
    const refused = async (bad: unknown, to = topic): Promise<string> => {
      const { reason, hint } = (await publish(bad, to)) as { reason: string; hint: string };
      assert.ok(hint.length > 10, `${JSON.stringify(bad)}: it says what to do`);
      return reason;
    };
    assert.equal(await refused(content, "nowhere"), "TOPIC_NOT_FOUND");
    // "no JSON" is something that JSON does not have, behind a message that is good.
    for (const bad of [[], [7], ["text", null], [{ data: 1, dat: 2 }], "no JSON"])
      assert.equal(await refused(bad), "INPUT_INVALID", JSON.stringify(bad));
    assert.equal(
      (await target.messages(topic)).length,
      items.length,
      "nothing of them was written",
    );
    const asked = { do: "publish", topic, key: "own", once: "order-7" };
    const once = (said: unknown, more: object = {}): Promise<unknown> =>
      target.resultOf("event", { ...asked, content: said, ...more });
    const first = await once(content);
    assert.deepEqual(await once(content), first);
    const reasonOf = (said: unknown): string => (said as { readonly reason: string }).reason;
    assert.equal(reasonOf(await once([own])), "IDEMPOTENCY_KEY_CONFLICT");
    // A key is text of ASCII.
    for (const bad of [7, "größe"])
      assert.equal(reasonOf(await once(content, { once: bad })), "INPUT_INVALID");
    assert.equal((await target.messages(topic)).length, items.length + 1);
  },
  "a job says how far it is, and ends by itself when it is cancelled": async (target) => {
    const message = target.token();
    let last: JobMoment | undefined;
    for await (const moment of target.job("event", { do: "job", token: message })) {
      // The first moment that is seen may have it already.
      const isHalf = moment.progress !== null && (last?.progress ?? null) === null;
      if (isHalf) assert.deepEqual(moment.progress?.value, { done: 1, total: 2, message });
      if (isHalf) await moment.cancel();
      last = moment;
    }
    assert.equal(last?.state, "cancelled");
    assert.equal(await last.result(), `half ${message}`);
  },
  "one instance runs as many requests at once as it is allowed": async (target) => {
    await meet(async (count) => (await target.invoke("busy", { do: "meet", count })).text);
  },
};

export const WEB_LIFE_CASES: Cases = {
  "a handler that streams learns that its caller left": async (target) => {
    await leave(target, "web", (token) => `/endless?token=${token}`);
  },
  "one web instance runs many requests at once": async (target) => {
    await meet(async (count) => (await target.call("web", `/meet?count=${count}`)).text);
  },
};

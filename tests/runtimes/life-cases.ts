/** What a runtime owes around a handler: errors, log, context, deadlines, cancel, company. */
import assert from "node:assert/strict";
import type { LogLineResource } from "@skerry/contracts";
import type { Cases } from "./case.ts";
import type { FunctionName, Target } from "./target.ts";

interface SeenContext {
  readonly requestId: string;
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
  assert.ok(begun.requestId !== null);
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
      assert.deepEqual([seen.app, seen.function, seen.memoryMb], [target.app, "event", 128]);
      assert.match(seen.revision, /^rev_/);
      assert.match(seen.instanceId, /^inst_/);
      assert.ok(seen.deadlineMs > beforeMs && seen.deadlineMs <= Date.now() + 10_000);
      assert.ok(seen.remainingMs > 0 && seen.remainingMs <= 10_000, String(seen.remainingMs));
      assert.deepEqual(seen.env, { GREETING: "grüezi" });
      assert.equal(seen.processEnv["GREETING"], "grüezi");
      assert.equal(seen.processEnv["SKERRY_INSTANCE_ID"], seen.instanceId);
    },
  "a handler past its timeout is ended, waiting or spinning, and the next call is served": async (
    target,
  ) => {
    for (const action of ["sleep", "spin"]) {
      const { status, reason, text } = await target.call("late", `/?do=${action}&ms=60000`);
      assert.deepEqual([status, reason], [504, "FUNCTION_TIMEOUT"], `${action}: ${text}`);
    }
    assert.equal(await target.resultOf("late", { do: "echo", value: 1 }), 1);
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
  },
  "a handler calls another function, and gets its result or its error": async (target) => {
    const call = (fn: FunctionName, payload: object): Promise<unknown> =>
      target.resultOf("event", { do: "call", target: `${target.app}/${fn}`, payload });
    const value = { text: "größe 😀", list: [1.5, null] };
    assert.deepEqual(await call("busy", { do: "echo", value }), value);
    assert.equal(await call("busy", { do: "nothing" }), null);
    assert.equal(await call("busy", { do: "throw" }), "FUNCTION_FAILED");
    assert.equal(await call("late", { do: "spin" }), "FUNCTION_TIMEOUT");
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

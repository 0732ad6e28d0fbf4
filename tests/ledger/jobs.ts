/**
 * Jobs on a platform: one that runs longer than a call may, one that is seen live over the restart
 * of control, is cancelled and ends by itself before the next of its key begins, and one that stops
 * reporting and is made again.
 */
import assert from "node:assert/strict";
import type { AcceptedInvocationDetails, InvocationMoment } from "@skerry/api-schema";
import { followInvocation } from "@skerry/sdk";
import { callHttp, type Platform, type SourceFiles } from "@skerry/testkit";

const STEPS = 15;
/** More than anybody waits for: it goes on until it is cancelled. */
const ENDLESS = 6_000;

const JOB: SourceFiles = {
  "index.ts": `
interface Context {
  readonly attempt: number;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
export async function handler({ word, steps }: Record<string, never>, context: Context) {
  if (word === "silent" && context.attempt === 1) await new Promise(() => undefined);
  for (let done = 1; done <= steps && !context.signal.aborted; done += 1) {
    context.progress({ done, total: steps, message: word });
    await pause();
  }
  return context.signal.aborted ? "half" : "whole";
}
`,
};

const app = "ledger";

export async function runJobs(platform: Platform): Promise<void> {
  const policy = { timeoutMs: 86_400_000, attempts: 2, retryDelayMs: 10 };
  const config = { timeoutMs: 500, maxInstances: 4, async: policy };
  await platform.deploy({ app, fn: "job", files: JOB, config });
  // Longer than a busy machine keeps one waiting that reports.
  const heard = { ...config, async: { ...policy, heartbeatMs: 5_000 } };
  await platform.deploy({ app, fn: "heard", files: JOB, config: heard });
  await runsLong(platform);
  await endsByItself(platform);
  await isMadeAgain(platform);
}

async function accept(
  { client }: Platform,
  fn: "job" | "heard",
  body: { readonly event: object; readonly orderingKey?: string },
): Promise<string> {
  return (await client.acceptInvocation({ params: { app, fn }, body })).id;
}

/** What is seen of it, to its end; `seen` may act meanwhile. */
async function follow(
  { client }: Platform,
  invocation: string,
  seen: (moment: InvocationMoment) => Promise<unknown> | undefined = () => undefined,
): Promise<AcceptedInvocationDetails> {
  const signal = AbortSignal.timeout(180_000);
  for await (const moment of followInvocation(client, { invocation, signal })) await seen(moment);
  return await client.getAcceptedInvocation({ params: { request: invocation } });
}

async function runsLong(platform: Platform): Promise<void> {
  const event = { word: "live", steps: STEPS };
  const answer = await callHttp({
    ...{ port: platform.gatewayPort, path: `/-/${app}/job/`, method: "POST" },
    headers: { "x-skerry-key": platform.key, "x-skerry-invoke": "event" },
    body: JSON.stringify(event),
  });
  assert.equal(answer.status, 504, "the control: a call has the function's own timeout");
  const one = await follow(platform, await accept(platform, "job", { event }));
  assert.deepEqual([one.state, one.attempts], ["succeeded", 1]);
  assert.deepEqual(one.progress?.value, { done: STEPS, total: STEPS, message: "live" });
}

async function endsByItself(platform: Platform): Promise<void> {
  const event = { word: "first", steps: ENDLESS };
  const first = await accept(platform, "job", { event, orderingKey: "key" });
  const next = { event: { word: "second", steps: 1 }, orderingKey: "key" };
  const second = await accept(platform, "job", next);
  const seenAfter = new Set<number>();
  let restarted: Promise<void> | undefined;
  let [isBack, isAsked] = [false, false];
  const one = await follow(platform, first, async ({ progress }) => {
    if (progress === null || isAsked) return;
    restarted ??= platform.restart("control").then(() => void (isBack = true));
    if (isBack) seenAfter.add((progress.value as { done: number }).done);
    if (seenAfter.size < 3) return;
    isAsked = true;
    const request = { params: { request: first }, body: {} };
    const said = await platform.client.cancelInvocation(request);
    assert.deepEqual([said.cancelled, said.stopping], [true, true]);
  });
  await restarted;
  assert.equal(seenAfter.size, 3, "it is seen live after the restart");
  assert.deepEqual([one.state, one.attempts, one.history.length], ["cancelled", 1, 1]);
  const answer = await platform.client.getAcceptedResult({ params: { request: first } });
  assert.equal(Buffer.from(answer).toString(), `"half"`);
  const other = await follow(platform, second);
  assert.equal(other.state, "succeeded");
  const [endedAt, begunAt] = [one.history[0]?.endedAt ?? "", other.history[0]?.startedAt ?? ""];
  assert.ok(begunAt >= endedAt, `the next began at ${begunAt}, before the end at ${endedAt}`);
}

async function isMadeAgain(platform: Platform): Promise<void> {
  const silent = { event: { word: "silent", steps: 1 } };
  const one = await follow(platform, await accept(platform, "heard", silent));
  assert.deepEqual([one.state, one.attempts], ["succeeded", 2]);
  const reasons = one.history.map(({ outcome, error }) => [outcome, error?.reason]);
  assert.deepEqual(reasons, [
    ["timeout", "FUNCTION_HEARTBEAT_MISSED"],
    ["ok", undefined],
  ]);
}

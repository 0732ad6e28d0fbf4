import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test, type TestContext } from "node:test";
import { until } from "@skerry/testkit";
import { decideHealth, type Health, type ProcessLook } from "./health.ts";
import { lookAtProcess } from "./process-look.ts";

const LIMITS = { silenceMs: 6_000, everyMs: 1_000 };
const ASLEEP: ProcessLook = { isRunning: false, cpuMs: 500 };

/** What each look at a process finds; every second one unless `everyMs` says otherwise. */
interface Course {
  readonly process: (second: number) => ProcessLook | undefined;
  readonly answersAt?: readonly number[];
  readonly everyMs?: number;
}

/** The second at which a role counts as hung, within two minutes. */
function hungAt({ process, answersAt = [], everyMs = 1_000 }: Course): number | undefined {
  let health: Health | undefined;
  for (let nowMs = 0; nowMs <= 120_000; nowMs += everyMs) {
    const second = nowMs / 1_000;
    const hasAnswered = answersAt.includes(second);
    const decided = decideHealth(health, { nowMs, hasAnswered, process: process(second) }, LIMITS);
    if (decided.isHung) return second;
    health = decided.health;
  }
  return undefined;
}

test("a role that is stopped or asleep and does not answer is hung after the silence that is borne", () => {
  assert.equal(hungAt({ process: () => ASLEEP }), 6);
  assert.equal(hungAt({ process: () => ASLEEP, answersAt: [1, 2, 3] }), 9);
});

test("a role that spins and does not answer is hung", () => {
  assert.equal(hungAt({ process: (s) => ({ isRunning: true, cpuMs: s * 900 }) }), 6);
});

test("a role that wants to run and is not let is not hung, however long it is silent", () => {
  assert.equal(hungAt({ process: (s) => ({ isRunning: true, cpuMs: s * 100 }) }), undefined);
});

test("a role that answers now and then is not hung", () => {
  const answersAt = Array.from({ length: 30 }, (_, n) => n * 5);
  assert.equal(hungAt({ process: () => ASLEEP, answersAt }), undefined);
});

test("a supervisor that is held up itself blames nobody", () => {
  assert.equal(hungAt({ process: () => ASLEEP, everyMs: 3_000 }), undefined);
});

test("where the kernel tells nothing, silence is enough", () => {
  assert.equal(hungAt({ process: () => undefined }), 6);
});

/** A Node that runs `source`. */
function start(t: TestContext, source: string): number {
  const child = spawn(process.execPath, ["-e", source], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  return child.pid ?? 0;
}

const hasProc = { skip: process.platform !== "linux" && "there is no /proc" };

test("one that spins is seen to run and to use the processor", hasProc, async (t) => {
  const pid = start(t, "for (;;);");
  await until("it has used some, and runs", () => {
    const { cpuMs = 0, isRunning } = lookAtProcess(pid) ?? {};
    return cpuMs >= 300 && isRunning === true;
  });
});

test("one that is stopped, though it has work, is seen not to run", hasProc, async (t) => {
  const pid = start(t, "for (;;);");
  await until("it runs", () => (lookAtProcess(pid)?.cpuMs ?? 0) >= 50);
  process.kill(pid, "SIGSTOP");
  await until("it does not run", () => lookAtProcess(pid)?.isRunning === false);
  const before = lookAtProcess(pid)?.cpuMs;
  assert.equal(lookAtProcess(pid)?.cpuMs, before);
});

test("of a process that is gone nothing is told", () => {
  assert.equal(lookAtProcess(2 ** 30), undefined);
});

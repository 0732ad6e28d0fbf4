/** The time that loading may take, kept for a runtime that does not even listen. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import type { InstanceGrant, SpecialiseHead } from "@skerry/contracts";
import type { SandboxExit } from "@skerry/sandbox";
import { HandClock } from "@skerry/testkit";
import { Loading } from "./loading.ts";
import type { RuntimeProcess } from "./runtime-process.ts";

/** Takes a last word that the kernel has no room for, and reads nothing of it. */
function deafRuntime(): RuntimeProcess {
  const exited = Promise.withResolvers<SandboxExit>();
  const process = {
    ...{ id: "inst_1", takesLastWord: true },
    tellAndRelease: () => exited.promise.then(() => new Socket()),
    sandbox: {
      exited: exited.promise,
      kill: () => {
        exited.resolve({ code: null, signal: "SIGKILL", oomKilled: false } as SandboxExit);
        return exited.promise;
      },
    },
    collector: { tail: [], lastWords: () => Promise.resolve() },
  };
  return process as unknown as RuntimeProcess;
}

test("a runtime that never reads its last word is given up when loading takes too long", async () => {
  const clock = new HandClock();
  let isHandedOver = false;
  const loading = new Loading(clock).load({
    ...{ process: deafRuntime(), initTimeoutMs: 600 },
    ...{ head: {} as SpecialiseHead, grant: {} as InstanceGrant },
    handOver: () => {
      isHandedOver = true;
      return Promise.resolve();
    },
  });
  clock.advance(600);
  const reply = await loading;
  assert.ok(!reply.ok);
  assert.deepEqual([reply.name, isHandedOver, clock.timers], ["InitTimeout", false, 0]);
});

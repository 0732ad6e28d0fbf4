/**
 * Lets code end in peace: an instance that nothing runs on any more is asked to run its `preStop`
 * hook, or to end its web server, while its link still leads somewhere.
 */
import type { Clock } from "@skerry/base";
import type { PreStopHead, StopReason } from "@skerry/contracts";
import type { Instance } from "./instance.ts";

/** Instances that are stopped for any other reason may be stuck, or lie. */
const IN_PEACE: ReadonlySet<StopReason> = new Set(["idle", "new_revision", "removed", "draining"]);

/** True for an instance whose code has something to do before it is stopped. */
export function partsInPeace({ grant, link }: Instance, why: StopReason): boolean {
  return grant.preStop === true && IN_PEACE.has(why) && !link.closed && !link.parked;
}

/** Resolves when it is done, gave up or went; after `timeoutMs` at the latest. Never rejects. */
export function runPreStop(clock: Clock, { link }: Instance, timeoutMs: number): Promise<void> {
  if (timeoutMs === 0) return Promise.resolve();
  const head: PreStopHead = { op: "pre-stop" };
  return new Promise((resolve) => {
    const cancel = clock.schedule(timeoutMs, () => done(), { background: true });
    const done = (): void => {
      cancel();
      resolve();
    };
    const onEnd = (end: boolean): void => void (end && done());
    link.open(
      JSON.stringify(head),
      { remainingMs: timeoutMs, end: true },
      {
        onReply: (_head, _body, end) => onEnd(end),
        onBody: (_chunk, end) => onEnd(end),
        onWritable: () => undefined,
        onFailed: done,
      },
    );
  });
}

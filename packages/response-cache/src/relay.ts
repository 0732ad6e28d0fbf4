/** Answers that go on as they come. */
import type { PlatformError } from "@skerry/base";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import { passedHead, type Forwarded } from "./heads.ts";

/** To one client, without what is meant for caches. `seen` is told of each head before it goes. */
export function relayTo(
  to: AnswerSink,
  how: (head: AnswerHead) => Omit<Forwarded, "fwdStatus">,
): AnswerSink {
  const changed = (head: AnswerHead): AnswerHead =>
    passedHead(head, { ...how(head), fwdStatus: head.status });
  return {
    get isGone() {
      return to.isGone;
    },
    whole: (head, body) => to.whole(changed(head), body),
    fail: (error) => to.fail(error),
    begin: (head, length) => to.begin(changed(head), length),
    write: (part) => to.write(part),
    drained: () => to.drained(),
    end: () => to.end(),
    reset: () => to.reset(),
  };
}

/** To nobody, who is gone. */
export const NOBODY: AnswerSink = {
  isGone: true,
  whole: () => undefined,
  fail: (_error: PlatformError) => undefined,
  begin: () => undefined,
  write: () => true,
  drained: () => Promise.resolve(),
  end: () => undefined,
  reset: () => undefined,
};

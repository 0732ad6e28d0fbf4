/** Where invocations of a timer say they came from. */
import { actionFactsOf, type LedgerEvent } from "@skerry/contracts";
import type { TimerRecord } from "@skerry/triggers";

/** A timer by its id; the drive of an action by the trigger's, with what its runs know of it. */
export function sourceOfTimer({ id, app, action }: TimerRecord): {
  readonly sourceId: string;
  readonly event: LedgerEvent;
} {
  if (action === null) return { sourceId: id, event: {} };
  const facts = actionFactsOf({ app, name: action, drive: "timer" });
  return { sourceId: facts.t, event: { ac: facts } };
}

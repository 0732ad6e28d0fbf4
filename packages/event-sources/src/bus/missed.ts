/**
 * Tells the bus of ticks that a timer has left out, in the transaction that moves it on. Where no
 * rule hears of it, it costs a look into an index, and only with such a tick.
 */
import type { AccountId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { listeners, putEvents } from "@skerry/triggers";
import { tickTimers as tickAlone, type Ticked, type TimerTick } from "../timers/tick.ts";
import { platformEvent } from "./platform-events.ts";

/** As timers tick alone, with what is told of those that were left out. */
export function* tickTimers(
  tx: Tx,
  args: { readonly items: readonly TimerTick[]; readonly slot: number; readonly nowMs: number },
): TxStep<readonly Ticked[]> {
  const answers = yield* tickAlone(tx, args);
  const late = args.items.filter(
    ({ advance }, i) => advance.skipped > 0 && answers[i] === "ticked",
  );
  if (late.length === 0) return answers;
  const hearing = new Set(yield* listeners(tx, null));
  if (hearing.size > 0)
    for (const { advance } of late) yield* tell(tx, { ...args, advance, hearing });
  return answers;
}

function* tell(
  tx: Tx,
  args: {
    readonly advance: TimerTick["advance"];
    readonly hearing: ReadonlySet<AccountId>;
    readonly nowMs: number;
  },
): TxStep<void> {
  const { advance, hearing, nowMs } = args;
  const { id, seen, skipped } = advance;
  const timer = yield* tx.get<{ account_id: string; app: string; name: string; fn: string }>(
    "SELECT account_id, app, name, fn FROM timers WHERE id = ?",
    [id],
  );
  if (timer === undefined) return;
  const { account_id: account, app, name, fn } = timer;
  const accountId = account as AccountId;
  if (!hearing.has(accountId)) return;
  const telling = {
    ...({ accountId, app, type: "skerry.timer.missed.v1", id: `${id}/${seen.nextMs}` } as const),
    ...{ subject: `${app}/${name}`, timeMs: nowMs },
    data: { app, function: fn, timer: name, skipped },
  };
  const items = [platformEvent(telling, nowMs)];
  yield* putEvents(tx, { accountId, items, nowMs, mayRefuse: false });
}

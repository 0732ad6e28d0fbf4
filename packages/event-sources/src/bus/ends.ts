/**
 * Tells the bus of invocations that have failed or expired, in the transaction that ends them: who
 * hears of one hears of each, and of none that did not end. Where no rule hears of ends it costs a
 * look into an index.
 *
 * What a rule runs because of an end is not told of when it fails itself: a rule whose own function
 * fails would run for ever.
 */
import type { AccountId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { badEndsAt, type BadEnd } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { listeners, putEvents } from "@skerry/triggers";
import { platformEvent } from "./platform-events.ts";

/** Those of this transaction, which says that it is `nowMs`; told again, each is there once. */
export function* tellEnds(tx: Tx, { nowMs }: { readonly nowMs: number }): TxStep<void> {
  const hearing = new Set(yield* listeners(tx, null));
  if (hearing.size === 0) return;
  const told = new Map<AccountId, BadEnd[]>();
  for (const end of yield* badEndsAt(tx, { endedMs: nowMs })) {
    const isOwn = end.source === "event" && end.depth > 0;
    // Its trigger tries a batch again, and tells of what it gives up.
    if (
      isOwn ||
      end.source === "topic" ||
      end.depth >= LIMITS.destinationDepthMax ||
      !hearing.has(end.accountId)
    )
      continue;
    told.set(end.accountId, [...(told.get(end.accountId) ?? []), end]);
  }
  for (const [accountId, ends] of told) {
    const items = ends.map((end) => eventOfEnd(end, nowMs));
    yield* putEvents(tx, { accountId, items, nowMs, mayRefuse: false });
  }
}

function eventOfEnd(ended: BadEnd, nowMs: number) {
  const { id, accountId, app, fn, end, source, attempts, error, depth } = ended;
  const telling = {
    ...{ accountId, id, app, subject: `${app}/${fn}`, timeMs: nowMs, depth: depth + 1 },
    type: `skerry.invocation.${end}.v1` as const,
    data: { app, function: fn, invocation: id, source, attempts, error },
  };
  return platformEvent(telling, nowMs);
}

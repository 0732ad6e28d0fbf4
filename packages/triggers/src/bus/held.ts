/**
 * What rules have made of events and there is no room for yet: the event was matched and waits no
 * more for rules, and what is held is entered when its function's and account's limits let it. A
 * row is what remains to be done; whoever takes it away enters its invocation in the same commit.
 * Each function's stand in line by themselves, so that none waits for another's room.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import type { KeptEvent } from "./events.ts";
import type { RuleRecord } from "./tables.ts";

/** A rule as what it makes is entered, also when it is changed or gone by then. */
export interface EnteringRule extends Pick<
  RuleRecord,
  "id" | "accountId" | "app" | "name" | "action" | "eventFormat"
> {
  readonly functionId: FunctionId;
  readonly fn: string;
}

/** An event that a rule has for a function without room. */
export interface HeldDelivery {
  readonly seq: number;
  readonly rule: EnteringRule;
}

/** With the event that it is about. */
export interface HeldEvent extends HeldDelivery {
  readonly kept: KeptEvent;
}

/** Notes what is to be entered later; what is noted already stays as it is. */
export function* holdDeliveries(
  tx: Tx,
  { items }: { readonly items: readonly HeldDelivery[] },
): TxStep<void> {
  for (const { seq, rule } of items) {
    const { id, accountId, app, name, functionId, fn, action, eventFormat } = rule;
    yield* tx.run(
      `INSERT INTO bus_held
         (seq, rule_id, account_id, app, name, function_id, fn, action, event_format)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq, rule_id) DO NOTHING`,
      [seq, id, accountId, app, name, functionId, fn, action, eventFormat],
    );
  }
}

/** A function for which something is held. */
export interface HeldLine {
  readonly functionId: FunctionId;
  /** How much, up to what was asked for. */
  readonly count: number;
}

/** Every function for which something is held. */
export function* heldLines(
  tx: Tx,
  { countMax }: { readonly countMax: number },
): TxStep<readonly HeldLine[]> {
  const lines: HeldLine[] = [];
  for (let after = ""; ;) {
    const next = yield* tx.get<{ function_id: string | null }>(
      "SELECT MIN(function_id) AS function_id FROM bus_held WHERE function_id > ?",
      [after],
    );
    if (next === undefined || next.function_id === null) return lines;
    after = next.function_id;
    const held = yield* tx.all<{ seq: number }>(
      "SELECT seq FROM bus_held WHERE function_id = ? ORDER BY seq LIMIT ?",
      [after, countMax],
    );
    lines.push({ functionId: after as FunctionId, count: held.length });
  }
}

interface HeldRow {
  readonly seq: number;
  readonly rule_id: RuleRecord["id"];
  readonly account_id: AccountId;
  readonly app: string;
  readonly name: string;
  readonly fn: string;
  readonly action: string | null;
  readonly event_format: RuleRecord["eventFormat"];
  readonly at_ms: number;
  readonly depth: number;
  readonly body: Uint8Array;
}
type HeldRowOf = HeldRow & Record<keyof HeldRow, string | number | null | Uint8Array>;

/** What is held for a function, the oldest first. */
export function* readHeld(
  tx: Tx,
  { functionId, limit }: { readonly functionId: FunctionId; readonly limit: number },
): TxStep<readonly HeldEvent[]> {
  const rows = yield* tx.all<HeldRowOf>(
    `SELECT h.seq, h.rule_id, h.account_id, h.app, h.name, h.fn, h.action, h.event_format,
       e.at_ms, e.depth, e.body
     FROM bus_held h JOIN bus_events e ON e.seq = h.seq
     WHERE h.function_id = ? ORDER BY h.seq, h.rule_id LIMIT ?`,
    [functionId, limit],
  );
  return rows.map((row) => {
    const { seq, app, name, fn, action, at_ms: atMs, depth, body } = row;
    const { rule_id: id, account_id: accountId, event_format: eventFormat } = row;
    const rule = { id, accountId, app, name, functionId, fn, action, eventFormat };
    return { seq, rule, kept: { seq, atMs, depth, body } };
  });
}

/** Takes one away; false when somebody else was faster. */
export function* takeHeld(
  tx: Tx,
  { seq, ruleId }: { readonly seq: number; readonly ruleId: string },
): TxStep<boolean> {
  const taken = yield* tx.run("DELETE FROM bus_held WHERE seq = ? AND rule_id = ?", [seq, ruleId]);
  return taken > 0;
}

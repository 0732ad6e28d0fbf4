/**
 * The ledger with one mistake in it: a module of `src/ledger` is loaded again with one piece of its
 * text replaced, and everything around it as it is.
 */
import { loadMistaken } from "@skerry/testkit/simulation";
import type { SimulatedLedger } from "./procedures.ts";

export interface Mutant {
  /** The mistake, as a relative clause: "a ledger that …". */
  readonly name: string;
  readonly file:
    | ("accept" | "cancel" | "claim" | "decide" | "destinations" | "end" | "end-waiting")
    | ("holders" | "ledger-clock" | "meetings" | "retention" | "sequence" | "settle")
    | "keys";
  /** Known to find it; which is another one once the simulation draws otherwise. */
  readonly seed?: number;
  /** Stands in the file once. */
  readonly from: string;
  readonly to: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    ...{ name: "lets anybody settle", file: "settle", seed: 25 },
    ...{ from: "row.holder === holder", to: "row.holder !== null" },
  },
  {
    ...{ name: "takes the end of an earlier attempt", file: "settle" },
    ...{ from: "row?.attempt !== item.attempt", to: "row === undefined" },
  },
  {
    ...{ name: "ends twice what is told twice at once", file: "settle" },
    ...{ from: "held.delete(item.id);", to: "" },
  },
  {
    ...{ name: "answers all that is told at once as the first of it", file: "settle" },
    ...{ from: "ends[at++] ??", to: "ends[0] ??" },
  },
  {
    ...{ name: "frees what its holder still has", file: "settle" },
    from: "const lost = held.filter(({ id, attempt }) => !keptNames.has(`${id} ${attempt}`));",
    to: "const lost = held;",
  },
  {
    ...{
      name: "takes another attempt of the same for the one that is kept",
      file: "settle",
      seed: 14,
    },
    from: "const lost = held.filter(({ id, attempt }) => !keptNames.has(`${id} ${attempt}`));",
    to: "const lost = held.filter(({ id }) => !kept?.some((one) => one.id === id));",
  },
  {
    ...{ name: "sums up no end of an attempt", file: "settle" },
    ...{ from: "yield* addSums(tx, args.slot, sums);", to: "" },
  },
  {
    ...{ name: "frees one fewer than it says", file: "settle" },
    from: "lost.slice(0, args.rowsMax)",
    to: "lost.slice(0, Math.max(1, args.rowsMax - 1))",
  },
  {
    ...{ name: "writes down no failure that counts", file: "settle" },
    ...{ from: "decided.dueMs, decided.counted]", to: "decided.dueMs, row.counted]" },
  },
  {
    ...{ name: "tells a gateway that it holds what another does", file: "settle" },
    ...{ from: "WHERE phase = 1 AND holder = ?\n", to: "WHERE phase = 1 AND ? IS NOT NULL\n" },
  },
  {
    ...{ name: "counts failures while its breaker is open", file: "decide" },
    ...{ from: "classOf(outcome, isUncounted)", to: "classOf(outcome, false)" },
  },
  {
    ...{ name: "knows no holder that never said it was there", file: "holders" },
    ...{ from: "LEFT JOIN", to: "JOIN" },
  },
  {
    ...{ name: "forgets when one that holds something was there", file: "holders" },
    ...{ from: "WHERE seen_ms < ? AND NOT EXISTS", to: "WHERE seen_ms < ? OR NOT EXISTS" },
  },
  {
    ...{ name: "ends what runs with its function", file: "end-waiting" },
    ...{ from: "WHERE phase = 0 AND", to: "WHERE phase < 2 AND" },
  },
  {
    ...{ name: "sums up none that ended with its function", file: "end-waiting" },
    ...{ from: "yield* addSums(", to: "if (ended < 0) yield* addSums(" },
  },
  {
    ...{ name: "leaves the next of a key when its function is gone", file: "end-waiting" },
    ...{ from: "if (rows.length === 0 || ended >= rowsMax) break;", to: "break;" },
  },
  {
    ...{ name: "has what is due wait for a clock that was set back", file: "ledger-clock" },
    ...{ from: "slowMs > wallMs && slowMs - wallMs <= SET_BACK_MS_MAX", to: "false" },
  },
  {
    ...{ name: "forgets with control what time it had", file: "sequence", seed: 4 },
    ...{ from: "SELECT MAX(seq)", to: "SELECT MIN(seq)" },
  },
  {
    ...{ name: "forgets what is open", file: "retention" },
    from: "WHERE settled_ms IS NOT NULL AND settled_ms < ? AND NOT",
    to: "WHERE COALESCE(settled_ms, 0) < ? AND NOT",
  },
  {
    ...{ name: "forgets what a webhook is still to be told of", file: "retention" },
    ...{ from: "ledger_deliveries.state = 'waiting')", to: "ledger_deliveries.state = 'none')" },
  },
  {
    ...{ name: "keeps no account of what it forgot", file: "retention" },
    ...{ from: "yield* addSums(tx, slot, { forgotten: rows });", to: "" },
  },
  {
    ...{ name: "keeps attempts of what it forgot", file: "retention" },
    ...{ from: '["attempts", "deliveries", "progress"]', to: '["deliveries", "progress"]' },
  },
  {
    ...{ name: "forgets the newest ends first", file: "retention" },
    from: `ORDER BY settled_ms, seq LIMIT ?\`,
    [beforeMs, rowsMax],
  );
  let rows`,
    to: `ORDER BY settled_ms DESC, seq LIMIT ?\`,
    [beforeMs, rowsMax],
  );
  let rows`,
  },
  {
    ...{ name: "forgets keys that are in force", file: "retention" },
    ...{ from: "WHERE expires_ms <= ?", to: "WHERE expires_ms > ?" },
  },
  {
    ...{ name: "counts being throttled", file: "decide" },
    ...{ from: 'throttled: "platform"', to: 'throttled: "error"' },
  },
  {
    ...{ name: "lets a lost gateway use up attempts", file: "decide" },
    ...{ from: "isCounted && counted >=", to: "counted >=" },
  },
  {
    ...{ name: "makes one attempt too many", file: "decide" },
    ...{ from: "counted >= policy.attempts", to: "counted > policy.attempts" },
  },
  {
    ...{ name: "tries again what nobody wants any more", file: "decide" },
    ...{ from: "if (row.cancelled)", to: "if (row.cancelled && isCounted)" },
  },
  {
    ...{ name: "tries again what is too old by then", file: "decide", seed: 25 },
    ...{ from: "dueMs < row.expiresMs", to: "nowMs < row.expiresMs" },
  },
  {
    ...{ name: "waits by all attempts where only failures count", file: "decide", seed: 9 },
    ...{ from: "Math.min(doubled, ", to: "Math.max(doubled, " },
  },
  {
    ...{ name: "sums up none that expired", file: "claim" },
    ...{ from: "yield* addSums(tx, slot, sums);", to: "" },
  },
  {
    ...{ name: "claims what is not due", file: "claim" },
    ...{ from: "AND due_ms <= ?\n", to: "AND due_ms <= ? + 500\n" },
  },
  {
    ...{ name: "runs what is too old", file: "claim" },
    ...{ from: "row.expires_ms <= nowMs", to: "row.expires_ms <= nowMs - 1_000" },
  },
  {
    ...{ name: "does not number attempts", file: "claim" },
    ...{ from: "[seq, attempt + 1, requestId]", to: "[seq, attempt || 1, requestId]" },
  },
  {
    ...{ name: "gives a second attempt the name of the first", file: "claim" },
    ...{ from: "row.attempt === 0 ? (row.id as RequestId) : freshId", to: "row.id" },
  },
  {
    ...{ name: "claims one twice at once", file: "claim" },
    ...{ from: "divide(found, args)", to: "divide(found.flatMap((row) => [row, row]), args)" },
  },
  {
    ...{ name: "claims what another has", file: "claim" },
    from: "WHERE phase = 0 AND function_id = ? AND due_ms <= ?",
    to: "WHERE phase < 2 AND function_id = ? AND due_ms <= ?",
  },
  {
    ...{ name: "takes what comes back from a set for what was asked, in its order", file: "claim" },
    from: "const event = events.get(seq);",
    to: "const event = found[rows.findIndex((row) => row.seq === seq)];",
  },
  {
    ...{ name: "says that nothing is left behind what it claimed", file: "claim" },
    ...{ from: "isNextKnown ? rest.due_ms :", to: "isNextKnown ? null :" },
  },
  {
    ...{ name: "passes over what became ready by what expired", file: "claim" },
    ...{ from: "rest !== undefined && !ended.some(({ woke }) => woke)", to: "rest !== undefined" },
  },
  {
    ...{ name: "forgets the next of a key when one ends", file: "end" },
    ...{ from: "WHERE phase = 2 AND seq IN", to: "WHERE phase = 3 AND seq IN" },
  },
  {
    ...{ name: "wakes the newest of a key", file: "end" },
    ...{ from: "ORDER BY next.seq LIMIT 1", to: "ORDER BY next.seq DESC LIMIT 1" },
  },
  {
    ...{ name: "wakes the next of a key while one runs", file: "end" },
    from: "ORDER BY next.seq LIMIT 1",
    to: "AND next.phase <> 1 ORDER BY next.phase DESC, next.seq LIMIT 1",
  },
  {
    ...{ name: "lets the order of a key follow the clock", file: "accept", seed: 22 },
    ...{ from: "Math.max(item.seq, (aheadSeq ?? 0) + 1)", to: "item.seq" },
  },
  {
    ...{ name: "holds a key back for what runs only", file: "accept" },
    from: "WHERE function_id = ? AND ordering_key = ?\n",
    to: "WHERE function_id = ? AND ordering_key = ? AND phase = 1\n",
  },
  {
    ...{ name: "keeps an idempotency key for ever", file: "accept" },
    ...{ from: "found.expires_ms > acceptedMs", to: "found.expires_ms > 0" },
  },
  {
    ...{ name: "compares no digest", file: "accept" },
    ...{ from: "found.digest === digest ?", to: "found.digest !== null ?" },
  },
  {
    ...{ name: "leaves an idempotency key to whom it had", file: "keys" },
    from: "DO UPDATE SET id = excluded.id,\n       digest",
    to: "DO UPDATE SET digest",
  },
  {
    ...{ name: "forgets whom it accepted once its key is another's", file: "accept", seed: 5 },
    ...{ from: "found.id !== id && (yield* isKnown(tx, id))", to: "false" },
  },
  {
    ...{ name: "sums up what was told twice", file: "accept" },
    ...{ from: 'kind === "accepted").length', to: 'kind !== "conflict").length' },
  },
  {
    ...{ name: "counts as open what was told twice", file: "accept" },
    ...{ from: 'answers[i]?.kind === "accepted"', to: 'answers[i]?.kind !== "conflict"' },
  },
  {
    ...{ name: "leaves what has ended among the open", file: "end" },
    ...{ from: "addOpen(open, functionId, -1);", to: "" },
  },
  {
    ...{ name: "counts what tells of an end for whom it tells of", file: "destinations" },
    ...{ from: "addOpen(open, item.functionId, 1);", to: "addOpen(open, id, 1);" },
  },
  {
    ...{ name: "tells of all that ended at once what one of them was", file: "destinations" },
    ...{ from: "ended.get(telling.id)", to: "[...ended.values()][0]" },
  },
  {
    ...{ name: "lets all of a key run that come together", file: "accept" },
    ...{ from: "return isBehind ? PHASE.blocked : PHASE.ready", to: "return PHASE.ready" },
  },
  {
    ...{ name: "sees no open one of a key when many come", file: "meetings" },
    ...{ from: "seq === null ? [] : [[", to: "seq !== null ? [] : [[" },
  },
  {
    ...{ name: "lets many of a key follow the clock", file: "meetings", seed: 22 },
    ...{ from: "taken.has(item.seq) || item.seq <=", to: "item.seq <= 0 *" },
  },
  {
    ...{ name: "keeps no idempotency key of many that come", file: "accept" },
    ...{
      from: "if (idempotency === null) return [];",
      to: "if (idempotency !== undefined) return [];",
    },
  },
  {
    ...{ name: "writes one that a batch has twice with the others", file: "accept", seed: 16 },
    ...{ from: "&& !twice.has(item.id)", to: "&& !twice.has(`${item.id} `)" },
  },
  {
    ...{ name: "ends what runs when it is cancelled", file: "cancel" },
    ...{ from: "if (row.phase === PHASE.held)", to: "if (row.phase > PHASE.blocked)" },
  },
  {
    ...{ name: "forgets that somebody wanted it cancelled", file: "cancel" },
    ...{ from: "SET cancelled = 1", to: "SET cancelled = cancelled" },
  },
  {
    ...{ name: "tells of an end in the transaction after it", file: "end" },
    from: "yield* tellAll(tx, { tellings, nowMs, toldSeq })",
    to: `yield* (function* (late) {
      const before = globalThis.toldLate;
      globalThis.toldLate = late;
      if (before !== undefined) yield* tellAll(tx, before);
      const told = new Map(tellings.map(({ id, to }) => [id, { told: to.functionId }]));
      const n = tellings.length;
      return { told, sums: { owed: n, delivered: n, accepted: n } };
    })({ tellings, nowMs })`,
  },
  {
    ...{ name: "counts no invocation that tells of an end", file: "destinations" },
    ...{ from: "sums.accepted += 1;", to: "" },
  },
  {
    ...{ name: "tells of what was cancelled", file: "destinations" },
    ...{ from: ' || end === "cancelled"', to: "" },
  },
  {
    ...{ name: "tells of a failure where a success is told of", file: "destinations" },
    from: 'end === "succeeded" ? destinations.onSuccess',
    to: 'end !== "expired" ? destinations.onSuccess',
  },
  {
    ...{ name: "lets ends tell each other for ever", file: "destinations" },
    ...{ from: "depth >= depthMax", to: "depth < 0" },
  },
  {
    ...{ name: "keeps no account of whom it could not tell", file: "destinations", seed: 14 },
    from: "const rows = plans.map(",
    to: 'const rows = plans.filter(({ delivery: { to } }) => to.kind !== "missing").map(',
  },
  {
    ...{ name: "does not say whom it told", file: "settle" },
    ...{ from: "...(told === undefined ? {} : { told }),", to: "" },
  },
  {
    ...{ name: "does not say whom it told of what expired", file: "claim", seed: 5 },
    ...{ from: "told: [...new Set(ended.flatMap(({ told }) => told ?? []))],", to: "told: [], " },
  },
];

const LEDGER = new URL("../../src/ledger/", import.meta.url).href;

/** Loads the ledger with the mistake. Fails when the text to replace is not there, once. */
export async function loadMutant({ file, from, to }: Mutant): Promise<SimulatedLedger> {
  const names = ["accept", "cancel", "claim", "end-waiting", "holders", "retention", "settle"];
  const entries = [...names, "ledger-clock", "sequence", "sums"].map(
    (name) => `${LEDGER}${name}.ts`,
  );
  const parts = await loadMistaken(entries, { file: `src/ledger/${file}.ts`, from, to });
  return Object.assign({}, ...parts) as SimulatedLedger;
}

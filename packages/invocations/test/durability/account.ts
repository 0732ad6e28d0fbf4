/** What a ledger's writers were told, and whether the file they left behind keeps it. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Of one directory, over all its writers. */
export class Account {
  readonly accepted = new Set<string>();
  readonly ended = new Map<string, string>();
  /** Reasons, of the calls that were refused. */
  readonly refused: string[] = [];
  /** Something was accepted after something was refused. */
  healed = false;
  /** How long the file is that the writers append to and do not flush. */
  unsyncedBytes = 0;

  take(line: string): void {
    const [sign, ...words] = line.split(" ");
    if (sign === "u") this.unsyncedBytes = Number(words[0]);
    else if (sign === "+") words.forEach((id) => this.accepted.add(id));
    else if (sign === "-") words.slice(1).forEach((id) => this.ended.set(id, words[0] ?? ""));
    else if (sign === "!") this.refused.push(words.join(" "));
    if (sign === "+" && this.refused.length > 0) this.healed = true;
  }
}

/**
 * Each is a promise broken: it selects what must not be there. A key with an answer of its own is a
 * publish's; that of a call which came to no instance is free again.
 */
const HALF_WRITTEN: Readonly<Record<string, string>> = {
  "open without a row in the queue": `SELECT id FROM ledger_invocations i
    WHERE state IN ('waiting', 'running')
      AND NOT EXISTS (SELECT 1 FROM ledger_queue q WHERE q.seq = i.seq AND q.id = i.id)`,
  "in the queue without an open record": `SELECT id FROM ledger_queue q WHERE NOT EXISTS
    (SELECT 1 FROM ledger_invocations i WHERE i.seq = q.seq AND i.id = q.id
      AND i.state = CASE q.phase WHEN 1 THEN 'running' ELSE 'waiting' END
      AND i.attempts = q.attempt)`,
  "held by nobody, or by somebody and not held": `SELECT id FROM ledger_queue
    WHERE (phase = 1) <> (holder IS NOT NULL) OR (phase = 1) <> (request_id IS NOT NULL)`,
  "an attempt too many or too few": `SELECT id FROM ledger_invocations i
    WHERE attempts - (state = 'running') <>
      (SELECT COUNT(*) FROM ledger_attempts a WHERE a.id = i.id)`,
  "two at the head of one key, or none": `SELECT ordering_key FROM ledger_queue
    WHERE ordering_key IS NOT NULL
    GROUP BY function_id, ordering_key HAVING SUM(phase <> 2) <> 1`,
  "an idempotency key of nobody": `SELECT id FROM ledger_keys k
    WHERE answer IS NULL
      AND NOT EXISTS (SELECT 1 FROM ledger_invocations i WHERE i.id = k.id)`,
  "a keyed record without its key": `SELECT id FROM ledger_invocations i
    WHERE idempotency_key IS NOT NULL AND NOT (source = 'call' AND state = 'cancelled')
      AND NOT EXISTS (SELECT 1 FROM ledger_keys k WHERE k.id = i.id)`,
  "an end that nobody was told of": `SELECT id FROM ledger_invocations i
    WHERE state = 'succeeded' AND function_id = 'fn_one' AND NOT EXISTS
      (SELECT 1 FROM ledger_deliveries d JOIN ledger_invocations t ON t.id = d.told_id
       WHERE d.id = i.id AND t.source_id = i.id)`,
  "somebody told of what did not end": `SELECT d.id FROM ledger_deliveries d
    WHERE NOT EXISTS (SELECT 1 FROM ledger_invocations i
      WHERE i.id = d.id AND i.state = 'succeeded' AND i.function_id = 'fn_one')`,
  "books that do not agree with the records": `SELECT what FROM
    (SELECT what, SUM(n) AS n FROM ledger_sums GROUP BY what) WHERE n <> CASE what
      WHEN 'accepted' THEN (SELECT COUNT(*) FROM ledger_invocations)
      WHEN 'delivered' THEN (SELECT COUNT(*) FROM ledger_deliveries)
      WHEN 'owed' THEN (SELECT COUNT(*) FROM ledger_deliveries)
      ELSE (SELECT COUNT(*) FROM ledger_invocations WHERE state = what) END`,
};

/** What is wrong with the file, in words; nothing when all that was acknowledged is there. */
export function faultsOf(file: string, account: Account): readonly string[] {
  if (!existsSync(file)) {
    return account.accepted.size === 0 ? [] : [`${account.accepted.size} are lost with their file`];
  }
  const database = new DatabaseSync(file);
  try {
    const [whole] = database.prepare("PRAGMA quick_check").all();
    const check = String(whole?.["quick_check"]);
    const faults = check === "ok" ? [] : [`the file is damaged: ${check}`];
    const [tables] = database.prepare("SELECT name FROM sqlite_master LIMIT 1").all();
    if (tables === undefined) {
      return account.accepted.size === 0 ? faults : [...faults, "no table is left"];
    }
    const rows = database.prepare("SELECT id, state FROM ledger_invocations").all();
    const states = new Map(rows.map(({ id, state }) => [String(id), String(state)]));
    for (const id of account.accepted) if (!states.has(id)) faults.push(`lost ${id}`);
    for (const [id, end] of account.ended) {
      if (states.get(id) !== end) faults.push(`${id} is ${states.get(id)}, told was ${end}`);
    }
    for (const [fault, sql] of Object.entries(HALF_WRITTEN)) {
      const [found] = database.prepare(`${sql} LIMIT 1`).all();
      if (found !== undefined) faults.push(`${fault}: ${String(Object.values(found)[0])}`);
    }
    return faults;
  } finally {
    database.close();
  }
}

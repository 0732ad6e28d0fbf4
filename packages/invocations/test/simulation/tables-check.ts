/** Holds everything that is written against what truly happened. */
import type { MemoryStore } from "@skerry/testkit/simulation";
import type { Lane, LedgerBalance } from "../../src/index.ts";
import { demand, running, type Fact } from "./fact.ts";
import type { Facts } from "./facts.ts";

interface RecordRow {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly settled_ms: number | null;
}

interface QueueRow {
  readonly id: string;
  readonly phase: number;
  readonly due_ms: number;
  readonly holder: string | null;
  readonly attempt: number;
  readonly counted: number;
  readonly cancelled: number;
}

interface AttemptRow {
  readonly id: string;
  readonly attempt: number;
  readonly request_id: string;
  readonly holder: string;
  readonly outcome: string;
}

export function checkTables(ledger: MemoryStore, facts: Facts): void {
  checkRecords(ledger, facts);
  checkQueue(ledger, facts);
  checkOpen(ledger, facts);
  checkAttempts(ledger, facts);
  checkDeliveries(ledger, facts);
}

function checkRecords(ledger: MemoryStore, facts: Facts): void {
  const rows = ledger.rows<RecordRow>(
    "SELECT id, state, attempts, settled_ms FROM ledger_invocations",
  );
  demand(
    rows.length === facts.all.size,
    "conservation",
    `${rows.length} of ${facts.all.size} kept`,
  );
  for (const { id, state, attempts, settled_ms: settledMs } of rows) {
    const fact = facts.all.get(id);
    const wanted = fact === undefined ? "absent" : stateOf(fact);
    demand(state === wanted, "ends once", `${id} is ${state} instead of ${wanted}`);
    demand(
      attempts === fact?.attempts.length,
      "bounded attempts",
      `${id} shows ${attempts} attempts`,
    );
    const hasEnd = settledMs !== null;
    demand(hasEnd === (fact?.end !== undefined), "ends once", `${id} has the end ${settledMs}`);
  }
}

function stateOf(fact: Fact): string {
  return fact.end ?? (running(fact) === undefined ? "waiting" : "running");
}

function checkQueue(ledger: MemoryStore, facts: Facts): void {
  const rows = ledger.rows<QueueRow>(
    "SELECT id, phase, due_ms, holder, attempt, counted, cancelled FROM ledger_queue",
  );
  demand(rows.length === facts.open.size, "conservation", `${rows.length} open in the queue`);
  const functions = new Set([...facts.open.values()].map(({ item }) => item.functionId));
  const heads = new Set([...functions].flatMap((functionId) => facts.heads(functionId)));
  for (const row of rows) {
    const fact = facts.open.get(row.id);
    if (fact === undefined) return demand(false, "conservation", `${row.id} is in the queue`);
    const own = running(fact);
    const phase = own !== undefined ? 1 : heads.has(fact) ? 0 : 2;
    const shown = [row.phase, row.holder, row.attempt, row.counted, row.cancelled, row.due_ms];
    const wanted = [phase, own?.holder ?? null, fact.attempts.length, fact.counted];
    const all = [...wanted, fact.isUnwanted ? 1 : 0, fact.dueMs];
    const text = `${row.id} waits as ${shown.join()} instead of ${all.join()}`;
    demand(shown.join() === all.join(), "conservation", text);
  }
}

function checkOpen(ledger: MemoryStore, facts: Facts): void {
  const rows = ledger.rows<{ function_id: string; n: number }>(
    "SELECT function_id, SUM(n) AS n FROM ledger_open GROUP BY function_id HAVING SUM(n) <> 0",
  );
  const open = new Map<string, number>();
  for (const { item } of facts.open.values())
    open.set(item.functionId, (open.get(item.functionId) ?? 0) + 1);
  demand(rows.length === open.size, "books balance", `${rows.length} functions have some open`);
  for (const { function_id: id, n } of rows)
    demand(open.get(id) === n, "books balance", `${n} open of ${id}, in truth ${open.get(id)}`);
}

function checkAttempts(ledger: MemoryStore, facts: Facts): void {
  const rows = ledger.rows<AttemptRow>(
    "SELECT id, attempt, request_id, holder, outcome FROM ledger_attempts",
  );
  const ended = [...facts.all.values()].flatMap(({ item, attempts }) =>
    attempts.flatMap(({ attempt, requestId, holder, outcome }) =>
      outcome === undefined ? [] : [`${item.id} ${attempt} ${requestId} ${holder} ${outcome}`],
    ),
  );
  const wanted = new Set(ended);
  demand(rows.length === wanted.size, "bounded attempts", `${rows.length} attempts are kept`);
  for (const { id, attempt, request_id: requestId, holder, outcome } of rows) {
    const shown = `${id} ${attempt} ${requestId} ${holder} ${outcome}`;
    demand(wanted.has(shown), "bounded attempts", `nobody made ${shown}`);
  }
}

function checkDeliveries(ledger: MemoryStore, facts: Facts): void {
  const rows = ledger.rows<{ id: string; state: string; told_id: string | null }>(
    "SELECT id, state, told_id FROM ledger_deliveries",
  );
  const shown = new Map(rows.map(({ id, state, told_id: told }) => [id, `${state} ${told}`]));
  for (const [id, wanted] of facts.deliveries) {
    const told = shown.get(id);
    demand(told === wanted, "each end is told once", `of ${id}: ${told} instead of ${wanted}`);
  }
  demand(
    rows.length === facts.deliveries.size,
    "each end is told once",
    `${rows.length} deliveries instead of ${facts.deliveries.size}`,
  );
}

export function checkBalance({ sums, difference, ...open }: LedgerBalance, facts: Facts): void {
  demand(difference === 0, "books balance", `they differ by ${difference}`);
  const { openDifference } = open;
  demand(openDifference === 0, "books balance", `${openDifference} more are counted as open`);
  const ends = { ...facts.gone.ends };
  const phases = { ready: 0, held: 0, blocked: 0 };
  for (const fact of facts.all.values()) {
    if (fact.end !== undefined) ends[fact.end] += 1;
    else if (running(fact) !== undefined) phases.held += 1;
  }
  for (const end of Object.keys(ends) as (keyof typeof ends)[]) {
    demand(sums[end] === ends[end], "books balance", `${sums[end]} ${end}, in truth ${ends[end]}`);
  }
  const { accepted, delivered, undelivered, owed } = sums;
  const made = { ...facts.gone.told, waiting: 0 };
  for (const text of facts.deliveries.values()) {
    made[text.slice(0, text.indexOf(" ")) as keyof typeof made] += 1;
  }
  const shown = [owed, delivered, undelivered, open.deliveries.waiting].join();
  const all = made.delivered + made.failed + made.waiting;
  const wanted = [all, made.delivered, made.failed, made.waiting].join();
  demand(shown === wanted, "books balance", `deliveries are ${shown} instead of ${wanted}`);
  demand(accepted === facts.acceptedSum, "books balance", `${accepted} are said to be accepted`);
  const { forgotten } = sums;
  const isSo = forgotten === facts.forgotten.size;
  demand(isSo, "books balance", `${forgotten} are said to be forgotten`);
  demand(open.held === phases.held, "books balance", `${open.held} are said to be held`);
}

export function checkLanes(lanes: readonly Lane[], facts: Facts): void {
  const functions = new Set([...facts.open.values()].map(({ item }) => item.functionId));
  const wanted = [...functions]
    .map((functionId) => ({ functionId, nextDueMs: facts.nextDueMs(functionId) }))
    .filter(({ nextDueMs }) => nextDueMs !== null)
    .sort((a, b) => (a.functionId < b.functionId ? -1 : 1));
  const [told, truth] = [JSON.stringify(lanes), JSON.stringify(wanted)];
  demand(told === truth, "nothing due is passed over", `lanes are ${told} instead of ${truth}`);
}

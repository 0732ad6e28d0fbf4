/** What a running platform has in its ledger, read beside it: in its file, or by `psql`. */
import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { findPostgres, until, type Platform } from "@skerry/testkit";

export interface LedgerRows {
  /** How many have not ended. */
  open(): Promise<number>;
  untilDrained(): Promise<void>;
  /** From acceptance to the begin of the first attempt, of what was accepted since. */
  waitsSince(sinceMs: number): Promise<readonly number[]>;
}

type Query = (sql: string, params?: readonly number[]) => Promise<readonly { ms: number }[]>;

const WAITS = `SELECT started_ms - accepted_ms AS ms FROM ledger_attempts
  JOIN ledger_invocations ON ledger_invocations.id = ledger_attempts.id
  WHERE attempt = 1 AND accepted_ms >= $1`;
const TICKS = `SELECT started_ms AS ms, ledger_attempts.id AS id FROM ledger_attempts
  JOIN ledger_invocations ON ledger_invocations.id = ledger_attempts.id
  WHERE attempt = 1 AND source = 'timer' ORDER BY ledger_invocations.seq`;
/** A tick's id begins with the time that its timer named. */
const TIME_DIGITS = 12;
const DRAINED_WITHIN_MS = 120_000;

/** On PostgreSQL where its address is given. */
export function openLedger(platform: Platform, store?: string): LedgerRows {
  const query: Query =
    store === undefined
      ? (sql, params = []) => Promise.resolve(queryFile(platform, sql, params))
      : (sql, params = []) => queryServer(store, sql, params);
  const open = async (): Promise<number> => {
    const [row] = await query("SELECT COUNT(*) AS ms FROM ledger_queue");
    return row?.ms ?? 0;
  };
  const numbers = async (sql: string, atMs: number): Promise<readonly number[]> =>
    (await query(sql, [atMs])).map(({ ms }) => ms);
  return {
    open,
    untilDrained: async () => {
      const options = { deadlineMs: DRAINED_WITHIN_MS };
      await until("everything to end", async () => (await open()) === 0, options);
    },
    waitsSince: (sinceMs) => numbers(WAITS, sinceMs),
  };
}

/** From the time that a timer named to the begin of its attempt, of all that ticked in a file. */
export function ticksLateMs(platform: Platform): readonly number[] {
  return queryFile(platform, TICKS, []).map(({ ms, id }) => {
    return ms - Number.parseInt(id.replaceAll("-", "").slice(0, TIME_DIGITS), 16);
  });
}

function queryFile(
  { home }: Platform,
  sql: string,
  params: readonly number[],
): readonly { ms: number; id: string }[] {
  const database = new DatabaseSync(join(home, "state", "ledger.db"), { readOnly: true });
  try {
    const rows = database.prepare(sql.replaceAll("$1", "?1")).all(...params);
    return rows.map((row) => ({ ms: Number(row["ms"]), id: String(row["id"]) }));
  } finally {
    database.close();
  }
}

async function queryServer(
  store: string,
  sql: string,
  params: readonly number[],
): Promise<readonly { ms: number }[]> {
  const text = params.reduce<string>((said, value, i) => {
    return said.replaceAll(`$${i + 1}`, String(value));
  }, sql);
  const args = ["-At", "-c", "SET search_path TO skerry", "-c", text, store];
  // Those on PATH may be links into the folder that has all of it.
  const psql = join(dirname(realpathSync(join(findPostgres() ?? "", "initdb"))), "psql");
  const { stdout } = await promisify(execFile)(psql, args, { maxBuffer: 64 << 20 });
  const lines = stdout.split("\n").filter((line) => /^-?[0-9]/.test(line));
  return lines.map((line) => ({ ms: Number(line) }));
}

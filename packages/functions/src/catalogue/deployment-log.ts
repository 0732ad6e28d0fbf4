/**
 * The log of a deployment's builds: chunks of numbered lines, the oldest of which go when there is
 * too much. A line keeps its number, so that a reader goes on where it was.
 */
import type { AccountId, DeploymentId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { getDeployment } from "./deployments.ts";

/** One line as it is told. */
export interface DeploymentLogText {
  readonly atMs: number;
  /** The function that is built. */
  readonly functionName: string;
  readonly text: string;
}

export interface DeploymentLogEntry extends DeploymentLogText {
  /** Larger is later; numbers may be missing. */
  readonly seq: number;
}

interface ChunkRow {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly lines_json: string;
}

/** How a line stands in `lines_json`. */
type StoredLine = readonly [atMs: number, functionName: string, text: string];

/** Adds lines behind those that are there. Of a deployment that is no longer kept nothing is. */
export function* appendDeploymentLog(
  tx: Tx,
  args: {
    readonly id: DeploymentId;
    readonly lines: readonly DeploymentLogText[];
    /** Beyond this the oldest chunks go, never the newest. */
    readonly bytesMax: number;
  },
): TxStep<void> {
  const { id, lines, bytesMax } = args;
  const known = yield* tx.get<{ id: string }>("SELECT id FROM deployments WHERE id = ?", [id]);
  if (known === undefined || lines.length === 0) return;
  const rows = yield* tx.all<{ first_seq: number; last_seq: number; bytes: number }>(
    `SELECT first_seq, last_seq, bytes FROM deployment_log WHERE deployment_id = ?
     ORDER BY first_seq DESC`,
    [id],
  );
  const firstSeq = (rows[0]?.last_seq ?? 0) + 1;
  const stored = lines.map(({ atMs, functionName, text }): StoredLine => {
    return [atMs, functionName, text];
  });
  const json = JSON.stringify(stored);
  yield* tx.run(
    `INSERT INTO deployment_log (deployment_id, first_seq, last_seq, bytes, lines_json)
     VALUES (?, ?, ?, ?, ?)`,
    [id, firstSeq, firstSeq + lines.length - 1, json.length, json],
  );
  let bytes = json.length;
  for (const row of rows) {
    bytes += row.bytes;
    if (bytes <= bytesMax) continue;
    yield* tx.run("DELETE FROM deployment_log WHERE deployment_id = ? AND first_seq <= ?", [
      ...[id, row.first_seq],
    ]);
    return;
  }
}

/** Lines after number `after`, oldest first. Throws DEPLOYMENT_NOT_FOUND. */
export function* listDeploymentLog(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly id: DeploymentId;
    readonly after: number;
    readonly limit: number;
  },
): TxStep<{ readonly lines: readonly DeploymentLogEntry[]; readonly hasEnded: boolean }> {
  const { accountId, app, id, after, limit } = args;
  const { endedAtMs } = yield* getDeployment(tx, { accountId, app, id });
  const rows = yield* tx.all<ChunkRow>(
    `SELECT first_seq, last_seq, lines_json FROM deployment_log
     WHERE deployment_id = ? AND last_seq > ? ORDER BY first_seq LIMIT ?`,
    [id, after, limit],
  );
  const lines = rows.flatMap(linesOf).filter(({ seq }) => seq > after);
  return { lines: lines.slice(0, limit), hasEnded: endedAtMs !== null };
}

function linesOf({ first_seq: firstSeq, lines_json: json }: ChunkRow): DeploymentLogEntry[] {
  const stored = JSON.parse(json) as StoredLine[];
  return stored.map(([atMs, functionName, text], i) => {
    return { seq: firstSeq + i, atMs, functionName, text };
  });
}

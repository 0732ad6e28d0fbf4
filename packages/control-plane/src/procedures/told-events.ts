/**
 * What control tells of itself, written in the transaction that it tells of. The bus lies in
 * another database: whoever carries events there does so at least once, under ids that stay, and
 * the bus knows each by its own.
 */
import type { AccountId } from "@skerry/base";
import type { PlatformTelling } from "@skerry/event-api";
import type { DeploymentRecord } from "@skerry/functions/catalogue";
import type { Migration, Tx, TxStep } from "@skerry/store";

export const TOLD_EVENT_TABLES: Migration["sql"] = [
  `CREATE TABLE told_events (
    id @text PRIMARY KEY, account_id @text NOT NULL, type @text NOT NULL, app @text NOT NULL,
    subject @text NOT NULL, at_ms @integer NOT NULL, content @text NOT NULL)`,
];

/** Told again under the same id, it is there once. */
export function* tellEvent(tx: Tx, telling: PlatformTelling): TxStep<void> {
  const { id, accountId, type, app, subject, timeMs, data } = telling;
  yield* tx.run(
    `INSERT INTO told_events (id, account_id, type, app, subject, at_ms, content)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    [id, accountId, type, app, subject, timeMs, JSON.stringify(data)],
  );
}

/** One that has come to nothing, if it has. */
export function* tellFailure(
  tx: Tx,
  { record, wallMs }: { readonly record: DeploymentRecord; readonly wallMs: number },
): TxStep<void> {
  const { id, accountId, app, state } = record;
  if (state.phase !== "failed") return;
  const functions = state.functions.map(({ name }) => name);
  yield* tellEvent(tx, {
    ...{ id, accountId, app, subject: app, timeMs: wallMs, type: "skerry.deployment.failed.v1" },
    data: { app, deployment: id, functions, error: state.error },
  });
}

/** The oldest that wait to be carried. */
export function* listToldEvents(
  tx: Tx,
  { limit }: { readonly limit: number },
): TxStep<readonly PlatformTelling[]> {
  const rows = yield* tx.all<{
    id: string;
    account_id: string;
    type: string;
    app: string;
    subject: string;
    at_ms: number;
    content: string;
  }>(
    `SELECT id, account_id, type, app, subject, at_ms, content FROM told_events
     ORDER BY at_ms, id LIMIT ?`,
    [limit],
  );
  return rows.map(({ id, type, app, subject, ...row }) => ({
    ...{ id, app, subject, accountId: row.account_id as AccountId, timeMs: row.at_ms },
    type: type as PlatformTelling["type"],
    data: JSON.parse(row.content) as PlatformTelling["data"],
  }));
}

/** These are on the bus. */
export function* dropToldEvents(
  tx: Tx,
  { ids }: { readonly ids: readonly string[] },
): TxStep<void> {
  for (const id of ids) yield* tx.run("DELETE FROM told_events WHERE id = ?", [id]);
}

/**
 * Gateway APIs as they lie in the store. A list of routes is kept once, by its digest, however many
 * publications hold it. Numbers of stages that were removed are not given again: those of one that
 * is made later begin above the API's `floor`.
 */
import { createHash } from "node:crypto";
import type { AccountId, AppId, GatewayApiId } from "@skerry/base";
import type { Route } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

export const GATEWAY_API_TABLES: readonly string[] = [
  `CREATE TABLE gateway_apis (
    id @text PRIMARY KEY, account_id @text NOT NULL, app_id @text NOT NULL, app @text NOT NULL,
    name @text NOT NULL, digest @text NOT NULL, version @integer NOT NULL,
    floor @integer NOT NULL, made_by @text, created_at_ms @integer NOT NULL,
    updated_at_ms @integer NOT NULL, UNIQUE (app_id, name))`,
  `CREATE TABLE gateway_routes (
    api_id @text NOT NULL, digest @text NOT NULL, count @integer NOT NULL, routes @text NOT NULL,
    PRIMARY KEY (api_id, digest))`,
  `CREATE TABLE gateway_stages (
    api_id @text NOT NULL, name @text NOT NULL, qualifier @text NOT NULL,
    variables @text NOT NULL, follows @integer NOT NULL, change @integer NOT NULL,
    publication @integer NOT NULL, purge @integer NOT NULL, PRIMARY KEY (api_id, name))`,
  `CREATE TABLE gateway_publications (
    api_id @text NOT NULL, stage @text NOT NULL, number @integer NOT NULL, digest @text NOT NULL,
    qualifier @text NOT NULL, variables @text NOT NULL, key_id @text NOT NULL,
    reason @text NOT NULL, source @text, restores @integer, audit_id @text NOT NULL,
    at_ms @integer NOT NULL, PRIMARY KEY (api_id, stage, number))`,
  `CREATE TABLE gateway_domains (
    host @text PRIMARY KEY, parent @text NOT NULL, account_id @text NOT NULL, app @text NOT NULL,
    api_id @text NOT NULL, stage @text NOT NULL, https_only @integer NOT NULL, chain @text,
    key_id @text, sealed @text, version @integer NOT NULL, created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL)`,
  "CREATE INDEX gateway_domains_by_account ON gateway_domains (account_id, host)",
  "CREATE INDEX gateway_domains_by_parent ON gateway_domains (parent)",
  "CREATE INDEX gateway_domains_by_api ON gateway_domains (api_id, stage)",
];

/** Lists that are kept for somebody who means to publish them, by the id of that. */
export const HELD_ROUTES_TABLES: readonly string[] = [
  `CREATE TABLE gateway_held_routes (
    api_id @text NOT NULL, digest @text NOT NULL, holder @text NOT NULL,
    PRIMARY KEY (api_id, digest, holder))`,
  "CREATE INDEX gateway_held_routes_by_holder ON gateway_held_routes (holder)",
];

/** An API without its routes. */
export interface GatewayApiRecord {
  readonly id: GatewayApiId;
  readonly accountId: AccountId;
  readonly appId: AppId;
  readonly app: string;
  readonly name: string;
  /** Of the routes that are worked on. */
  readonly digest: string;
  readonly routeCount: number;
  readonly version: number;
  readonly floor: number;
  /** Null: by hand. */
  readonly madeBy: "manifest" | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

interface ApiRow {
  readonly id: GatewayApiId;
  readonly account_id: AccountId;
  readonly app_id: AppId;
  readonly app: string;
  readonly name: string;
  readonly digest: string;
  readonly count: number;
  readonly version: number;
  readonly floor: number;
  readonly made_by: GatewayApiRecord["madeBy"];
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

const SELECT_API = `SELECT a.id AS id, a.account_id AS account_id, a.app_id AS app_id, a.app AS app,
  a.name AS name, a.digest AS digest, r.count AS count, a.version AS version, a.floor AS floor,
  a.made_by AS made_by, a.created_at_ms AS created_at_ms, a.updated_at_ms AS updated_at_ms
  FROM gateway_apis a JOIN gateway_routes r ON r.api_id = a.id AND r.digest = a.digest`;

/** Undefined when the app has none of that name. */
export function* findApi(
  tx: Tx,
  { appId, name }: { readonly appId: AppId; readonly name: string },
): TxStep<GatewayApiRecord | undefined> {
  const row = yield* tx.get<ApiRow>(`${SELECT_API} WHERE a.app_id = ? AND a.name = ?`, [
    ...[appId, name],
  ]);
  return row && apiOf(row);
}

export function* findApiById(tx: Tx, id: GatewayApiId): TxStep<GatewayApiRecord | undefined> {
  const row = yield* tx.get<ApiRow>(`${SELECT_API} WHERE a.id = ?`, [id]);
  return row && apiOf(row);
}

/** Those of an app by name from `after` on, one more than `limit` when there are more. */
export function* listApis(
  tx: Tx,
  args: { readonly appId: AppId; readonly after: string; readonly limit: number },
): TxStep<readonly GatewayApiRecord[]> {
  const rows = yield* tx.all<ApiRow>(
    `${SELECT_API} WHERE a.app_id = ? AND a.name > ? ORDER BY a.name LIMIT ?`,
    [args.appId, args.after, args.limit + 1],
  );
  return rows.map(apiOf);
}

/** Writes one that there was not. Its routes must be kept already. */
export function* insertApi(
  tx: Tx,
  args: Pick<
    GatewayApiRecord,
    "id" | "accountId" | "appId" | "app" | "name" | "digest" | "madeBy"
  > & { readonly wallMs: number },
): TxStep<void> {
  const { id, accountId, appId, app, name, digest, madeBy, wallMs } = args;
  yield* tx.run(
    `INSERT INTO gateway_apis (id, account_id, app_id, app, name, digest, version, floor,
       made_by, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?)`,
    [id, accountId, appId, app, name, digest, madeBy, wallMs, wallMs],
  );
}

/** Has its routes replaced, and who made it. */
export function* writeDraft(
  tx: Tx,
  args: Pick<GatewayApiRecord, "id" | "digest" | "madeBy"> & { readonly wallMs: number },
): TxStep<void> {
  yield* tx.run(
    `UPDATE gateway_apis SET digest = ?, made_by = ?, version = version + 1, updated_at_ms = ?
       WHERE id = ?`,
    [args.digest, args.madeBy, args.wallMs, args.id],
  );
}

/** Numbers of stages that are made from now on lie above this one. */
export function* raiseFloor(tx: Tx, id: GatewayApiId, floor: number): TxStep<void> {
  yield* tx.run("UPDATE gateway_apis SET floor = ? WHERE id = ? AND floor < ?", [floor, id, floor]);
}

/** A list of routes as it is kept: JSON and what names it. */
export interface RoutesText {
  readonly digest: string;
  readonly count: number;
  readonly text: string;
}

export function routesText(routes: readonly Route[]): RoutesText {
  const text = JSON.stringify(routes);
  const digest = createHash("sha256").update(text).digest("hex");
  return { digest, count: routes.length, text };
}

/** Keeps a list; one that is kept already is left alone. */
export function* keepRoutes(
  tx: Tx,
  apiId: GatewayApiId,
  { digest, count, text }: RoutesText,
): TxStep<void> {
  yield* tx.run(
    `INSERT INTO gateway_routes (api_id, digest, count, routes) VALUES (?, ?, ?, ?)
     ON CONFLICT (api_id, digest) DO NOTHING`,
    [apiId, digest, count, text],
  );
}

/** Empty when there is no such list. */
export function* readRoutes(
  tx: Tx,
  { apiId, digest }: { readonly apiId: GatewayApiId; readonly digest: string },
): TxStep<readonly Route[]> {
  const row = yield* tx.get<{ routes: string }>(
    "SELECT routes FROM gateway_routes WHERE api_id = ? AND digest = ?",
    [apiId, digest],
  );
  return row === undefined ? [] : (JSON.parse(row.routes) as readonly Route[]);
}

/** Keeps a list, which must be kept already, until its holder lets it go. May be said twice. */
export function* holdRoutes(
  tx: Tx,
  held: { readonly apiId: GatewayApiId; readonly digest: string; readonly holder: string },
): TxStep<void> {
  yield* tx.run(
    `INSERT INTO gateway_held_routes (api_id, digest, holder) VALUES (?, ?, ?)
     ON CONFLICT (api_id, digest, holder) DO NOTHING`,
    [held.apiId, held.digest, held.holder],
  );
}

/** Lets go whatever somebody holds, and forgets what nobody else does. */
export function* letRoutesGo(tx: Tx, holder: string): TxStep<void> {
  const held = yield* tx.all<{ api_id: GatewayApiId }>(
    "SELECT DISTINCT api_id FROM gateway_held_routes WHERE holder = ?",
    [holder],
  );
  yield* tx.run("DELETE FROM gateway_held_routes WHERE holder = ?", [holder]);
  for (const { api_id: apiId } of held) yield* forgetRoutes(tx, apiId);
}

/** Forgets the lists that neither the draft nor a publication nor anybody else holds. */
export function* forgetRoutes(tx: Tx, apiId: GatewayApiId): TxStep<void> {
  yield* tx.run(
    `DELETE FROM gateway_routes WHERE api_id = ?
       AND digest NOT IN (SELECT digest FROM gateway_apis WHERE id = ?)
       AND digest NOT IN (SELECT digest FROM gateway_publications WHERE api_id = ?)
       AND digest NOT IN (SELECT digest FROM gateway_held_routes WHERE api_id = ?)`,
    [apiId, apiId, apiId, apiId],
  );
}

/** Removes all rows of an API but those of its domains. */
export function* removeApiRows(tx: Tx, id: GatewayApiId): TxStep<void> {
  const tables = ["publications", "stages", "routes", "held_routes"];
  for (const table of tables.map((name) => `gateway_${name}`)) {
    yield* tx.run(`DELETE FROM ${table} WHERE api_id = ?`, [id]);
  }
  yield* tx.run("DELETE FROM gateway_apis WHERE id = ?", [id]);
}

function apiOf(row: ApiRow): GatewayApiRecord {
  const { id, app, name, digest, version, floor } = row;
  return {
    ...{ id, accountId: row.account_id, appId: row.app_id, app, name, digest, version, floor },
    ...{ routeCount: row.count, madeBy: row.made_by },
    ...{ createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms },
  };
}

/**
 * The store on PostgreSQL ≥ 15: a pool, one SERIALIZABLE transaction for each call, retried with
 * backoff when it lost against others. Settings with which an acknowledged commit can be lost are
 * refused at the start.
 */
import pg, { type Pool, type PoolClient } from "pg";
import { assert, backoffMs, delay, type Clock, type Log, type Random } from "@skerry/base";
import { Backlog } from "./backlog.ts";
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import { assertModules } from "./migrations.ts";
import type { ArgsOf, ModuleSource, ResultOf, Store, StoreModule } from "./port.ts";
import { connectionError } from "./postgres-faults.ts";
import { migratePostgres } from "./postgres-schema.ts";
import { attemptProcedure, StatementNames, type AttemptOutcome } from "./postgres-transaction.ts";
import { postgresValues } from "./postgres-values.ts";
import { procedureOf, type RunnableProcedure } from "./procedure.ts";

export interface PostgresStoreDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** As of the embedded store. */
  readonly onMigrating?: () => void;
}

export interface PostgresStoreOptions {
  /** postgres://user:password@host/database?… */
  readonly url: string;
  readonly modules: readonly ModuleSource[];
  /** Connections at once; a call holds one while it runs. */
  readonly poolMax: number;
  /** Where the tables live. Default: skerry. Created where needed. */
  readonly schema?: string;
}

/**
 * Tables grow by a hundred thousand rows within seconds: a plan from when they were small reads all
 * of them for every set, and under SERIALIZABLE meets whoever writes any of them. So each statement
 * is planned for the tables as they are, and towards their indexes.
 */
const PLANNING = { plan_cache_mode: "force_custom_plan", random_page_cost: "1.1" };

const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** What `postgres.ts` opens. */
export async function openPostgresStore(
  deps: PostgresStoreDeps,
  options: PostgresStoreOptions,
): Promise<Store> {
  const schema = options.schema ?? "skerry";
  assert(SCHEMA_NAME.test(schema), `${schema} is not a plain schema name`);
  const modules = options.modules.map(({ module }) => module);
  assertModules(modules);
  const pool = createPool({ url: options.url, poolMax: options.poolMax, schema });
  pool.on("error", (error) => deps.log.warn("idle database connection lost", { cause: error }));
  try {
    const { clock, onMigrating = () => undefined } = deps;
    await migratePostgres(pool, { modules, schema, wallMs: clock.wallMs(), onMigrating });
  } catch (error) {
    await pool.end();
    throw connectionError(error);
  }
  return new PostgresStore(deps, { pool, modules });
}

function createPool(options: { url: string; poolMax: number; schema: string }): Pool {
  return new pg.Pool({
    connectionString: withSettings(options.url, {
      search_path: options.schema,
      synchronous_commit: "on",
      ...PLANNING,
      statement_timeout: String(STORE_LIMITS.statementTimeoutMs),
      idle_in_transaction_session_timeout: String(STORE_LIMITS.silenceTimeoutMs),
    }),
    max: options.poolMax,
    connectionTimeoutMillis: STORE_LIMITS.connectTimeoutMs,
    query_timeout: STORE_LIMITS.silenceTimeoutMs,
    keepAlive: true,
    application_name: "skerry",
    types: postgresValues,
  });
}

/**
 * Session settings go with the connection's start, so that no connection of the pool is without
 * them.
 */
function withSettings(url: string, settings: Readonly<Record<string, string>>): string {
  if (!URL.canParse(url)) throw storeError("STORE_URL_REFUSED");
  const parsed = new URL(url);
  const own = parsed.searchParams.get("options") ?? "";
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  parsed.searchParams.set("options", [own, ...ours].join(" ").trim());
  return parsed.href;
}

class PostgresStore implements Store {
  readonly #deps: PostgresStoreDeps;
  readonly #pool: Pool;
  readonly #modules: ReadonlyMap<string, StoreModule>;
  readonly #backlog = new Backlog();
  readonly #statements = new StatementNames();
  #closing: Promise<void> | undefined;

  constructor(
    deps: PostgresStoreDeps,
    options: { readonly pool: Pool; readonly modules: readonly StoreModule[] },
  ) {
    this.#deps = deps;
    this.#pool = options.pool;
    this.#modules = new Map(options.modules.map((module) => [module.name, module]));
  }

  async call<M extends StoreModule, K extends keyof M["procedures"] & string>(
    module: M,
    name: K,
    args: ArgsOf<M["procedures"][K]>,
  ): Promise<ResultOf<M["procedures"][K]>> {
    const opened = this.#modules.get(module.name);
    assert(opened !== undefined, `module ${module.name} was not opened`);
    const procedure = procedureOf(opened, name);
    const leave = this.#backlog.enter(args);
    try {
      return (await this.#run(procedure, args)) as ResultOf<M["procedures"][K]>;
    } finally {
      leave();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#backlog.close().then(() => this.#pool.end());
    return this.#closing;
  }

  async #run(procedure: RunnableProcedure, args: unknown): Promise<unknown> {
    const { attemptsMax, retryDelayMsMin, retryDelayMsMax } = STORE_LIMITS;
    const bounds = { delayMsMin: retryDelayMsMin, delayMsMax: retryDelayMsMax };
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const outcome = await this.#attempt(procedure, args);
      if (outcome.kind === "done") return outcome.result;
      if (!outcome.fault.isConflict) throw outcome.fault.error;
      await delay(this.#deps.clock, backoffMs(attempt, bounds, this.#deps.random));
    }
    const details = { procedure: procedure.label, attempts: attemptsMax };
    throw storeError("STORE_CONTENTION", details);
  }

  /**
   * A lost connection is dropped from the pool; an error event on a connection in use is the
   * query's error too.
   */
  async #attempt(procedure: RunnableProcedure, args: unknown): Promise<AttemptOutcome> {
    const client = await this.#connect();
    const ignore = (): void => undefined;
    client.on("error", ignore);
    const deps = { client, statements: this.#statements };
    const outcome = await attemptProcedure(deps, procedure, args);
    client.off("error", ignore);
    client.release(outcome.kind === "failed" && outcome.fault.isConnectionLost);
    return outcome;
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw connectionError(error);
    }
  }
}

/**
 * The embedded store: SQLite in one worker thread, so that a flush never stalls the loop that
 * serves requests. This side joins the calls of a turn into one message, bounds what is
 * outstanding, and matches answers to callers.
 */
import { Worker } from "node:worker_threads";
import type { Clock, Log, PlatformError } from "@skerry/base";
import { assert } from "@skerry/base";
import { Backlog, type Release } from "./backlog.ts";
import { storeError } from "./errors.ts";
import type { ArgsOf, ModuleSource, ResultOf, Store, StoreModule } from "./port.ts";
import {
  revealError,
  type CallMessage,
  type FromWorker,
  type OpenOrder,
  type Reply,
  type Serve,
  type ToWorker,
  type WorkerOptions,
} from "./sqlite-messages.ts";

export interface SqliteStoreDeps {
  readonly log: Log;
  readonly clock: Clock;
  /**
   * Called when the tables are not up to date and are about to be brought there, which takes as
   * long as they are large; perhaps several times before the store is open.
   */
  readonly onMigrating?: () => void;
}

export interface SqliteStoreOptions {
  /** Created where needed, for this user only. One platform at a time may have it open. */
  readonly directory: string;
  readonly modules: readonly ModuleSource[];
}

type Places = Pick<OpenOrder, "directory"> & Pick<SqliteStoreOptions, "modules">;

/**
 * Opens the embedded store and brings its tables up to date. Rejects with `STORE_IN_USE`,
 * `STORE_FORMAT_NEWER`, `STORE_ENGINE_TOO_OLD`, `STORE_MODULE_INVALID`, `STORE_UNAVAILABLE`,
 * `STORE_DISK_FULL` or `STORE_CORRUPT`.
 */
export function openSqliteStore(
  deps: SqliteStoreDeps,
  options: SqliteStoreOptions,
): Promise<Store> {
  return openSqliteStoreIn(deps, options, workerUrl());
}

/** An embedded store whose thread runs and loads its modules; no file is open yet. */
export interface PreparedStore {
  /** As `openSqliteStore`. Once. */
  open(options: SqliteStoreOptions): Promise<Store>;
}

/**
 * Starts the thread of a store that is to be opened later with these modules, so that it loads them
 * meanwhile. Never throws; what goes wrong, `open` tells.
 */
export function prepareSqliteStore(
  deps: SqliteStoreDeps,
  moduleUrls: readonly string[],
): PreparedStore {
  return new SqliteStore(deps, inWorker(workerUrl(), moduleUrls));
}

/**
 * The same store in the caller's own thread, for tests of engines: no thread loads their modules
 * once more, which takes longer than most cases, and every flush stalls the caller.
 */
export async function openSqliteStoreHere(
  deps: SqliteStoreDeps,
  options: SqliteStoreOptions,
): Promise<Store> {
  return await openHere(deps, options);
}

/** As `openSqliteStoreHere`, without files: whatever it holds ends with `close`. */
export async function openMemoryStore(
  deps: SqliteStoreDeps,
  { modules }: Pick<SqliteStoreOptions, "modules">,
): Promise<Store> {
  return await openHere(deps, { modules, directory: undefined });
}

async function openHere(deps: SqliteStoreDeps, options: Places): Promise<Store> {
  // What the thread loads and its caller else never does.
  const { serveHere } = await import("./sqlite-here.ts");
  return await new SqliteStore(deps, serveHere).open(options);
}

function workerUrl(): URL {
  return new URL("./sqlite-worker.ts", import.meta.url);
}

/** As `openSqliteStore`, over a worker that the test chose. Not part of the package's door. */
export async function openSqliteStoreIn(
  deps: SqliteStoreDeps,
  options: SqliteStoreOptions,
  url: URL,
): Promise<Store> {
  const moduleUrls = options.modules.map((source) => source.url);
  return await new SqliteStore(deps, inWorker(url, moduleUrls)).open(options);
}

function inWorker(url: URL, moduleUrls: readonly string[]): Serve {
  return (listener) => {
    const workerData: WorkerOptions = { moduleUrls };
    const worker = new Worker(url, { workerData, name: "skerry-store" });
    worker.on("message", (message: FromWorker) => listener.onMessage(message));
    worker.on("error", (error) => listener.onError(error));
    worker.on("exit", () => listener.onExit());
    return (message) => worker.postMessage(message);
  };
}

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PlatformError) => void;
  readonly leave: Release;
}

class SqliteStore implements Store, PreparedStore {
  readonly #post: (message: ToWorker) => void;
  readonly #deps: SqliteStoreDeps;
  #modules: ReadonlySet<string> = new Set();
  readonly #backlog = new Backlog();
  readonly #opening = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #pending = new Map<number, PendingCall>();
  #turn: CallMessage[] = [];
  #nextId = 0;
  #isLost = false;
  #closing: Promise<void> | undefined;

  constructor(deps: SqliteStoreDeps, serve: Serve) {
    this.#deps = deps;
    // One that ends before it is told to open anything.
    this.#opening.promise.catch(() => undefined);
    this.#post = serve({
      onMessage: (message) => this.#receive(message),
      onError: (error) => this.#lose(error),
      onExit: () => {
        this.#lose(undefined);
        this.#exited.resolve();
      },
    });
  }

  async open({ directory, modules }: Places): Promise<Store> {
    this.#modules = new Set(modules.map(({ module }) => module.name));
    this.#post({
      kind: "open",
      directory,
      modules: modules.map(({ module, url }) => ({ name: module.name, url })),
      wallMs: this.#deps.clock.wallMs(),
    });
    await this.#opening.promise;
    return this;
  }

  call<M extends StoreModule, K extends keyof M["procedures"] & string>(
    module: M,
    name: K,
    args: ArgsOf<M["procedures"][K]>,
  ): Promise<ResultOf<M["procedures"][K]>> {
    assert(this.#modules.has(module.name), `module ${module.name} was not opened`);
    return new Promise((resolve, reject) => {
      if (this.#isLost) throw unavailable();
      const leave = this.#backlog.enter(args);
      const id = this.#nextId++;
      this.#pending.set(id, { resolve: resolve as PendingCall["resolve"], reject, leave });
      if (this.#turn.length === 0) setImmediate(() => this.#sendTurn());
      this.#turn.push({ id, module: module.name, procedure: name, args });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#backlog.close();
    if (!this.#isLost) this.#post({ kind: "close" });
    await this.#exited.promise;
  }

  #sendTurn(): void {
    const calls = this.#turn;
    this.#turn = [];
    if (!this.#isLost) this.#sendCalls(calls);
  }

  /** Arguments that cannot be cloned spoil their own call only. */
  #sendCalls(calls: readonly CallMessage[]): void {
    try {
      this.#post({ kind: "calls", calls });
    } catch (cause) {
      if (calls.length > 1) return calls.forEach((call) => this.#sendCalls([call]));
      for (const { id, module, procedure } of calls) {
        const details = { what: "arguments", procedure: `${module}.${procedure}` };
        this.#take(id)?.reject(storeError("STORE_NOT_CLONEABLE", details, cause));
      }
    }
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "migrating":
        return this.#deps.onMigrating?.();
      case "opened":
        return this.#opening.resolve();
      case "refused":
        this.#isLost = true;
        return this.#opening.reject(revealError(message.error));
      case "replies":
        return message.replies.forEach((reply) => this.#settle(reply));
      case "closed":
        this.#isLost = true;
    }
  }

  #settle(reply: Reply): void {
    const call = this.#take(reply.id);
    if (reply.kind === "done") call?.resolve(reply.result);
    else call?.reject(revealError(reply.error));
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    call?.leave();
    return call;
  }

  /** The thread is gone: a call in flight may have been committed just before. */
  #lose(cause: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const problem = "its worker thread ended";
    this.#deps.log.error("store worker ended unexpectedly", { cause, calls: this.#pending.size });
    this.#opening.reject(storeError("STORE_UNAVAILABLE", { engine: "SQLite", problem }, cause));
    const error = storeError("STORE_OUTCOME_UNKNOWN", { engine: "SQLite", problem }, cause);
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }
}

function unavailable(): PlatformError {
  return storeError("STORE_UNAVAILABLE", { engine: "SQLite", problem: "its worker thread ended" });
}

/**
 * The serving side: loads modules from its start on, opens its databases when it is told to, and
 * then serves, in a worker or in its caller's own thread. Its loop takes what is queued, runs it in
 * groups by database, answers each group after its commit. Calls that arrive while a group runs
 * form the next one, so the group grows with the load and no timer adds latency.
 */
import {
  parentPort,
  receiveMessageOnPort,
  workerData as workerOptions,
  type MessagePort,
} from "node:worker_threads";
import { assert, BoundedQueue, PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";
import type { CallOutcome } from "./group-commit.ts";
import { STORE_LIMITS } from "./limits.ts";
import { assertModules } from "./migrations.ts";
import type { DatabaseName, StoreModule } from "./port.ts";
import { procedureOf, type RunnableProcedure } from "./procedure.ts";
import {
  openDatabases,
  type Databases,
  type DatabasesDeps,
  type OpenConnection,
} from "./sqlite-databases.ts";
import {
  cloneError,
  type CallMessage,
  type FromWorker,
  type OpenOrder,
  type Reply,
  type ToWorker,
  type WorkerOptions,
} from "./sqlite-messages.ts";
import { openDirectory } from "./store-directory.ts";

interface QueuedCall {
  readonly id: number;
  readonly database: DatabaseName;
  readonly procedure: RunnableProcedure;
  readonly args: unknown;
}

interface OpenStore {
  readonly modules: ReadonlyMap<string, StoreModule>;
  readonly databases: Databases;
  close(): void;
}

interface ServingDeps {
  readonly openConnection: OpenConnection;
}

/** Serves over the worker's own port. Call once, in the worker. */
export async function runSqliteWorker(deps: ServingDeps): Promise<void> {
  assert(parentPort !== null, "the SQLite worker runs in a thread of its own");
  const serving = serveOn(parentPort, deps);
  loadAhead(workerOptions as WorkerOptions);
  await serving;
}

/** Serves the store that it is told to open, until it is told to close. Never rejects. */
export async function serveOn(port: MessagePort, deps: ServingDeps): Promise<void> {
  const ordered = firstOrder(port);
  try {
    const onMigrating = (): void => post(port, { kind: "migrating" });
    serve(port, await openStore({ ...deps, onMigrating }, await ordered));
    post(port, { kind: "opened" });
  } catch (error) {
    post(port, { kind: "refused", error: cloneError(PlatformError.from(error)) });
    port.unref();
  }
}

function firstOrder(port: MessagePort): Promise<OpenOrder> {
  return new Promise((resolve) => {
    port.once("message", (order: OpenOrder) => {
      // Without a listener it would let the thread end while the store is opened.
      port.ref();
      resolve(order);
    });
  });
}

/** What cannot be loaded is told of when it is to be opened. */
function loadAhead({ moduleUrls }: WorkerOptions): void {
  for (const url of moduleUrls) import(url).catch(() => undefined);
}

async function openStore(deps: DatabasesDeps, order: OpenOrder): Promise<OpenStore> {
  const modules = await Promise.all(order.modules.map(importModule));
  assertModules(modules);
  const { directory, wallMs } = order;
  const lock = directory === undefined ? undefined : openDirectory(directory);
  try {
    const databases = openDatabases(deps, { directory, modules, wallMs });
    return {
      modules: new Map(modules.map((module) => [module.name, module])),
      databases,
      close() {
        databases.close();
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function importModule(source: OpenOrder["modules"][number]): Promise<StoreModule> {
  const { name, url } = source;
  const loaded = (await import(url)) as { storeModule?: StoreModule };
  if (loaded.storeModule?.name === name) return loaded.storeModule;
  const problem = `${url} does not export it as storeModule`;
  throw storeError("STORE_MODULE_INVALID", { module: name, problem });
}

function serve(port: MessagePort, store: OpenStore): void {
  const queue = new BoundedQueue<QueuedCall>(STORE_LIMITS.backlogCallsMax);
  let isClosing = false;
  const accept = (message: ToWorker): void => {
    assert(message.kind !== "open", "a worker opens one store");
    if (message.kind === "close") isClosing = true;
    else for (const call of message.calls) enqueue({ port, store, queue }, call);
  };
  const acceptWaiting = (): void => {
    for (let next = receive(port); next !== undefined; next = receive(port)) accept(next);
  };
  const onMessage = (message: ToWorker): void => {
    accept(message);
    acceptWaiting();
    while (queue.length > 0) {
      runGroups(port, store.databases, takeGroup(queue));
      acceptWaiting();
    }
    if (!isClosing) return;
    port.off("message", onMessage);
    store.close();
    post(port, { kind: "closed" });
  };
  port.on("message", onMessage);
}

function receive(port: MessagePort): ToWorker | undefined {
  return receiveMessageOnPort(port)?.message as ToWorker | undefined;
}

function enqueue(
  to: { port: MessagePort; store: OpenStore; queue: BoundedQueue<QueuedCall> },
  { id, module: name, procedure, args }: CallMessage,
): void {
  const module = to.store.modules.get(name);
  assert(module !== undefined, `module ${name} is not open`);
  try {
    const { database } = module;
    const taken = to.queue.push({ id, database, procedure: procedureOf(module, procedure), args });
    assert(taken, "the store bounds what it sends to its worker");
  } catch (error) {
    if (!PlatformError.is(error)) throw error;
    postReplies(to.port, [{ id, kind: "failed", error: cloneError(error) }]);
  }
}

function takeGroup(queue: BoundedQueue<QueuedCall>): readonly QueuedCall[] {
  const group: QueuedCall[] = [];
  while (group.length < STORE_LIMITS.groupCallsMax) {
    const call = queue.shift();
    if (call === undefined) break;
    group.push(call);
  }
  return group;
}

/** One commit per database; calls of one database keep their order. */
function runGroups(port: MessagePort, databases: Databases, calls: readonly QueuedCall[]): void {
  for (const name of new Set(calls.map(({ database }) => database))) {
    const group = calls.filter(({ database }) => database === name);
    const outcomes = databases.run(name, group);
    postReplies(
      port,
      group.map(({ id }, index) => replyOf(id, outcomes[index])),
    );
  }
}

function replyOf(id: number, outcome: CallOutcome | undefined): Reply {
  assert(outcome !== undefined, "a group has one outcome for each call");
  if (outcome.kind === "done") return { id, ...outcome };
  return { id, kind: "failed", error: cloneError(outcome.error) };
}

/** A result that cannot be cloned spoils its own reply only. */
function postReplies(port: MessagePort, replies: readonly Reply[]): void {
  try {
    post(port, { kind: "replies", replies });
  } catch (cause) {
    if (replies.length > 1) return replies.forEach((reply) => postReplies(port, [reply]));
    const what = { what: "result", procedure: "a committed call" };
    const error = cloneError(storeError("STORE_NOT_CLONEABLE", what, cause));
    const failed = replies.map(({ id }): Reply => ({ id, kind: "failed", error }));
    post(port, { kind: "replies", replies: failed });
  }
}

function post(port: MessagePort, message: FromWorker): void {
  port.postMessage(message);
}

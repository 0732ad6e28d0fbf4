/** A ledger in control over a real store and a real socket, with a configuration of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  createIdSource,
  createLog,
  silentLog,
  systemClock,
  systemRandom,
  type AccountId,
  type FunctionId,
  type Log,
} from "@skerry/base";
import type {
  AcceptPiece,
  AsyncPolicy,
  ConfigEntry,
  FunctionEntry,
  FunctionLimits,
  SetQuotas,
} from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import {
  ConfigFeed,
  LinkServer,
  listenLinks,
  Peers,
  type ConfigLog,
  type LinkLimits,
  type LinkSocket,
} from "@skerry/control-links";
import { openPostgresStore, openSqliteStoreHere, type Store } from "@skerry/store";
import { LeapClock } from "@skerry/testkit";
import { createDispatch, LedgerService, ledgerSources, type Dispatch } from "../src/index.ts";
import type { DispatchDeps } from "../src/ports.ts";
import type { DispatchLimits } from "../src/limits.ts";
import { storeModule } from "../src/store-module.ts";
import type { WebhookLimits } from "../src/webhooks/decide.ts";
import { GatewayDouble } from "./gateway-double.ts";

const random = systemRandom();
export const ids = createIdSource({ clock: systemClock(), random });

export const SIGNING_SECRET = `whsec_${Buffer.from("a key of the test").toString("base64")}`;

const LINK_LIMITS: LinkLimits = {
  ...{ peersMax: 16, silenceMsMax: 10_000, configPageMax: 100, agentWaitMs: 1, agentAbsenceMs: 1 },
  ...{ buildDeadlineMs: 1, buildAttemptsMax: 1, agentAnswerMs: 1, probeDeadlineMs: 1 },
  ...{ figuresAnswerMs: 1, figuresBytesMax: 1, linkAnswerBytesMax: 1 },
};

export interface SharedDatabase {
  readonly url: string;
  readonly looksEveryMs: number;
  /** A fresh one when absent. */
  readonly accountId?: AccountId;
}

interface Deployed {
  readonly name?: string;
  readonly policy?: Partial<AsyncPolicy>;
  readonly maxInstances?: number;
  readonly limits?: FunctionLimits;
  readonly publish?: readonly string[];
}

/** Wraps calls of the store: may act before them, refuse them, or refuse them once done. */
export type Fault = (name: string, pass: () => Promise<unknown>) => Promise<unknown>;

interface WorldOptions {
  readonly limits?: Partial<DispatchLimits>;
  readonly shared?: SharedDatabase | undefined;
  readonly webhookLimits?: Partial<WebhookLimits>;
}

interface Running {
  readonly store: Store;
  readonly dispatch: Dispatch;
  readonly links: LinkServer;
  readonly feed: ConfigFeed;
  readonly socket: LinkSocket;
}

export class World implements AsyncDisposable {
  readonly warnings: string[] = [];
  readonly #directory: string;
  readonly #entries: ConfigEntry[] = [];
  readonly accountId: AccountId;
  readonly clock = new LeapClock();
  readonly random = random;
  readonly log = silentLog();
  /** Whatever it is, it is dialled; nothing has a secret until a test says so. */
  readonly webhooks: DispatchDeps["webhooks"] = {
    network: {
      isNamed: () => true,
      connect: ({ host, port }) => Promise.resolve(connect({ host, port })),
    },
    open: () => Promise.resolve(SIGNING_SECRET),
  };
  fault: Fault = (_name, pass) => pass();
  /** Readings of the configuration wait for it. */
  configRead: Promise<void> = Promise.resolve();
  #running: Running | undefined;
  #seq = 0;

  readonly #limits: Partial<DispatchLimits>;
  readonly #webhookLimits: Partial<WebhookLimits>;
  readonly #shared: SharedDatabase | undefined;

  private constructor(directory: string, options: WorldOptions) {
    this.#directory = directory;
    this.#limits = options.limits ?? {};
    this.#webhookLimits = { retryMsMin: 20, pauseMsMin: 50, ...options.webhookLimits };
    this.#shared = options.shared;
    this.accountId = options.shared?.accountId ?? ids.id("acct");
  }

  /** Over SQLite, or over a PostgreSQL database that others may share. */
  static async open(
    limits: Partial<DispatchLimits> = {},
    shared?: SharedDatabase,
    webhookLimits: Partial<WebhookLimits> = {},
  ): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), "skerry-dispatch-"));
    const world = new World(directory, { limits, shared, webhookLimits });
    await world.start();
    return world;
  }

  get dispatch(): Dispatch {
    return this.#now.dispatch;
  }

  get store(): Store {
    return this.#now.store;
  }

  get service(): LedgerService {
    const { store, dispatch, clock } = this;
    return new LedgerService({ store, dispatch, clock, ids });
  }

  get #now(): Running {
    if (this.#running === undefined) throw new Error("control is stopped");
    return this.#running;
  }

  async start(): Promise<void> {
    const { clock } = this;
    const log = createLog((level, message, fields) => {
      if (level !== "debug") this.warnings.push(`${message} ${JSON.stringify(fields)}`);
    });
    const store = await this.#openStore(log);
    const configLog = this.#configLog();
    const dispatch = createDispatch(
      { store: this.#faulty(store), configLog, clock, random, ids, log, webhooks: this.webhooks },
      {
        ...{ limits: this.#limits, webhookLimits: this.#webhookLimits },
        ...(this.#shared === undefined ? {} : { looksEveryMs: this.#shared.looksEveryMs }),
      },
    );
    const feed = new ConfigFeed({ configLog, clock, log }, { pollMs: 60_000 });
    const peers = new Peers(clock);
    peers.watch(dispatch.room);
    const links = new LinkServer(
      { configLog, feed, peers, clock, random, log },
      { build: "test", limits: LINK_LIMITS, onSpooled: () => undefined, room: dispatch.room },
    );
    await dispatch.start();
    const socket = await listenLinks(this.socketPath, (one) => links.accept(one));
    this.#running = { store, dispatch, links, feed, socket };
  }

  async stop(): Promise<void> {
    const { store, dispatch, links, feed, socket } = this.#now;
    this.#running = undefined;
    dispatch.beginDrain();
    await socket.close();
    links.close();
    feed.close();
    await dispatch.close();
    await store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running !== undefined) await this.stop();
    await rm(this.#directory, { recursive: true });
  }

  #openStore(log: Log): Promise<Store> {
    const { clock } = this;
    const modules = ledgerSources;
    if (this.#shared !== undefined) {
      const options = { url: this.#shared.url, modules, poolMax: 4 };
      return openPostgresStore({ clock, log, random }, options);
    }
    return openSqliteStoreHere(
      { clock, log },
      { directory: join(this.#directory, "state"), modules },
    );
  }

  #faulty(store: Store): Pick<Store, "call"> {
    const call = (module: never, name: string, args: never): Promise<unknown> =>
      this.fault(name, () => store.call(module, name as never, args));
    return { call: call as Store["call"] };
  }

  /** A gateway that has said what it holds. */
  async gateway(id: string = ids.id("gw")): Promise<GatewayDouble> {
    const gateway = new GatewayDouble(this.socketPath, id);
    await gateway.sayHolding();
    return gateway;
  }

  /** Deploys a function whose instances take one event each. */
  function(more: Deployed = {}): FunctionId {
    const id = ids.id("fn");
    this.configure(id, more);
    return id;
  }

  configure(id: FunctionId, more: Deployed): void {
    const { name = "work", policy = {}, maxInstances = 10, limits, publish } = more;
    const set = { maxInstances, async: policy, limits, publish };
    const config = functionConfig.parse({ runtime: "node24", ...set });
    const value: FunctionEntry = {
      ...{ kind: "function", id, accountId: this.accountId, appId: ids.id("app") },
      ...{ app: "shop", name },
      latest: {
        ...{ id: ids.id("rev"), sourceDigest: "0", artefactKey: "0", handlerKind: "event" },
        ...{ runtimeBuild: "0", config, createdWallMs: 0 },
      },
    };
    this.#put(`function/${id}`, value);
  }

  remove(id: FunctionId): void {
    this.#put(`function/${id}`, null);
  }

  /** A secret of the account; its value is SIGNING_SECRET. */
  setSecret(name: string): void {
    const id = ids.id("sec");
    const sealed = { format: 1, keyId: "", wrappedKey: "", value: "" } as const;
    const named = { kind: "secret", id, accountId: this.accountId, app: null, name } as const;
    this.#put(`secret/${id}`, { ...named, version: 1, sealed });
  }

  /** Quotas of the account that an operator has set. */
  setQuotas(set: SetQuotas): void {
    const { accountId } = this;
    this.#put(`quotas/${accountId}`, { kind: "quotas", accountId, set });
  }

  #put(key: string, value: ConfigEntry["value"]): void {
    this.#seq += 1;
    const at = this.#entries.findIndex((entry) => entry.key === key);
    if (at >= 0) this.#entries.splice(at, 1);
    this.#entries.push({ key, seq: this.#seq, value });
    this.#running?.dispatch.configGrown(this.#seq);
  }

  piece(f: FunctionId, more: Partial<AcceptPiece> = {}): AcceptPiece {
    return { id: ids.requestId(), f, src: "url", at: this.clock.wallMs(), ...more };
  }

  /** Changes the stopped ledger behind everybody's back. */
  inLedger(sql: string): void {
    const database = new DatabaseSync(join(this.#directory, "state", "ledger.db"));
    database.exec(sql);
    database.close();
  }

  balance() {
    return this.store.call(storeModule, "readBalance", null);
  }

  /** Where gateways find it. */
  get socketPath(): string {
    return join(this.#directory, "run", "control.sock");
  }

  #configLog(): ConfigLog {
    return {
      seq: () => Promise.resolve(this.#seq),
      read: async ({ after }) => {
        await this.configRead;
        return {
          ...{ seq: this.#seq, fromStart: after === 0, complete: true },
          entries: this.#entries.filter(({ seq }) => seq > after),
        };
      },
    };
  }
}

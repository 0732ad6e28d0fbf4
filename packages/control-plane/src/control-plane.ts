/**
 * The control plane, put together: the API over the engines, the links of gateways and agents, and
 * the work on deployments. Everything durable is in the store; this object may be thrown away at
 * any moment and another one opened over the same store goes on where it stopped.
 */
import type { Socket } from "node:net";
import { PLATFORM_ACTOR, mintKey, parseKey } from "@skerry/accounts";
import {
  createIdSource,
  type AccountId,
  type Cancel,
  type Clock,
  type IdSource,
  type Log,
  type Random,
} from "@skerry/base";
import type { CodeStore } from "@skerry/code-store";
import { ReleaseRunner } from "@skerry/release-api";
import { createEventApi, type EventRooms } from "@skerry/event-api";
import { cookieNameOf, type RequestHandler } from "@skerry/http";
import { createApiServer, type ApiServer } from "./api/api-server.ts";
import { platformBooksOf } from "./api/platform-books.ts";
import { createUrlsOf } from "./api/resources.ts";
import { CodeHolds } from "@skerry/code-store";
import { CodeSweeper } from "./code-sweeper.ts";
import { Changes } from "./changes.ts";
import { DeploymentLogs } from "./deployment-logs.ts";
import { DeploymentWorker } from "./deployment-worker.ts";
import { EventCarrier } from "./event-carrier.ts";
import { CONTROL_LIMITS, type ControlLimits } from "./limits.ts";
import {
  Agents,
  ConfigFeed,
  type ConfigLog,
  type LinkRoom,
  LinkServer,
  type LinkSocket,
  type PeerRole,
  Peers,
  type RoleView,
  askFigures,
  listenLinks,
} from "@skerry/control-links";
import type {
  InvocationQueries,
  LogQueries,
  MetricQueries,
  PageDeps,
  PageFiles,
  SecretKeys,
} from "./ports.ts";
import { createFrontDoor, type FrontDoor } from "./page/front-door.ts";
import { SecretKeeper } from "./secret-keeper.ts";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface ControlPlaneDeps {
  /** Must have been opened with `storeModule`. */
  readonly store: ControlStore;
  readonly codeStore: Pick<CodeStore, "has" | "list" | "putArchive" | "remove">;
  readonly logs: LogQueries;
  readonly invocations: InvocationQueries;
  /** What the start page needs beside the API's own. */
  readonly page: PageDeps & { readonly files: PageFiles };
  readonly metrics: MetricQueries;
  /** What runs functions without a caller. */
  readonly events: EventRooms;
  /** Master keys of secrets. */
  readonly secretKeys: SecretKeys;
  readonly clock: Clock;
  /** Cryptographically strong: keys are made from it. */
  readonly random: Random;
  readonly log: Log;
}

export interface ControlPlaneOptions {
  /** This release, as peers and users see it. */
  readonly build: string;
  /** Base URLs as users reach them. */
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** Metrics need no key from this machine; default false. */
  readonly metricsOpen?: boolean;
  /** Patterns over what functions may name in `connect`; default everything. */
  readonly connectTargets?: readonly string[];
  /** What differs from CONTROL_LIMITS. */
  readonly limits?: Partial<ControlLimits>;
  /** A peer has new records in its spool. */
  readonly onSpooled?: (peer: { readonly id: string; readonly role: PeerRole }) => void;
  /** Serves what gateways and agents open beside the config log. */
  readonly room?: LinkRoom;
  /** Everything up to this number of the config log is committed. */
  readonly onConfig?: (seq: number) => void;
}

export interface ControlPlane extends AsyncDisposable {
  readonly accountId: AccountId;
  /** The control API, for `serveHttp`. */
  readonly apiHandler: RequestHandler;
  /**
   * Makes sure that the platform holds an admin key of its own. `presented` is the text it kept, if
   * any; undefined when that is still good, else the text of a new key, which is nowhere else. Keys
   * of earlier starts are revoked then.
   */
  ensureAdminKey(presented: string | undefined): Promise<string | undefined>;
  /** Serves gateways and agents on a unix socket that only this user can open. */
  listenLinks(path: string): Promise<LinkSocket>;
  /** Takes over one connection of a gateway or agent. */
  acceptLink(socket: Socket): void;
  /**
   * Resolves once every live consumer has `seq` in force, or with those that have not after
   * `timeoutMs`.
   */
  waitApplied(seq: number, timeoutMs: number): Promise<readonly string[]>;
  /** What linked gateways and agents tell of themselves now. */
  roles(): Promise<readonly RoleView[]>;
  /** Follows end and waits are answered, so that the API's listener can drain. */
  beginDrain(): void;
  /**
   * Cuts links and lets go of deployments, which go on after the next start. The store stays open.
   */
  close(): Promise<void>;
}

/**
 * Opens the control plane over an open store. Rejects with the store's reasons when it cannot be
 * read.
 */
export async function openControlPlane(
  deps: ControlPlaneDeps,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const ids = createIdSource(deps);
  const accountId = await deps.store.call(storeModule, "ensureAccount", {
    freshId: ids.id("acct"),
    wallMs: deps.clock.wallMs(),
  });
  const plane = new RunningControlPlane({ ...deps, ids, accountId }, options);
  await plane.start();
  return plane;
}

interface RunningDeps extends ControlPlaneDeps {
  readonly ids: IdSource;
  readonly accountId: AccountId;
}

class RunningControlPlane implements ControlPlane {
  readonly accountId: AccountId;
  readonly #deps: RunningDeps;
  readonly #limits: ControlLimits;
  readonly #feed: ConfigFeed;
  readonly #peers: Peers;
  readonly #links: LinkServer;
  readonly #worker: DeploymentWorker;
  readonly #codeSweeper: CodeSweeper;
  readonly #keeper: SecretKeeper;
  readonly #carrier: EventCarrier;
  readonly #releases: ReleaseRunner;
  readonly #api: ApiServer;
  readonly #frontDoor: FrontDoor;
  readonly #closing = new AbortController();
  #cancelSweep: Cancel | undefined;

  constructor(deps: RunningDeps, options: ControlPlaneOptions) {
    const limits = { ...CONTROL_LIMITS, ...options.limits };
    const configLog = configLogOf(deps.store);
    const feed = new ConfigFeed({ ...deps, configLog }, { pollMs: limits.feedPollMs });
    const { room, onConfig } = options;
    if (onConfig !== undefined) feed.onGrown(() => onConfig(feed.seq));
    const peers = new Peers(deps.clock);
    if (room !== undefined) peers.watch(room);
    this.#peers = peers;
    const agents = new Agents({ ...deps, peers }, { limits });
    this.#carrier = new EventCarrier({ ...deps, bus: deps.events.bus });
    const changes = new Changes(() => this.#carrier.wake());
    const logs = new DeploymentLogs({ ...deps, changes });
    const holds = new CodeHolds();
    this.accountId = deps.accountId;
    this.#deps = deps;
    this.#limits = limits;
    this.#feed = feed;
    this.#worker = new DeploymentWorker(
      { ...deps, ...{ agents, feed, peers, changes, holds, logs } },
      { limits },
    );
    const applied = async (seq: number): Promise<boolean> => {
      feed.committed(seq);
      return (await this.waitApplied(seq, limits.appliedDeadlineMs)).length === 0;
    };
    this.#keeper = new SecretKeeper({ ...deps, keys: deps.secretKeys, applied });
    this.#releases = new ReleaseRunner({
      ...{ ...deps, module: storeModule, figures: deps.metrics },
      committed: (seq) => feed.committed(seq),
    });
    this.#codeSweeper = new CodeSweeper({ ...deps, agents, holds }, { limits });
    this.#links = new LinkServer(
      { ...deps, configLog, feed, peers },
      { build: options.build, limits, onSpooled: options.onSpooled ?? (() => undefined), room },
    );
    const { build, apiUrl, gatewayUrl } = options;
    const parts = {
      agents,
      peers,
      feed,
      changes,
      holds,
      worker: this.#worker,
      keeper: this.#keeper,
      releases: this.#releases,
      limits,
    };
    const urlsOf = createUrlsOf(gatewayUrl);
    const cookieName = cookieNameOf(apiUrl);
    this.#frontDoor = createFrontDoor({ ...deps, limits }, { files: deps.page.files, cookieName });
    const metricsOpen = options.metricsOpen ?? false;
    const connectTargets = options.connectTargets ?? ["*"];
    const told = { urlsOf, build, apiUrl, gatewayUrl, metricsOpen, connectTargets };
    const platform = platformBooksOf({ ...deps, ...parts });
    const events = createEventApi({ ...deps.events, platform, clock: deps.clock });
    this.#api = createApiServer({ ...deps, ...parts, ...told, events, cookieName });
  }

  async start(): Promise<void> {
    await this.#feed.refresh();
    await this.#worker.load();
    this.#carrier.wake();
    this.#releases.wake();
    this.#scheduleSweep();
    this.#codeSweeper.start();
    this.#keeper.resume();
  }

  get apiHandler(): RequestHandler {
    return (req, res, target) => {
      if (this.#frontDoor(req, res, target)) return;
      return this.#api.handle(req, res, target);
    };
  }

  async ensureAdminKey(presented: string | undefined): Promise<string | undefined> {
    const { ids, clock, random, store, accountId } = this.#deps;
    const id = ids.id("key");
    const { text, secretSha256 } = mintKey(id, random);
    const atMs = clock.wallMs();
    const held = await store.call(storeModule, "ensureLocalKey", {
      presented: parseKey(presented ?? "") ?? null,
      fresh: {
        ...{ id, accountId, name: "local admin", role: "admin", apps: null, secretSha256 },
        ...{ local: true, createdAtMs: atMs },
      },
      stamp: {
        id: ids.id("aud"),
        accountId,
        keyId: PLATFORM_ACTOR,
        requestId: ids.requestId(),
        atMs,
      },
    });
    await this.#feed.refresh();
    return held ? undefined : text;
  }

  listenLinks(path: string): Promise<LinkSocket> {
    return listenLinks(path, (socket) => this.#links.accept(socket));
  }

  acceptLink(socket: Socket): void {
    this.#links.accept(socket);
  }

  async waitApplied(seq: number, timeoutMs: number): Promise<readonly string[]> {
    const { clock } = this.#deps;
    const { signal } = this.#closing;
    await this.#peers.waitUntil(() => this.#peers.behind(seq).length === 0, {
      ...{ clock, signal, deadlineMs: timeoutMs },
    });
    return this.#peers.behind(seq);
  }

  roles(): Promise<readonly RoleView[]> {
    return askFigures({ ...this.#deps, peers: this.#peers, limits: this.#limits });
  }

  beginDrain(): void {
    this.#api.stop();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#api.stop();
    this.#cancelSweep?.();
    await this.#keeper.close();
    await this.#codeSweeper.close();
    await this.#worker.close();
    await this.#releases.close();
    await this.#carrier.close();
    this.#links.close();
    this.#feed.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Takes rows away that nobody can ask for any more, a bounded number at a time; at once again
   * when that was not all, so that it keeps up with whatever rate is permitted.
   */
  #scheduleSweep(afterMs?: number): void {
    const { clock, store, log } = this.#deps;
    const {
      sweepAgainMs,
      sweepIntervalMs,
      sweepRowsMax: rowsMax,
      configTombstonesKept: tombstonesKept,
    } = this.#limits;
    const { auditKeepMs, auditFloorMs, auditRecordsMax: recordsMax } = this.#limits;
    const sweep = async (): Promise<void> => {
      const wallMs = clock.wallMs();
      const times = { beforeMs: wallMs - auditKeepMs, floorMs: wallMs - auditFloorMs };
      const args = { wallMs, tombstonesKept, rowsMax, audit: { ...times, recordsMax } };
      const removed = await store.call(storeModule, "sweep", args).catch((error: unknown) => {
        log.warn("housekeeping failed; it is tried again", { error });
        return 0;
      });
      const isMore = removed >= rowsMax;
      if (!this.#closing.signal.aborted) this.#scheduleSweep(isMore ? sweepAgainMs : undefined);
    };
    this.#cancelSweep = clock.schedule(afterMs ?? sweepIntervalMs, () => void sweep(), {
      background: true,
    });
  }
}

function configLogOf(store: ControlStore): ConfigLog {
  return {
    seq: () => store.call(storeModule, "configSeq", null),
    read: (args) => store.call(storeModule, "readConfig", args),
  };
}

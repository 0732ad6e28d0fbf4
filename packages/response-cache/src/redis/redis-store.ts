/**
 * What is kept in a Redis or Valkey that several gateways share. It may fail at any time: whatever
 * it does not tell in time is a miss, and what it does not take is asked for again.
 */
import { createHash } from "node:crypto";
import type { Clock, Log } from "@skerry/base";
import type { Kept } from "../kept-answer.ts";
import type { CacheStore, StoredEntry } from "../ports.ts";
import { decodeKept, encodeKept } from "./codec.ts";
import { HeldStages, type HeldStagesOptions } from "./held-stages.ts";
import { AWAY, RedisLink } from "./link.ts";
import { RedisPurges } from "./purges.ts";

export interface RedisStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export interface RedisStoreOptions {
  /** `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Begins every key; platforms that shall not share have different ones. */
  readonly prefix?: string;
  /** Longest value that is stored. */
  readonly valueBytesMax?: number;
  /** Where it is noted that purges could not be carried out; nowhere by default. */
  readonly held?: HeldStagesOptions;
  /** A command that has no answer by then has none. */
  readonly answerWithinMs?: number;
}

const DEFAULTS = { prefix: "skerry:cache:", valueBytesMax: 8 << 20, answerWithinMs: 50 };
const CONNECT_WITHIN_MS = 2_000;
const RECONNECT_MS_MAX = 1_000;
/** Bytes that are on their way to Redis at once; what comes beyond is not stored. */
const WRITE_BYTES_MAX = 64 << 20;
/** Of an answer that was asked for while Redis was away: it is not stored. */
const UNKNOWN_MARK = -1;
const KEEP_MS_MAX = 400 * 86_400_000;

/** Connects in the background, again and again; until then everything is a miss. */
export async function openRedisStore(
  deps: RedisStoreDeps,
  options: RedisStoreOptions,
): Promise<CacheStore> {
  const settings = { ...DEFAULTS, ...options };
  // Loaded by those gateways alone that have a Redis.
  const { createClient, RESP_TYPES } = await import("@redis/client");
  const client = createClient({
    url: settings.url,
    disableOfflineQueue: true,
    commandOptions: {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer },
    },
    socket: {
      connectTimeout: CONNECT_WITHIN_MS,
      reconnectStrategy: (tries) => Math.min(25 * 2 ** Math.min(tries, 6), RECONNECT_MS_MAX),
    },
  });
  // Each failed try is an event; the link says once that Redis is away.
  client.on("error", () => undefined);
  client.connect().catch(() => undefined);
  const store = new RedisStore(
    new RedisLink(
      {
        ...deps,
        client: {
          get isReady() {
            return client.isReady;
          },
          sendCommand: (command) => client.sendCommand(command),
        },
      },
      settings.answerWithinMs,
    ),
    { ...settings, clock: deps.clock, heldStages: new HeldStages(deps.log, options.held) },
  );
  return storeOf(store, () => client.destroy());
}

function storeOf(store: RedisStore, disconnect: () => void): CacheStore {
  return {
    get: (stage, key) => store.get(stage, key),
    mark: (stage) => store.mark(stage),
    put: (entry) => store.put(entry),
    purge: (stage, what) => store.purges.purge(stage, what),
    follow: (stage, told) => store.purges.follow(stage, told),
    drop: (stage) => store.purges.purge(stage, { all: true }),
    figures: () => ({ entries: undefined, bytes: undefined, isAway: store.isAway }),
    close: () => {
      store.purges.close();
      disconnect();
    },
  };
}

interface StoreSettings {
  readonly clock: Clock;
  readonly heldStages: HeldStages;
  readonly prefix: string;
  readonly valueBytesMax: number;
}

class RedisStore {
  readonly purges: RedisPurges;
  readonly #link: RedisLink;
  readonly #settings: StoreSettings;
  #writing = 0;

  constructor(link: RedisLink, settings: StoreSettings) {
    this.#link = link;
    this.#settings = settings;
    const { clock, prefix, heldStages } = settings;
    this.purges = new RedisPurges({ link, clock, prefix, heldStages });
  }

  get isAway(): boolean {
    return this.#link.isAway;
  }

  async get(stage: string, key: string): Promise<Kept | undefined> {
    if (this.purges.isHeld(stage)) return undefined;
    const answered = await this.#link.ask(["GET", this.#key(key)], this.purges.count(stage));
    if (answered === AWAY) return undefined;
    const [value, count] = answered as [Buffer | null, Buffer | null];
    const kept = value === null ? undefined : decodeKept(value);
    if (kept?.kind !== "answer") return kept;
    if (await this.purges.isPurged(kept, Number(count ?? 0))) return undefined;
    return this.purges.isHeld(stage) ? undefined : kept;
  }

  async mark(stage: string): Promise<number> {
    const answered = await this.#link.ask(this.purges.count(stage));
    return answered === AWAY ? UNKNOWN_MARK : Number(answered[0] ?? 0);
  }

  async put({ key, kept, keepMs }: StoredEntry): Promise<void> {
    if (kept.kind === "answer" && kept.mark === UNKNOWN_MARK) return;
    const value = encodeKept(kept);
    if (value.length > this.#settings.valueBytesMax) return;
    if (this.#writing + value.length > WRITE_BYTES_MAX) return;
    this.#writing += value.length;
    const lifetime = String(Math.max(1, Math.ceil(Math.min(keepMs, KEEP_MS_MAX))));
    await this.#link.ask(["SET", this.#key(key), value, "PX", lifetime]);
    this.#writing -= value.length;
  }

  /** Keys hold URLs and headers of clients: a digest has one length and shows nothing. */
  #key(key: string): string {
    return `${this.#settings.prefix}a:${createHash("sha256").update(key).digest("base64url")}`;
  }
}

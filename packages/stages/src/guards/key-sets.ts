/**
 * Sets of keys that check tokens, by their URL. A set is read when a request first needs it, by one
 * fetch for all that wait, and anew when it has grown old or a token names a key that it lacks, so
 * that issuers may change keys at any time; but never so often that tokens made up for it would
 * bring load upon the issuer. While an issuer is away what it said last goes on to hold, for a day.
 */
import type { Clock, Log } from "@skerry/base";
import type { JwtPolicy } from "@skerry/contracts";
import { readJwkSet, type CheckKey } from "@skerry/routes";
import { failGuard } from "./errors.ts";

type Keys = readonly CheckKey[];

export interface KeySetDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** The `keys` of the set at a URL; rejects with why it cannot be read. */
  readonly fetch: (url: string) => Promise<readonly unknown[]>;
}

interface KeptSet {
  keys: Keys | undefined;
  /** When `keys` was read, and when reading was last begun; monotonic. */
  readMs: number;
  triedMs: number;
  under: Promise<Keys> | undefined;
}

/** A set as old as this is read again, behind the requests that still use it. */
const FRESH_MS = 600_000;
/** Between two fetches for keys that a set lacks. */
const UNKNOWN_MS = 30_000;
/** Between two fetches that failed. */
const FAILED_MS = 5_000;
const KEPT_MS = 86_400_000;
const SETS_MAX = 1_000;

export class KeySets {
  readonly #deps: KeySetDeps;
  readonly #byUrl = new Map<string, KeptSet>();
  readonly #given = new WeakMap<JwtPolicy, Keys>();

  constructor(deps: KeySetDeps) {
    this.#deps = deps;
  }

  /**
   * The keys of a policy, the same list until they change. `suffices` says whether the token's key
   * is among them. Rejects with ROUTE_AUTH_UNAVAILABLE when there are none to be had.
   */
  keysOf(
    policy: JwtPolicy,
    suffices: (keys: Keys) => boolean,
    route: string,
  ): Keys | Promise<Keys> {
    const { jwksUrl } = policy;
    if (jwksUrl === undefined) return this.#givenBy(policy);
    const kept = this.#setAt(jwksUrl);
    const now = this.#deps.clock.monotonicMs();
    if (now - kept.readMs > KEPT_MS) kept.keys = undefined;
    const { keys } = kept;
    if (keys === undefined) {
      return this.#read(jwksUrl, kept, FAILED_MS).catch((error: unknown) => {
        const why = "the keys of its issuer cannot be read";
        throw failGuard("ROUTE_AUTH_UNAVAILABLE", { route, why }, error);
      });
    }
    if (!suffices(keys)) return this.#read(jwksUrl, kept, UNKNOWN_MS).catch(() => keys);
    if (now - kept.readMs > FRESH_MS) this.#read(jwksUrl, kept, UNKNOWN_MS).catch(() => undefined);
    return keys;
  }

  #givenBy(policy: JwtPolicy): Keys {
    const known = this.#given.get(policy);
    if (known !== undefined) return known;
    const keys = readJwkSet(policy.keys ?? []);
    this.#given.set(policy, keys);
    return keys;
  }

  #setAt(url: string): KeptSet {
    const known = this.#byUrl.get(url);
    if (known !== undefined) return known;
    for (const [oldest] of this.#byUrl) {
      if (this.#byUrl.size < SETS_MAX) break;
      this.#byUrl.delete(oldest);
    }
    const kept = { keys: undefined, readMs: 0, triedMs: -Infinity, under: undefined };
    this.#byUrl.set(url, kept);
    return kept;
  }

  /** Joins the fetch that is under way, or begins one unless the last began `pauseMs` ago. */
  async #read(url: string, kept: KeptSet, pauseMs: number): Promise<Keys> {
    if (kept.under !== undefined) return await kept.under;
    const { clock, log, fetch } = this.#deps;
    if (clock.monotonicMs() - kept.triedMs < pauseMs) {
      if (kept.keys !== undefined) return kept.keys;
      throw new DOMException("it could not be read a moment ago");
    }
    kept.triedMs = clock.monotonicMs();
    kept.under = fetch(url).then(readJwkSet);
    try {
      kept.keys = await kept.under;
      kept.readMs = clock.monotonicMs();
      return kept.keys;
    } catch (error) {
      log.warn("a set of keys could not be read", { url, error: String(error) });
      throw error;
    } finally {
      kept.under = undefined;
    }
  }
}

/**
 * How much is kept for idempotency keys. Each key of the platform has room for so many answers and
 * so many bytes, and so has its account; in an account that is full each key still has a share that
 * no other can take. Where there is no room, the key's own oldest make some, but none that is
 * younger than an hour: a promise to remember is worth nothing if the next thousand requests break
 * it. When that is not enough the change is refused before it begins; without an idempotency key it
 * is made.
 *
 * What is kept is counted here and now and then read anew, so that no transaction meets another
 * over a counter. Requests under way are not counted yet; there is a bound to those as well.
 */
import type { AccountId, Clock, KeyId } from "@skerry/base";
import type { Principal } from "@skerry/contracts";
import { fail } from "../errors.ts";
import type { ControlLimits } from "../limits.ts";
import { storeModule, type ControlStore } from "../store-module.ts";
import type { Answer } from "@skerry/api-serving";

export interface RepeatRoomDeps {
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly limits: ControlLimits;
}

type Owner = Pick<Principal, "accountId" | "keyId">;

interface Kept {
  readonly accountId: AccountId;
  requests: number;
  answerBytes: number;
}

type Amount = Pick<Kept, "requests" | "answerBytes">;

/** Looked at again when this much time has passed; what expired meanwhile makes room then. */
const READ_EVERY_MS = 60_000;
const RETRY_AFTER_MS = 60_000;
/** Forgotten at once, so that not every request has to. */
const FORGOTTEN_MAX = 1_000;

export class RepeatRoom {
  readonly #deps: RepeatRoomDeps;
  #kept: Map<KeyId, Kept> = new Map();
  #reading: Promise<void> | undefined;
  #readMs = -Infinity;

  constructor(deps: RepeatRoomDeps) {
    this.#deps = deps;
  }

  /** Makes room for one more answer. Throws IDEMPOTENCY_KEYS_EXHAUSTED. */
  async make(owner: Owner): Promise<void> {
    await this.#read();
    if (this.#hasRoom(owner)) return;
    await this.#forgetOldest(owner);
    if (this.#hasRoom(owner)) return;
    const { requests, answerBytes } = this.#keptFor(owner);
    const details = { requests, answerBytes, retryAfterMs: RETRY_AFTER_MS };
    throw fail("IDEMPOTENCY_KEYS_EXHAUSTED", details);
  }

  /** Counts an answer that was kept. */
  add(owner: Owner, answer: Answer): void {
    const kept = this.#keptFor(owner);
    kept.requests += 1;
    if (answer.kind === "json") kept.answerBytes += Buffer.byteLength(JSON.stringify(answer.value));
    this.#kept.set(owner.keyId, kept);
  }

  #hasRoom(owner: Owner): boolean {
    const { limits } = this.#deps;
    const own = this.#keptFor(owner);
    const isBelow = (amount: Amount, requestsMax: number, bytesMax: number): boolean =>
      amount.requests < requestsMax && amount.answerBytes < bytesMax;
    if (!isBelow(own, limits.repeatsPerKeyMax, limits.repeatBytesPerKeyMax)) return false;
    if (isBelow(own, limits.repeatsPerKeyShare, limits.repeatBytesPerKeyShare)) return true;
    const all = this.#keptForAccount(owner.accountId);
    return isBelow(all, limits.repeatsPerAccountMax, limits.repeatBytesPerAccountMax);
  }

  async #forgetOldest(owner: Owner): Promise<void> {
    const { clock, limits, store } = this.#deps;
    const expiresBeforeMs = clock.wallMs() + Math.max(0, limits.repeatTtlMs - limits.repeatFloorMs);
    const args = { keyId: owner.keyId, expiresBeforeMs, limit: FORGOTTEN_MAX };
    const gone = await store.call(storeModule, "forgetRepeats", args);
    const kept = this.#keptFor(owner);
    kept.requests -= gone.requests;
    kept.answerBytes -= gone.answerBytes;
  }

  #keptFor({ accountId, keyId }: Owner): Kept {
    return this.#kept.get(keyId) ?? { accountId, requests: 0, answerBytes: 0 };
  }

  #keptForAccount(accountId: AccountId): Amount {
    const sum = { requests: 0, answerBytes: 0 };
    for (const kept of this.#kept.values()) {
      if (kept.accountId !== accountId) continue;
      sum.requests += kept.requests;
      sum.answerBytes += kept.answerBytes;
    }
    return sum;
  }

  #read(): Promise<void> {
    const { clock } = this.#deps;
    if (clock.monotonicMs() - this.#readMs < READ_EVERY_MS) return Promise.resolve();
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const rows = await this.#deps.store.call(storeModule, "repeatUsage", null);
    this.#kept = new Map(rows.map(({ keyId, ...kept }) => [keyId, kept]));
    this.#readMs = this.#deps.clock.monotonicMs();
  }
}

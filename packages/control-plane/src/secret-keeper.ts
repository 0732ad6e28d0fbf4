/**
 * Seals values of secrets and rotates their master key. One thing at a time: what is sealed while a
 * rotation is under way would else be wrapped by a key that is about to be forgotten. A rotation
 * may be cut off anywhere: the key file holds both keys until every data key is wrapped anew, every
 * agent that is there knows it, and the audit has it; the next start goes on.
 */
import { PLATFORM_ACTOR, type AuditStamp } from "@skerry/accounts";
import {
  PlatformError,
  type AccountId,
  type Cancel,
  type Clock,
  type IdSource,
  type Log,
  type Random,
} from "@skerry/base";
import type { SealedValue } from "@skerry/contracts";
import {
  openValue,
  rewrapValue,
  sealValue,
  type SealedSecret,
  type SealIdentity,
  type SecretRecord,
  type SecretScope,
} from "@skerry/secrets";
import type { SecretKeys } from "./ports.ts";
import type { ChangeStamp } from "@skerry/api-serving";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface SecretKeeperDeps {
  /** Whose audit tells of rotations that go on after a crash. */
  readonly accountId: AccountId;
  readonly store: ControlStore;
  readonly keys: SecretKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Resolves when every live consumer has the number in force; false when some lag behind. */
  readonly applied: (seq: number) => Promise<boolean>;
}

export interface NewValue extends SecretScope {
  readonly name: string;
  readonly value: string;
  readonly ifVersion: number | null;
  /** For the change that makes the record. */
  stamp(record: SecretRecord): ChangeStamp;
}

export interface Rotation {
  readonly keyId: string;
  readonly rewrapped: number;
  /** Former keys are forgotten. */
  readonly complete: boolean;
}

/** Secrets wrapped anew in one transaction. */
const PAGE = 50;
const RACES_MAX = 3;
/** After a rotation that could not be brought to its end. */
const RETRY_MS = 10_000;
/** After a start nobody is linked: agents that are about to be back would count as knowing. */
const AGENTS_BACK_MS = 3_000;

export class SecretKeeper {
  readonly #deps: SecretKeeperDeps;
  #last: Promise<unknown> = Promise.resolve();
  #cancelFinish: Cancel | undefined;
  #closed = false;

  constructor(deps: SecretKeeperDeps) {
    this.#deps = deps;
  }

  /** Goes on with a rotation that an earlier run did not finish, or says that keys were lost. */
  resume(): void {
    if (this.#deps.keys.isRotating) this.#finishIn(AGENTS_BACK_MS);
    else void this.#inTurn(() => this.#tellLost());
  }

  /** Starts nothing more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelFinish?.();
    await this.#last.catch(() => undefined);
  }

  /** Stores a value. Rejects with the reasons of `putSecret` and of the master key. */
  put(fresh: NewValue): Promise<{ readonly record: SecretRecord; readonly seq: number }> {
    return this.#inTurn(async () => {
      for (let race = 1; ; race += 1) {
        try {
          return await this.#putOnce(fresh);
        } catch (error) {
          const { reason } = PlatformError.from(error);
          if (reason !== "SECRET_RACED" || race >= RACES_MAX) throw error;
        }
      }
    });
  }

  /** Seals what is kept elsewhere than among secrets; written before another rotation begins. */
  putSealed<T>(
    identity: SealIdentity,
    value: string,
    write: (sealed: SealedValue) => Promise<T>,
  ): Promise<T> {
    return this.#inTurn(async () => write(await sealValue(this.#deps, identity, value)));
  }

  /** One with its value; undefined when it is not there. Rejects as the master key does. */
  async open(
    named: SecretScope & { readonly name: string },
  ): Promise<{ readonly record: SecretRecord; readonly value: string } | undefined> {
    const { store, keys } = this.#deps;
    const found = await store.call(storeModule, "findSealedSecret", named);
    if (found === undefined) return undefined;
    return { record: found, value: await openValue(keys, found, found.sealed) };
  }

  /** Makes a new master key and wraps every data key with it. Rejects as `record` does. */
  rotate(record: (rotation: Rotation) => Promise<void>): Promise<Rotation> {
    return this.#inTurn(async () => {
      const { keyId, skipKeyId } = await this.#deps.keys.beginRotation();
      try {
        const { rewrapped, isComplete } = await this.#rewrapAll(skipKeyId);
        const rotation = { keyId, rewrapped, complete: isComplete };
        await record(rotation);
        if (isComplete) await this.#deps.keys.endRotation();
        return rotation;
      } finally {
        if (this.#deps.keys.isRotating) this.#finishIn(RETRY_MS);
      }
    });
  }

  async #putOnce(
    fresh: NewValue,
  ): Promise<{ readonly record: SecretRecord; readonly seq: number }> {
    const { store, ids, clock } = this.#deps;
    const { accountId, app, name, value, ifVersion } = fresh;
    const before = await store.call(storeModule, "findSecret", { accountId, app, name });
    const wallMs = clock.wallMs();
    const record: SecretRecord = {
      ...{ id: before?.id ?? ids.id("sec"), accountId, app, name },
      version: (before?.version ?? 0) + 1,
      ...{ createdAtMs: before?.createdAtMs ?? wallMs, updatedAtMs: wallMs },
    };
    const secret: SealedSecret = { ...record, sealed: await sealValue(this.#deps, record, value) };
    const args = { stamp: fresh.stamp(record), secret, ifVersion };
    return { record, seq: await store.call(storeModule, "putSecret", args) };
  }

  async #finish(): Promise<void> {
    const { keys, log } = this.#deps;
    if (this.#closed || !keys.isRotating) return;
    try {
      const { rewrapped, isComplete } = await this.#rewrapAll(keys.currentId);
      if (!isComplete) return this.#finishIn(RETRY_MS);
      await this.#recordResumed({ keyId: keys.currentId, rewrapped });
      await keys.endRotation();
      log.info("a rotation of the secrets' master key was brought to its end", { rewrapped });
    } catch (error) {
      log.warn("a rotation of the secrets' master key waits", { error });
      this.#finishIn(RETRY_MS);
    }
  }

  /** Nobody asked in this run; who did may be in the record that was written before. */
  async #recordResumed(rotated: Pick<Rotation, "keyId" | "rewrapped">): Promise<void> {
    const { accountId, clock, ids, store } = this.#deps;
    const stamp: AuditStamp = {
      ...{ id: ids.id("aud"), accountId, keyId: PLATFORM_ACTOR },
      ...{ requestId: ids.requestId(), atMs: clock.wallMs() },
    };
    await store.call(storeModule, "recordResumedRotation", { stamp, ...rotated });
  }

  /** A key file that is missing is made anew at the start: this says what that means. */
  async #tellLost(): Promise<void> {
    const { keys, log, store } = this.#deps;
    if (this.#closed) return;
    try {
      const page = { keyId: keys.currentId, after: "", limit: 1 };
      const found = await store.call(storeModule, "secretsNotUnder", page);
      const opened = await this.#rewrapped(found);
      if (opened.length === found.length) return;
      log.error("secrets cannot be opened: put the copy of their key file back, or set them anew");
    } catch (error) {
      log.warn("nobody knows whether secrets can be opened", { error });
    }
  }

  /** However many rotations wait, one look finishes them all. */
  #finishIn(waitMs: number): void {
    this.#cancelFinish?.();
    const finish = (): void => void this.#inTurn(() => this.#finish());
    this.#cancelFinish = this.#deps.clock.schedule(waitMs, finish, { background: true });
  }

  /** Not complete when a secret could not be opened, or somebody does not know yet. */
  async #rewrapAll(
    skipKeyId: string,
  ): Promise<{ readonly rewrapped: number; readonly isComplete: boolean }> {
    const { store, applied } = this.#deps;
    let [after, rewrapped, failed] = ["", 0, 0];
    for (;;) {
      const page = { keyId: skipKeyId, after, limit: PAGE };
      const found = await store.call(storeModule, "secretsNotUnder", page);
      const last = found.at(-1);
      if (last === undefined) break;
      const secrets = await this.#rewrapped(found);
      await store.call(storeModule, "rewrapSecrets", { secrets });
      rewrapped += secrets.length;
      failed += found.length - secrets.length;
      after = last.id;
    }
    // An earlier try may have wrapped what somebody has not heard of yet.
    const isKnown = await applied(await store.call(storeModule, "configSeq", null));
    return { rewrapped, isComplete: failed === 0 && isKnown };
  }

  async #rewrapped(found: readonly SealedSecret[]): Promise<readonly SealedSecret[]> {
    const { keys, log } = this.#deps;
    const secrets: SealedSecret[] = [];
    for (const secret of found) {
      try {
        secrets.push({ ...secret, sealed: await rewrapValue(keys, secret, secret.sealed) });
      } catch (error) {
        const { message, retryable } = PlatformError.from(error);
        if (retryable) throw error;
        log.error("a secret cannot be opened, so that its key stays", {
          ...{ secret: secret.name, app: secret.app, error: message },
        });
      }
    }
    return secrets;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.catch(() => undefined).then(work);
    this.#last = turn;
    return turn;
  }
}

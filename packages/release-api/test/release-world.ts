/** A catalogue over each store, and requests to publish, set and roll back in it. */
import assert from "node:assert/strict";
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  systemClock,
  systemRandom,
  type AccountId,
  type KeyId,
  type RevisionId,
} from "@skerry/base";
import type {
  AliasChangeResource,
  AliasResource,
  ChangedAlias,
  PrunedVersions,
  PublishedApp,
  PublishedVersion,
  RolledBackApp,
  VersionResource,
} from "@skerry/api-schema";
import type { ChangeStamp } from "@skerry/api-serving";
import { versionsOfAlias, type AliasTarget } from "@skerry/contracts";
import { aliasTarget } from "@skerry/contracts/schemas";
import { openMemoryStore, openPostgresStore, type Store } from "@skerry/store";
import { casesOnBothStores } from "@skerry/testkit";
import { releaseSource, storeModule, type Kept } from "./release-module.ts";

const random = seededRandom(7);
// Ids of another process that goes on in the same files must be others.
const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const DEPS = { clock: systemClock(), log: silentLog(), random };
const MODULES = [releaseSource];
export const GATEWAY_URL = "http://127.0.0.1:4480";
const MAX = Number.MAX_SAFE_INTEGER;

/** What is published again and again by a process that is killed. */
export const KILLED_APP = {
  accountId: "acct_01kzzzzzzzzzzzzzzzzzzzzzzz" as AccountId,
  functions: ["add", "buy", "list"],
} as const;

/** What one may give instead of a whole target. */
export type TargetLike = number | (Partial<AliasTarget> & { readonly version: number });

export class ReleaseWorld {
  readonly store: Store;
  readonly accountId: AccountId;
  readonly keyId: KeyId = ids.id("key");
  app = "shop";
  #wallMs = 1_000_000;

  constructor(store: Store, accountId: AccountId = ids.id("acct")) {
    this.store = store;
    this.accountId = accountId;
  }

  /** Deploys a function of the app with that code. */
  deploy(name: string, code: string): Promise<RevisionId> {
    const fresh = {
      ...{ appId: ids.id("app"), functionId: ids.id("fn"), revisionId: ids.id("rev") },
    };
    const { accountId, app } = this;
    const args = { accountId, app, name, code, fresh, wallMs: this.now() };
    return this.store.call(storeModule, "deploy", args);
  }

  async publish(
    fn: string,
    description = "",
    more: { readonly alias?: string; readonly ifVersion?: number } = {},
  ): Promise<PublishedVersion> {
    const { alias = null, ifVersion = null } = more;
    const args = { ...this.#change(), fn, description, reason: "", alias, ifVersion };
    const { answer } = await this.store.call(storeModule, "publishVersion", args);
    return answer as PublishedVersion;
  }

  /** Deploys and publishes; its number. */
  async release(fn: string, code: string): Promise<number> {
    await this.deploy(fn, code);
    return (await this.publish(fn)).version;
  }

  async publishApp(alias: string | null = null): Promise<PublishedApp> {
    const args = { ...this.#change(), description: "", alias, reason: "" };
    return (await this.store.call(storeModule, "publishApp", args)).answer as PublishedApp;
  }

  async deleteVersion(fn: string, version: number): Promise<void> {
    await this.store.call(storeModule, "deleteVersion", { ...this.#change(), fn, version });
  }

  async prune(fn: string, keep: number, dryRun = false): Promise<PrunedVersions> {
    const args = { ...this.#change(), fn, keep, dryRun };
    return (await this.store.call(storeModule, "pruneVersions", args)).answer as PrunedVersions;
  }

  /** Of `FN:ALIAS`. */
  async set(
    of: string,
    to: TargetLike,
    more: { readonly ifChange?: number; readonly reason?: string } = {},
  ): Promise<ChangedAlias> {
    const [fn = "", alias = ""] = of.split(":");
    const target = targetOf(to);
    const { ifChange = null, reason = "" } = more;
    const args = { ...this.#change(), fn, alias, target, ifChange, reason };
    return (await this.store.call(storeModule, "putAlias", args)).answer as ChangedAlias;
  }

  async rollback(
    fn: string,
    alias: string,
    more: { readonly to?: number; readonly ifChange?: number } = {},
  ): Promise<ChangedAlias> {
    const { to = null, ifChange = null } = more;
    const args = { ...this.#change(), fn, alias, to, ifChange, reason: "it failed" };
    return (await this.store.call(storeModule, "rollbackAlias", args)).answer as ChangedAlias;
  }

  async rollbackApp(alias: string): Promise<RolledBackApp> {
    const args = { ...this.#change(), alias, reason: "" };
    return (await this.store.call(storeModule, "rollbackApp", args)).answer as RolledBackApp;
  }

  async deleteAlias(fn: string, alias: string, ifChange: number | null = null): Promise<void> {
    const args = { ...this.#change(), fn, alias, ifChange };
    await this.store.call(storeModule, "deleteAlias", args);
  }

  removeFunction(name: string): Promise<void> {
    const { accountId, app } = this;
    return this.store.call(storeModule, "removeFunction", { accountId, app, name });
  }

  async forgetRevisions(keep: number): Promise<void> {
    await this.store.call(storeModule, "forgetRevisions", { after: "", limit: 100, keep });
  }

  versions(fn: string, below = MAX): Promise<readonly VersionResource[]> {
    return this.store.call(storeModule, "versionPage", { ...this.#of(fn), below, limit: 200 });
  }

  alias(fn: string, alias: string): Promise<AliasResource> {
    return this.store.call(storeModule, "oneAlias", { ...this.#of(fn), alias });
  }

  history(fn: string, alias: string): Promise<readonly AliasChangeResource[]> {
    const args = { ...this.#of(fn), alias, below: MAX, limit: 200 };
    return this.store.call(storeModule, "aliasChangePage", args);
  }

  /** All that lies in the store. */
  kept(): Promise<Kept> {
    return this.store.call(storeModule, "readKept", null);
  }

  #of(name: string) {
    return { accountId: this.accountId, app: this.app, name, gatewayUrl: GATEWAY_URL };
  }

  #change() {
    const stamp: ChangeStamp = {
      ...{ id: ids.id("aud"), accountId: this.accountId, keyId: this.keyId, claim: null },
      ...{ requestId: ids.requestId(), atMs: this.now() },
    };
    return { stamp, app: this.app, gatewayUrl: GATEWAY_URL };
  }

  /** Later with each call. */
  now(passedMs = 1): number {
    this.#wallMs += passedMs;
    return this.#wallMs;
  }
}

function targetOf(to: TargetLike): AliasTarget {
  return aliasTarget.parse(typeof to === "number" ? { version: to } : to);
}

/**
 * What must hold at any time: each alias leads to versions that are there, each version runs a
 * revision that is there, and the config log says what the tables say.
 */
export function assertWhole({ versions, aliases, changes, revisions, log }: Kept): void {
  const numbers = new Set(versions.map((one) => `${one.function_id}/${one.number}`));
  const there = new Set(revisions.map(({ id }) => id));
  for (const { revision_id: id } of versions) assert.ok(there.has(id), `${id} is there`);
  for (const { function_id: id, target } of aliases) {
    for (const number of versionsOfAlias(JSON.parse(target) as AliasTarget)) {
      assert.ok(numbers.has(`${id}/${number}`), `an alias leads to ${id}/${number}`);
    }
  }
  const states = new Set(aliases.map((one) => `${one.function_id}/${one.name}`));
  for (const one of changes) assert.ok(states.has(`${one.function_id}/${one.alias}`));
  const told = new Map<string, string>();
  for (const { key, value } of log.entries) {
    if (value?.kind === "version") told.set(key, value.revision.id);
    if (value?.kind === "alias") told.set(key, JSON.stringify(value.target));
  }
  const kept = new Map<string, string>();
  for (const one of versions) {
    kept.set(`version/${one.function_id}/${one.number}`, one.revision_id);
  }
  for (const one of aliases) kept.set(`alias/${one.function_id}/${one.name}`, one.target);
  assert.deepEqual(told, kept);
}

/** Rejects with an error of that reason. */
export async function refused(asked: Promise<unknown>, reason: string): Promise<PlatformError> {
  const error = PlatformError.from(await asked.catch((thrown: unknown) => thrown));
  assert.equal(error.reason, reason);
  return error;
}

/** Titles, and what is shown of an empty catalogue. */
export type ReleaseCases = Readonly<Record<string, (world: ReleaseWorld) => Promise<void>>>;

/** Runs each case on SQLite and, where it is installed, on PostgreSQL. */
export function onBothStores(title: string, cases: ReleaseCases): void {
  casesOnBothStores(title, cases, {
    name: "releases",
    inMemory: () => openMemoryStore(DEPS, { modules: MODULES }),
    onPostgres: (at) => openPostgresStore(DEPS, { ...at, modules: MODULES, poolMax: 4 }),
    worldOf: (store) => new ReleaseWorld(store),
  });
}

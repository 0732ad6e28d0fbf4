/**
 * The config log folded to its newest values. What is held depends on the set of entries alone, not
 * on their order or number: applying one twice, or an older one late, changes nothing, so a
 * follower may be sent more than it asked for.
 */
import type { AccountId, FunctionId, KeyId, SecretId } from "@skerry/base";
import {
  CONFIG_FORMAT,
  quotasOf,
  type AccountQuotas,
  type ActionEntry,
  type AliasEntry,
  type ConfigEntry,
  type ConfigObjectEntry,
  type ConfigSnapshot,
  type FunctionEntry,
  type KeyEntry,
  type RevisionEntry,
  type SecretEntry,
  type VersionEntry,
} from "@skerry/contracts";
import { QualifiedFold } from "./qualified-fold.ts";
import { SettingsFold } from "./settings-fold.ts";
import { StagesFold } from "./stages-fold.ts";

const DEFAULT_QUOTAS = quotasOf({});

export class ConfigFold {
  readonly #entries = new Map<string, ConfigEntry>();
  readonly #functions = new Map<FunctionId, FunctionEntry>();
  readonly #byName = new Map<string, FunctionEntry>();
  readonly #keys = new Map<KeyId, KeyEntry>();
  readonly #quotas = new Map<AccountId, AccountQuotas>();
  /** By path, the newest of each; laid out anew for whoever asks after one has changed. */
  #actions: ReadonlyMap<string, ActionEntry> | undefined;
  readonly #settings = new SettingsFold();
  readonly #qualified = new QualifiedFold();
  /** Gateway APIs. */
  readonly stages = new StagesFold();
  #seq = 0;
  /** A snapshot holds everything up to here, but no longer says what was removed. */
  #floorSeq = 0;

  /** The number up to which everything is folded in. */
  get seq(): number {
    return this.#seq;
  }

  functions(): Iterable<FunctionEntry> {
    return this.#functions.values();
  }

  functionById(id: FunctionId): FunctionEntry | undefined {
    return this.#functions.get(id);
  }

  /** The function `app/name` of the one account that functions are reached by name in. */
  functionByName(app: string, name: string): FunctionEntry | undefined {
    return this.#byName.get(`${app}/${name}`);
  }

  /** What may run of a function: what was deployed last, and every version. */
  *revisions(): Iterable<RevisionEntry> {
    for (const { id, latest } of this.#functions.values()) {
      yield latest;
      for (const { revision } of this.versionsOf(id)) yield revision;
    }
  }

  versionsOf(id: FunctionId): Iterable<VersionEntry> {
    return this.#qualified.versionsOf(id);
  }

  versionOf(id: FunctionId, number: number): VersionEntry | undefined {
    return this.#qualified.versionOf(id, number);
  }

  aliasOf(id: FunctionId, name: string): AliasEntry | undefined {
    return this.#qualified.aliasOf(id, name);
  }

  aliasesOf(id: FunctionId): Iterable<AliasEntry> {
    return this.#qualified.aliasesOf(id);
  }

  keyById(id: KeyId): KeyEntry | undefined {
    return this.#keys.get(id);
  }

  /** The quotas in force; one that changes is another object. */
  quotasOf(id: AccountId): AccountQuotas {
    return this.#quotas.get(id) ?? DEFAULT_QUOTAS;
  }

  /** The action `app/name` of the one account that is reached by name. */
  actionByName(app: string, name: string): ActionEntry | undefined {
    this.#actions ??= actionsOf(this.#entries.values());
    return this.#actions.get(`${app}/${name}`);
  }

  /** A server key of any app, as far as they are told. */
  serverKeyById(id: SecretId): SecretEntry | undefined {
    return this.#settings.serverKeyById(id);
  }

  /** The secret that an app knows by this name: its own, else the account's. */
  secretOf(accountId: AccountId, app: string, name: string): SecretEntry | undefined {
    return this.#settings.secretOf(accountId, app, name);
  }

  /** Every config object of an app. */
  configsOf(accountId: AccountId, app: string): readonly ConfigObjectEntry[] {
    return this.#settings.configsOf(accountId, app);
  }

  apply(entry: ConfigEntry): void {
    if (entry.seq > this.#floorSeq) this.#put(entry);
  }

  #put(entry: ConfigEntry): void {
    const known = this.#entries.get(entry.key);
    if (known !== undefined && known.seq >= entry.seq) return;
    this.#seq = Math.max(this.#seq, entry.seq);
    if (known?.value?.kind === "function") this.#dropFunction(known.value);
    if (known?.value?.kind === "key") this.#keys.delete(known.value.id);
    if (known?.value?.kind === "quotas") this.#quotas.delete(known.value.accountId);
    this.#entries.set(entry.key, entry);
    this.#settings.put(entry);
    this.#qualified.put(entry, known);
    this.stages.put(entry, known);
    const { value } = entry;
    if (value?.kind === "function") this.#addFunction(value, entry.seq);
    if (value?.kind === "key") this.#keys.set(value.id, value);
    if (known?.value?.kind === "action" || value?.kind === "action") this.#actions = undefined;
    if (value?.kind === "quotas") this.#quotas.set(value.accountId, quotasOf(value.set));
  }

  /** Replaces everything. */
  load(snapshot: ConfigSnapshot): void {
    this.#entries.clear();
    this.#functions.clear();
    this.#byName.clear();
    this.#settings.clear();
    this.#qualified.clear();
    this.stages.clear();
    this.#actions = undefined;
    this.#keys.clear();
    this.#quotas.clear();
    this.#seq = snapshot.seq;
    // While control sends the whole log it may grow, hence the entries may lead further.
    for (const entry of snapshot.entries) this.#put(entry);
    this.#floorSeq = this.#seq;
  }

  /** Everything but what was removed. */
  snapshot(): ConfigSnapshot {
    const entries = [...this.#entries.values()].filter(({ value }) => value !== null);
    return { format: CONFIG_FORMAT, seq: this.#seq, entries };
  }

  /** A name belongs to the newest function that has it. */
  #addFunction(fn: FunctionEntry, seq: number): void {
    this.#functions.set(fn.id, fn);
    const path = pathOf(fn);
    const holder = this.#byName.get(path);
    if (holder === undefined || seq > this.#seqOf(holder)) this.#byName.set(path, fn);
  }

  #dropFunction(fn: FunctionEntry): void {
    this.#functions.delete(fn.id);
    const path = pathOf(fn);
    if (this.#byName.get(path)?.id !== fn.id) return;
    this.#byName.delete(path);
    for (const other of this.#functions.values())
      if (pathOf(other) === path) this.#addFunction(other, this.#seqOf(other));
  }

  #seqOf({ id }: FunctionEntry): number {
    return this.#entries.get(`function/${id}`)?.seq ?? 0;
  }
}

function actionsOf(entries: Iterable<ConfigEntry>): ReadonlyMap<string, ActionEntry> {
  const ordered = [...entries].toSorted((a, b) => a.seq - b.seq);
  return new Map(
    ordered.flatMap(({ value }) => (value?.kind === "action" ? [[pathOf(value), value]] : [])),
  );
}

function pathOf({ app, name }: Pick<FunctionEntry, "app" | "name">): string {
  return `${app}/${name}`;
}

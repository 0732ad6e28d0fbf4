/**
 * The config log folded to its newest values. What is held depends on the set of entries alone, not
 * on their order or number: applying one twice, or an older one late, changes nothing, so a
 * follower may be sent more than it asked for.
 */
import type { FunctionId, KeyId } from "@skerry/base";
import {
  CONFIG_FORMAT,
  type ConfigEntry,
  type ConfigSnapshot,
  type FunctionEntry,
  type KeyEntry,
} from "@skerry/contracts";

export class ConfigFold {
  readonly #entries = new Map<string, ConfigEntry>();
  readonly #functions = new Map<FunctionId, FunctionEntry>();
  readonly #byName = new Map<string, FunctionEntry>();
  readonly #keys = new Map<KeyId, KeyEntry>();
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

  keyById(id: KeyId): KeyEntry | undefined {
    return this.#keys.get(id);
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
    this.#entries.set(entry.key, entry);
    const { value } = entry;
    if (value?.kind === "function") this.#addFunction(value, entry.seq);
    if (value?.kind === "key") this.#keys.set(value.id, value);
  }

  /** Replaces everything. */
  load(snapshot: ConfigSnapshot): void {
    this.#entries.clear();
    this.#functions.clear();
    this.#byName.clear();
    this.#keys.clear();
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

function pathOf({ app, name }: FunctionEntry): string {
  return `${app}/${name}`;
}

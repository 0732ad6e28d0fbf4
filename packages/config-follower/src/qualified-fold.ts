/**
 * Versions and aliases of functions, folded from the config log. Like all that is folded, what is
 * held depends on the entries alone, not on their order: an alias may come before its version.
 */
import type { FunctionId } from "@skerry/base";
import type { AliasEntry, ConfigEntry, VersionEntry } from "@skerry/contracts";

interface Qualified {
  readonly versions: Map<number, VersionEntry>;
  readonly aliases: Map<string, AliasEntry>;
}

const NONE: readonly never[] = [];

export class QualifiedFold {
  readonly #functions = new Map<FunctionId, Qualified>();

  clear(): void {
    this.#functions.clear();
  }

  /** `known` is what the entry replaces. */
  put({ value }: ConfigEntry, known: ConfigEntry | undefined): void {
    const before = known?.value;
    if (before?.kind === "version") this.#drop(before.functionId, "versions", before.number);
    if (before?.kind === "alias") this.#drop(before.functionId, "aliases", before.name);
    if (value?.kind === "version") this.#of(value.functionId).versions.set(value.number, value);
    if (value?.kind === "alias") this.#of(value.functionId).aliases.set(value.name, value);
  }

  versionsOf(id: FunctionId): Iterable<VersionEntry> {
    return this.#functions.get(id)?.versions.values() ?? NONE;
  }

  versionOf(id: FunctionId, number: number): VersionEntry | undefined {
    return this.#functions.get(id)?.versions.get(number);
  }

  aliasOf(id: FunctionId, name: string): AliasEntry | undefined {
    return this.#functions.get(id)?.aliases.get(name);
  }

  aliasesOf(id: FunctionId): Iterable<AliasEntry> {
    return this.#functions.get(id)?.aliases.values() ?? NONE;
  }

  #of(id: FunctionId): Qualified {
    const found = this.#functions.get(id) ?? { versions: new Map(), aliases: new Map() };
    this.#functions.set(id, found);
    return found;
  }

  #drop(id: FunctionId, kind: keyof Qualified, key: number | string): void {
    const found = this.#functions.get(id);
    const kept: Map<number | string, unknown> | undefined = found?.[kind];
    kept?.delete(key);
    if (found !== undefined && found.versions.size + found.aliases.size === 0) {
      this.#functions.delete(id);
    }
  }
}

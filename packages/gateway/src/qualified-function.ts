/**
 * A function with its versions, as a gateway serves it: a shell for `$LATEST`, and one for each
 * version that was ever asked for here. Each routes to instances of its own, so that a version that
 * takes over starts beside the one that still answers. The limits are the function's, whatever it
 * is called by, as `$LATEST` sets them; the instances of all of them together are bounded by
 * agents.
 */
import { failFunction, type FunctionEntry, LATEST, parseQualifier } from "@skerry/contracts";
import type { ConfigFold } from "@skerry/config-follower";
import {
  AliasPatterns,
  CallLimits,
  decideAlias,
  provisionByAliases,
  type AliasAsk,
  type LimitsDeps,
  type ThrottleCount,
} from "@skerry/functions";
import { FunctionShell, type ShellDeps } from "./function-shell.ts";

export interface QualifiedDeps
  extends Omit<ShellDeps, "limits" | "onEmpty" | "onLimit">, LimitsDeps {
  fold(): Pick<ConfigFold, "versionOf" | "aliasOf" | "aliasesOf">;
  /** It was removed, and nothing of it is left; may be told more than once. */
  readonly onGone: (id: FunctionEntry["id"]) => void;
}

export class QualifiedFunction {
  readonly latest: FunctionShell;
  readonly #deps: QualifiedDeps;
  readonly #shellDeps: ShellDeps;
  readonly #limits: CallLimits;
  readonly #versions = new Map<number, FunctionShell>();
  readonly #patterns = new AliasPatterns();
  #isRemoved = false;

  constructor(deps: QualifiedDeps, entry: FunctionEntry) {
    this.#deps = deps;
    this.#limits = new CallLimits(deps, entry);
    this.#shellDeps = {
      ...deps,
      limits: this.#limits,
      onEmpty: (shell) => this.#forget(shell),
      onLimit: (shell) => this.#makeRoom(shell),
    };
    this.latest = new FunctionShell(this.#shellDeps, { entry, version: undefined });
  }

  get entry(): FunctionEntry {
    return this.latest.entry;
  }

  /** Requests turned away since the process began. */
  get throttled(): readonly ThrottleCount[] {
    return this.#limits.throttled;
  }

  *shells(): Iterable<FunctionShell> {
    yield this.latest;
    yield* this.#versions.values();
  }

  update(entry: FunctionEntry): void {
    this.#isRemoved = false;
    this.#limits.update(entry);
    this.latest.update(entry);
    for (const [number, shell] of this.#versions) {
      const pinned = this.#pinned(number);
      if (pinned === undefined) shell.remove("versionRemoved");
      else shell.update(pinned);
    }
  }

  remove(): void {
    this.#isRemoved = true;
    for (const shell of [...this.shells()]) shell.remove("functionRemoved");
  }

  /** The shell of a version; undefined when there is no such version. */
  versionOf(number: number): FunctionShell | undefined {
    const { id } = this.entry;
    if (this.#isRemoved || this.#deps.fold().versionOf(id, number) === undefined) return undefined;
    const found = this.#versions.get(number);
    if (found !== undefined) return found;
    const pinned = this.#pinned(number);
    if (pinned === undefined) return undefined;
    const shell = new FunctionShell(this.#shellDeps, { entry: pinned, version: number });
    this.#versions.set(number, shell);
    return shell;
  }

  /** Where a qualifier leads. Throws QUALIFIER_NOT_FOUND. */
  shellFor(said: string, ask: AliasAsk): FunctionShell {
    if (said === LATEST) return this.latest;
    const { id, appId, app, name } = this.entry;
    const qualifier = parseQualifier(said);
    const alias =
      qualifier?.kind === "alias" ? this.#deps.fold().aliasOf(id, qualifier.name) : undefined;
    // Functions of one app send the same users ahead.
    const ground = { salt: `${appId} ${alias?.name}`, patterns: this.#patterns };
    const number =
      qualifier?.kind === "version"
        ? qualifier.number
        : alias && decideAlias({ ...ground, target: alias.target }, ask);
    const shell = number === undefined ? undefined : this.versionOf(number);
    if (shell !== undefined) return shell;
    throw failFunction("QUALIFIER_NOT_FOUND", { function: `${app}/${name}`, qualifier: said });
  }

  /**
   * How many instances there may be, of all versions together, `$LATEST` says; how many are kept
   * ready, aliases do.
   */
  #pinned(number: number): FunctionEntry | undefined {
    const { entry } = this.latest;
    const revision = this.#deps.fold().versionOf(entry.id, number)?.revision;
    if (revision === undefined) return undefined;
    const { maxInstances } = entry.latest.config;
    const wanted = provisionByAliases(this.#deps.fold().aliasesOf(entry.id)).get(number) ?? 0;
    const kept = { provisionedInstances: wanted, provisionedSchedules: undefined };
    const config = { ...revision.config, maxInstances, ...kept };
    return { ...entry, latest: { ...revision, config } };
  }

  #forget(shell: FunctionShell): void {
    if (shell.version !== undefined && this.#versions.get(shell.version) === shell) {
      this.#versions.delete(shell.version);
    }
    if (!this.#isRemoved || this.#versions.size > 0 || !this.latest.isEmpty) return;
    this.#deps.onGone(this.entry.id);
  }

  /** As many instances run as may: one that idles for another version gives way. */
  #makeRoom(asking: FunctionShell): void {
    for (const shell of [...this.#versions.values(), this.latest]) {
      const { instances } = shell.counts;
      if (shell === asking || instances === 0) continue;
      shell.makeRoom();
      if (shell.counts.instances < instances) return;
    }
  }
}

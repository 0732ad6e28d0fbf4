/**
 * A function with its versions, as a gateway serves it: a shell for `$LATEST`, and one for each
 * version that was ever asked for here, and for each that is derived from one by the variables of
 * an alias. Each routes to instances of its own, so that a version that takes over starts beside
 * the one that still answers. The limits are the function's, whatever it is called by, as `$LATEST`
 * sets them; the instances of all of them together are bounded by agents.
 */
import type { RevisionId } from "@skerry/base";
import {
  failFunction,
  LATEST,
  LIMITS,
  parseQualifier,
  versionsOfAlias,
  type AliasFigures,
  type AliasTarget,
  type FunctionEntry,
  type InstanceGrant,
  type RevisionEntry,
  type Variables,
} from "@skerry/contracts";
import type { ConfigFold } from "@skerry/config-follower";
import {
  AliasPatterns,
  CallLimits,
  decideAlias,
  overlaid,
  OverlaidIds,
  overlayOf,
  provisionByAliases,
  type AliasAsk,
  type AliasProvision,
  type LimitsDeps,
  type ThrottleCount,
} from "@skerry/functions";
import { AliasTally } from "@skerry/live-invocations";
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
  /** The first is the one that was asked for first. */
  readonly #overlaid = new Map<string, FunctionShell>();
  readonly #ids = new OverlaidIds();
  /** The same as aliases lead to them, by version. */
  #led = new WeakMap<Variables, Map<number, FunctionShell>>();
  readonly #patterns = new AliasPatterns();
  readonly #tallies = new Map<string, AliasTally>();
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
    yield* this.#overlaid.values();
  }

  update(entry: FunctionEntry): void {
    this.#isRemoved = false;
    this.#limits.update(entry);
    this.latest.update(entry);
    const shells = [...this.#versions.values(), ...this.#overlaid.values()];
    if (shells.length === 0) return;
    const kept = this.#kept();
    for (const shell of shells) {
      const revision = this.#revisionOf(shell);
      if (revision === undefined) shell.coming.whenNone(() => shell.remove("versionRemoved"));
      else shell.update(this.#pinned(revision, kept));
    }
    this.#dropFormer();
  }

  remove(): void {
    this.#isRemoved = true;
    this.#led = new WeakMap();
    for (const shell of [...this.shells()]) shell.remove("functionRemoved");
  }

  /** The shell of a version; undefined when there is no such version. */
  versionOf(number: number): FunctionShell | undefined {
    const own = this.#ownOf(number);
    if (own === undefined) return undefined;
    const found = this.#versions.get(number);
    if (found !== undefined) return found;
    const shell = this.#shellWith(own, number);
    this.#versions.set(number, shell);
    return shell;
  }

  /** The shell of an instance that comes; undefined when nothing leads to what it runs. */
  shellOf({
    version,
    revisionId,
  }: Pick<InstanceGrant, "version" | "revisionId">): FunctionShell | undefined {
    if (version === undefined) return this.latest;
    const found = this.#overlaid.get(keyOf(version, revisionId));
    if (found !== undefined) return found;
    if (this.#ownOf(version)?.id === revisionId) return this.versionOf(version);
    for (const { target } of this.#deps.fold().aliasesOf(this.entry.id)) {
      const overlay = overlayOf(target);
      if (overlay === undefined || this.#idOf(version, overlay) !== revisionId) continue;
      return this.#overlaidOf(version, overlay);
    }
    return undefined;
  }

  /** The shell of a version as an alias has it; undefined when there is no such version. */
  #ledTo(target: AliasTarget, number: number): FunctionShell | undefined {
    const overlay = overlayOf(target);
    if (overlay === undefined) return this.versionOf(number);
    const known = this.#led.get(overlay) ?? new Map<number, FunctionShell>();
    const found = known.get(number) ?? this.#overlaidOf(number, overlay);
    if (found === undefined) return undefined;
    this.#led.set(overlay, known.set(number, found));
    return found;
  }

  #overlaidOf(number: number, overlay: Variables): FunctionShell | undefined {
    const own = this.#ownOf(number);
    if (own === undefined) return undefined;
    const key = keyOf(number, this.#ids.of(own.id, overlay));
    const shell = this.#overlaid.get(key) ?? this.#shellWith(overlaid(own, overlay), number);
    this.#overlaid.set(key, shell);
    return shell;
  }

  /**
   * Those to which an alias led once are kept for requests that are on their way there, and for
   * when it is rolled back, but not for ever.
   */
  #dropFormer(): void {
    let surplus = this.#overlaid.size - LIMITS.overlaysKept;
    if (surplus <= 0) return;
    const led = new Set(this.#overlaysInForce());
    for (const [key, shell] of this.#overlaid) {
      if (surplus <= 0) return;
      if (led.has(key) || !shell.isEmpty) continue;
      this.#overlaid.delete(key);
      surplus -= 1;
    }
  }

  /** By the same keys. */
  *#overlaysInForce(): Iterable<string> {
    for (const { target } of this.#deps.fold().aliasesOf(this.entry.id)) {
      const overlay = overlayOf(target);
      for (const number of overlay === undefined ? [] : versionsOfAlias(target)) {
        const id = this.#idOf(number, overlay);
        if (id !== undefined) yield keyOf(number, id);
      }
    }
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
    const shell =
      qualifier?.kind === "version"
        ? this.versionOf(qualifier.number)
        : alias && this.#ledTo(alias.target, decideAlias({ ...ground, target: alias.target }, ask));
    if (shell !== undefined) return shell;
    throw failFunction("QUALIFIER_NOT_FOUND", { function: `${app}/${name}`, qualifier: said });
  }

  /** Counts what is called by a qualifier that led somewhere; undefined unless it is an alias. */
  tallyFor(said: string): AliasTally | undefined {
    if (said === LATEST) return undefined;
    const found = this.#tallies.get(said);
    if (found !== undefined || parseQualifier(said)?.kind !== "alias") return found;
    const tally = new AliasTally();
    this.#tallies.set(said, tally);
    return tally;
  }

  /** Of each alias that was asked for since the process began; a removed one is forgotten. */
  aliasFigures(): readonly AliasFigures[] {
    for (const alias of this.#tallies.keys())
      if (this.#deps.fold().aliasOf(this.entry.id, alias) === undefined)
        this.#tallies.delete(alias);
    return Array.from(this.#tallies, ([alias, { figures }]) => ({ alias, ...figures }));
  }

  /** The revision of a version; undefined when there is none. */
  #ownOf(number: number): RevisionEntry | undefined {
    return this.#isRemoved
      ? undefined
      : this.#deps.fold().versionOf(this.entry.id, number)?.revision;
  }

  #idOf(number: number, overlay: Variables | undefined): RevisionId | undefined {
    const own = this.#ownOf(number);
    return own && this.#ids.of(own.id, overlay);
  }

  /** What a shell of a version runs; undefined when its version is no more. */
  #revisionOf({ version = 0, entry: { latest } }: FunctionShell): RevisionEntry | undefined {
    const own = this.#ownOf(version);
    if (own === undefined || latest.overlay === undefined) return own;
    return this.#ids.of(own.id, latest.overlay) === latest.id ? latest : undefined;
  }

  #shellWith(revision: RevisionEntry, version: number): FunctionShell {
    const entry = this.#pinned(revision, this.#kept());
    return new FunctionShell(this.#shellDeps, { entry, version });
  }

  /** What aliases keep ready, which is looked at whenever anything is configured anywhere. */
  #kept(): ReadonlyMap<RevisionId, AliasProvision> {
    const aliases = this.#deps.fold().aliasesOf(this.entry.id);
    return provisionByAliases(aliases, ({ version, overlay }) => this.#idOf(version, overlay));
  }

  /**
   * How many instances there may be, of all versions together, `$LATEST` says; how many are kept
   * ready, aliases do.
   */
  #pinned(revision: RevisionEntry, kept: ReadonlyMap<RevisionId, AliasProvision>): FunctionEntry {
    const { entry } = this.latest;
    const { maxInstances } = entry.latest.config;
    const provisionedInstances = kept.get(revision.id)?.instances ?? 0;
    const ready = { provisionedInstances, provisionedSchedules: undefined };
    const config = { ...revision.config, maxInstances, ...ready };
    return { ...entry, latest: { ...revision, config } };
  }

  #forget(shell: FunctionShell): void {
    const { version } = shell;
    if (version !== undefined && this.#versions.get(version) === shell) {
      this.#versions.delete(version);
    }
    const key = keyOf(version ?? 0, shell.entry.latest.id);
    if (this.#overlaid.get(key) === shell) this.#overlaid.delete(key);
    const { size } = this.#versions;
    if (!this.#isRemoved || size + this.#overlaid.size > 0 || !this.latest.isEmpty) return;
    this.#deps.onGone(this.entry.id);
  }

  /** As many instances run as may: one that idles for another version gives way. */
  #makeRoom(asking: FunctionShell): void {
    const others = [...this.#versions.values(), ...this.#overlaid.values()];
    for (const shell of [...others, this.latest]) {
      const { instances } = shell.counts;
      if (shell === asking || instances === 0) continue;
      shell.makeRoom();
      if (shell.counts.instances < instances) return;
    }
  }
}

/** A revision may get another number when its version was removed. */
function keyOf(version: number, revisionId: RevisionId): string {
  return `${version} ${revisionId}`;
}

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
  type AliasTarget,
  type FunctionEntry,
  type InstanceGrant,
  type Variables,
} from "@skerry/contracts";
import type { ConfigFold } from "@skerry/config-follower";
import {
  AliasPatterns,
  CallLimits,
  decideAlias,
  overlaid,
  overlaidId,
  overlayOf,
  provisionedOf,
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
  /** The first is the one that was asked for first. */
  readonly #overlaid = new Map<RevisionId, FunctionShell>();
  /** The same as aliases lead to them, by version. */
  #led = new WeakMap<Variables, Map<number, FunctionShell>>();
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
    yield* this.#overlaid.values();
  }

  update(entry: FunctionEntry): void {
    this.#isRemoved = false;
    this.#limits.update(entry);
    this.latest.update(entry);
    for (const shell of [...this.#versions.values(), ...this.#overlaid.values()]) {
      const pinned = this.#pinned(shell.version ?? 0, shell.entry.latest.overlay);
      if (pinned === undefined) shell.coming.whenNone(() => shell.remove("versionRemoved"));
      else shell.update(pinned);
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

  /** The shell of an instance that comes; undefined when nothing leads to what it runs. */
  shellOf({
    version,
    revisionId,
  }: Pick<InstanceGrant, "version" | "revisionId">): FunctionShell | undefined {
    if (version === undefined) return this.latest;
    const found = this.#overlaid.get(revisionId);
    if (found !== undefined) return found;
    const { id } = this.entry;
    const own = this.#deps.fold().versionOf(id, version)?.revision.id;
    if (own === undefined) return undefined;
    if (own === revisionId) return this.versionOf(version);
    for (const { target } of this.#deps.fold().aliasesOf(id)) {
      const overlay = overlayOf(target);
      if (overlay === undefined || overlaidId(own, overlay) !== revisionId) continue;
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
    const pinned = this.#isRemoved ? undefined : this.#pinned(number, overlay);
    if (pinned === undefined) return undefined;
    const { id } = pinned.latest;
    const shell =
      this.#overlaid.get(id) ??
      new FunctionShell(this.#shellDeps, { entry: pinned, version: number });
    this.#overlaid.set(id, shell);
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
    for (const [id, shell] of this.#overlaid) {
      if (surplus <= 0) return;
      if (led.has(id) || !shell.isEmpty) continue;
      this.#overlaid.delete(id);
      surplus -= 1;
    }
  }

  *#overlaysInForce(): Iterable<RevisionId> {
    const { id } = this.entry;
    for (const { target } of this.#deps.fold().aliasesOf(id)) {
      const overlay = overlayOf(target);
      for (const number of overlay === undefined ? [] : versionsOfAlias(target)) {
        const own = this.#deps.fold().versionOf(id, number)?.revision.id;
        if (own !== undefined && overlay !== undefined) yield overlaidId(own, overlay);
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

  /**
   * How many instances there may be, of all versions together, `$LATEST` says; how many are kept
   * ready, aliases do.
   */
  #pinned(number: number, overlay?: Variables): FunctionEntry | undefined {
    const { entry } = this.latest;
    const own = this.#deps.fold().versionOf(entry.id, number)?.revision;
    if (own === undefined) return undefined;
    const revision = overlaid(own, overlay);
    const { maxInstances } = entry.latest.config;
    const aliases = this.#deps.fold().aliasesOf(entry.id);
    const wanted = provisionedOf(aliases, { version: number, overlay });
    const kept = { provisionedInstances: wanted, provisionedSchedules: undefined };
    const config = { ...revision.config, maxInstances, ...kept };
    return { ...entry, latest: { ...revision, config } };
  }

  #forget(shell: FunctionShell): void {
    const { id } = shell.entry.latest;
    if (shell.version !== undefined && this.#versions.get(shell.version) === shell) {
      this.#versions.delete(shell.version);
    }
    if (this.#overlaid.get(id) === shell) this.#overlaid.delete(id);
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

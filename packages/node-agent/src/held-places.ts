/**
 * What the instances of this node hold: places in their function's limit, memory of their account's
 * quota, and artefacts and layers on disk. Counted from the beginning of a start until nothing of
 * the instance is left, so that the limits hold however many ask at once. One that is to be
 * replaced leaves room for its replacement, up to a bound. An instance serves one gateway: each of
 * several has a place of its own, or whoever it serves would wait for what others hold.
 */
import type { AccountId, FunctionId, GatewayId } from "@skerry/base";
import type { StartRefusal } from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import { layerNames } from "./layers.ts";
import type { ConfigView } from "./ports.ts";

/** Of a limit, while instances are replaced: they may be busy for long and secrets change often. */
const REPLACING_FACTOR = 2;

export interface PlacesDeps {
  readonly config: Pick<ConfigView, "quotasOf">;
  /** Gateway processes among which connections are divided. */
  readonly gateways: number;
  /** Who has instances of the function that are to stay, or waits for the first to start. */
  holdersOf(functionId: FunctionId): Iterable<GatewayId>;
  /** Living instances that are to be replaced. */
  outdated(): Iterable<RevisionRef>;
  /** The number of instances of a function went down. */
  freed(functionId: FunctionId): void;
}

export class HeldPlaces {
  readonly #deps: PlacesDeps;
  readonly #counts = new Map<FunctionId, number>();
  /** Memory limits of all instances of an account, MiB. */
  readonly #memoryMb = new Map<AccountId, number>();
  readonly #artefactUses = new Map<string, number>();

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
  }

  /** Instances of the function, starts under way included. */
  countOf(functionId: FunctionId): number {
    return this.#counts.get(functionId) ?? 0;
  }

  /** Artefacts and layers that instances need for their life. */
  artefacts(): readonly string[] {
    return [...this.#artefactUses.keys()];
  }

  take(ref: RevisionRef): void {
    this.#add(ref, 1);
  }

  giveBack(ref: RevisionRef): void {
    this.#add(ref, -1);
    this.#deps.freed(ref.fn.id);
  }

  /**
   * Why there is no place for one more that serves `gatewayId`; undefined when there is one. How
   * many there may be, of all versions together, `$LATEST` says.
   */
  refusalOf({ fn, revision }: RevisionRef, gatewayId: GatewayId): StartRefusal | undefined {
    const { memoryMb } = revision.config;
    const allowed = Math.max(fn.latest.config.maxInstances, this.#deps.gateways);
    const kept = this.#keptForOthers(fn.id, gatewayId);
    const placesMax = allowed - kept;
    const count = this.countOf(fn.id);
    const hasRoom =
      count < placesMax ||
      (count < REPLACING_FACTOR * allowed && this.#currentOf(fn.id) < placesMax);
    if (!hasRoom) {
      const others = kept === 0 ? "" : `, or kept for ${kept} other gateways`;
      return { kind: "limit", why: `all ${allowed} instances allowed are in use${others}` };
    }
    const quotaMemoryMb = this.#deps.config.quotasOf(fn.accountId).memoryMb;
    const usedMb = this.#memoryMb.get(fn.accountId) ?? 0;
    const neededMb = usedMb + memoryMb;
    if (quotaMemoryMb === null || neededMb <= quotaMemoryMb) return undefined;
    const isReplacing =
      neededMb <= REPLACING_FACTOR * quotaMemoryMb &&
      neededMb - this.#outdatedMb(fn.accountId) <= quotaMemoryMb;
    if (isReplacing) return undefined;
    const why = `the account's instances have ${usedMb} of their ${quotaMemoryMb} MiB`;
    return { kind: "limit", why, quotaMemoryMb };
  }

  /** A place for each gateway that has none yet. A single one keeps nothing for others. */
  #keptForOthers(functionId: FunctionId, gatewayId: GatewayId): number {
    if (this.#deps.gateways === 1) return 0;
    const holders = new Set(this.#deps.holdersOf(functionId)).add(gatewayId);
    return Math.max(0, this.#deps.gateways - holders.size);
  }

  /** One that is to be replaced does not count: its replacement would never fit. */
  #currentOf(functionId: FunctionId): number {
    let outdated = 0;
    for (const { fn } of this.#deps.outdated()) if (fn.id === functionId) outdated += 1;
    return this.countOf(functionId) - outdated;
  }

  #outdatedMb(accountId: AccountId): number {
    let memoryMb = 0;
    for (const { fn, revision } of this.#deps.outdated()) {
      if (fn.accountId === accountId) memoryMb += revision.config.memoryMb;
    }
    return memoryMb;
  }

  #add({ fn, revision }: RevisionRef, by: 1 | -1): void {
    addTo(this.#artefactUses, revision.artefactKey, by);
    for (const name of layerNames(revision.config.layers ?? [])) {
      addTo(this.#artefactUses, name, by);
    }
    addTo(this.#counts, fn.id, by);
    addTo(this.#memoryMb, fn.accountId, by * revision.config.memoryMb);
  }
}

function addTo<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

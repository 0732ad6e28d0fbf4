/** What a release does to aliases: to all functions of the app at once, or to none. */
import type { AliasTarget } from "@skerry/contracts";
import {
  findAlias,
  pathOf,
  removeAlias,
  setAlias,
  type AliasNote,
  type FunctionRecord,
} from "@skerry/functions/catalogue";
import {
  WHOLE,
  type HeldAlias,
  type Move,
  type ReleasedFunction,
  type ReleaseRecord,
} from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";

export interface MovingAliases {
  readonly move: Move;
  /** Those of the release's functions that there are. */
  readonly there: readonly FunctionRecord[];
}
type Releasing = Pick<ReleaseRecord, "functions">;

interface MovingFreely extends MovingAliases {
  /** By name. */
  readonly spared: readonly string[];
  /** Routes of others lead by these, as FUNCTION:ALIAS. */
  readonly routed: ReadonlySet<string>;
}

/** Of the aliases that are to be moved those that somebody else has changed: as they are called. */
export function* takenAliases(
  tx: Tx,
  releasing: Releasing,
  of: MovingAliases,
): TxStep<readonly string[]> {
  const taken: string[] = [];
  for (const { fn, released, alias } of movingOf(releasing, of)) {
    const expected = released.aliases[alias]?.change ?? null;
    const actual = (yield* findAlias(tx, { fn, alias }))?.change ?? 0;
    if (expected !== null && expected !== actual) taken.push(nameOf(fn, alias));
  }
  return taken;
}

/** Of the aliases that there were not those that stay on the way back: as they are called. */
export function keptAliases(releasing: Releasing, how: MovingFreely): readonly string[] {
  return freeOf(releasing, how)
    .filter((one) => isKept(one, how))
    .map(({ fn, alias }) => nameOf(fn, alias));
}

/**
 * Moves all but what is spared. Throws VERSION_NOT_FOUND when what is to be led to was removed,
 * ALIASES_LIMIT.
 */
export function* moveAliases(
  tx: Tx,
  releasing: Releasing,
  how: MovingFreely & { readonly note: AliasNote },
): TxStep<readonly ReleasedFunction[]> {
  const { move, note } = how;
  const changes = new Map<string, number>();
  for (const one of freeOf(releasing, how)) {
    const { fn, released, alias } = one;
    const target = isKept(one, how) ? onceLedTo(released) : targetOf(released, { alias, move });
    const key = `${fn.id}/${alias}`;
    if (target === null) changes.set(key, yield* without(tx, { fn, alias }));
    else {
      const { record } = yield* setAlias(tx, { fn, alias, target, ifChange: null, note });
      changes.set(key, record.change);
    }
  }
  return releasing.functions.map((fn) => held(fn, changes));
}

function nameOf(fn: FunctionRecord, alias: string): string {
  return `${pathOf(fn)}:${alias}`;
}

interface Moving {
  readonly fn: FunctionRecord;
  readonly released: ReleasedFunction;
  readonly alias: string;
}

function freeOf(releasing: Releasing, how: MovingFreely): readonly Moving[] {
  return movingOf(releasing, how).filter(
    ({ fn, alias }) => !how.spared.includes(nameOf(fn, alias)),
  );
}

function isKept({ fn, released, alias }: Moving, { move, routed }: MovingFreely): boolean {
  const former = released.aliases[alias]?.former ?? null;
  return move.kind === "restore" && former === null && routed.has(`${fn.name}:${alias}`);
}

/** Where an alias leads that there was not and that stays: to what was released before, if any. */
function onceLedTo({ from, to }: ReleasedFunction): AliasTarget {
  return { version: (from ?? to).version, shares: [], rules: [] };
}

function movingOf({ functions }: Releasing, { move, there }: MovingAliases): readonly Moving[] {
  const stages = move.kind === "lead" ? [move.stage] : move.stages;
  const byId = new Map(there.map((fn) => [fn.id, fn]));
  return functions.flatMap((released) => {
    const fn = byId.get(released.id);
    return fn === undefined ? [] : stages.map((alias) => ({ fn, released, alias }));
  });
}

/** Where an alias is to lead; null: it is to be no more. */
function targetOf(
  { aliases, to }: ReleasedFunction,
  { alias, move }: { readonly alias: string; readonly move: Move },
): AliasTarget | null {
  const former = aliases[alias]?.former ?? null;
  if (move.kind === "restore") return former;
  const rules = former?.rules ?? [];
  const kept = {
    ...(former?.stickyBy === undefined ? {} : { stickyBy: former.stickyBy }),
    ...followingOf(former),
  };
  const isWhole = move.perMille === WHOLE || former === null || former.version === to.version;
  // As the schema has them in order: an alias that leads there already is left as it is.
  if (isWhole) return { version: to.version, shares: [], rules, ...kept };
  const shares = [{ version: to.version, perMille: move.perMille }];
  return { version: former.version, shares, rules, ...kept };
}

function* without(
  tx: Tx,
  of: { readonly fn: FunctionRecord; readonly alias: string },
): TxStep<number> {
  const found = yield* findAlias(tx, of);
  if (found !== undefined) yield* removeAlias(tx, { ...of, ifChange: null });
  return 0;
}

function held(fn: ReleasedFunction, changes: ReadonlyMap<string, number>): ReleasedFunction {
  const aliases = Object.fromEntries(
    Object.entries(fn.aliases).map(([alias, one]): [string, HeldAlias] => [
      alias,
      { ...one, change: changes.get(`${fn.id}/${alias}`) ?? one.change },
    ]),
  );
  return { ...fn, aliases };
}

/** What follows an alias, wherever it leads: what it keeps ready, and its variables. */
export function followingOf(
  former: AliasTarget | null,
): Pick<AliasTarget, "provisionedInstances" | "env"> {
  const { provisionedInstances, env } = former ?? {};
  return {
    ...(provisionedInstances === undefined ? {} : { provisionedInstances }),
    ...(env === undefined ? {} : { env }),
  };
}

/** What a step of a release moves: aliases and routes, all that is its own, or nothing. */
import type { AliasNote } from "@skerry/functions/catalogue";
import type { ReleasedFunction, ReleasedRoutes, ReleaseRecord } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { keptAliases, moveAliases, takenAliases, type MovingAliases } from "./move-aliases.ts";
import { moveRoutes, takenStages } from "./move-routes.ts";
import { routedByOthers } from "./routed-by-others.ts";

export type Moved =
  | {
      readonly kind: "moved";
      readonly functions: readonly ReleasedFunction[];
      readonly apis: readonly ReleasedRoutes[];
      /** What somebody else has changed, and was not moved: what it is, and its name. */
      readonly left: readonly string[];
    }
  /** Somebody else has changed what was to be moved; nothing was. */
  | { readonly kind: "stuck"; readonly why: string };

interface Moving extends MovingAliases {
  readonly note: AliasNote;
}

/** Throws what `moveAliases` and `moveRoutes` do, forward only. */
export function* moveReleased(tx: Tx, releasing: ReleaseRecord, moving: Moving): TxStep<Moved> {
  const { move, note } = moving;
  const isAll = move.kind === "restore" && move.taken === "restored";
  const aliases = isAll ? [] : yield* takenAliases(tx, releasing, moving);
  const stages = isAll ? [] : yield* takenStages(tx, releasing, move);
  const why = move.kind === "lead" ? whyTaken(aliases, stages) : null;
  if (why !== null) return { kind: "stuck", why };
  const { auditId: id, keyId, wallMs: atMs, reason } = note;
  const routes = { move, note: { id, keyId, atMs, reason }, spared: stages };
  const left = [
    ...aliases.map((name) => `the alias ${name}`),
    ...stages.map((name) => `the stage ${name}`),
  ];
  // The config log has what routes lead to before them, and takes it away after them.
  if (move.kind === "restore") {
    const apis = yield* moveRoutes(tx, releasing, routes);
    const routed = yield* routedByOthers(tx, releasing, apis);
    const how = { ...moving, spared: aliases, routed };
    const kept = keptAliases(releasing, how).map((name) => `the routes by the alias ${name}`);
    const functions = yield* moveAliases(tx, releasing, how);
    return { kind: "moved", functions, apis, left: [...left, ...kept] };
  }
  const how = { ...moving, spared: aliases, routed: new Set<string>() };
  const functions = yield* moveAliases(tx, releasing, how);
  return { kind: "moved", functions, apis: yield* moveRoutes(tx, releasing, routes), left };
}

/** Why it cannot go on; null: all that is to be moved is the release's own. */
function whyTaken([alias]: readonly string[], [stage]: readonly string[]): string | null {
  if (alias !== undefined) return `The alias ${alias} was changed by somebody else.`;
  if (stage !== undefined) return `The stage ${stage} was published to by somebody else.`;
  return null;
}

/** What a step of a release moves: aliases and routes, all of them or nothing. */
import type { AliasNote } from "@skerry/functions";
import type { ReleasedFunction, ReleasedRoutes, ReleaseRecord } from "@skerry/releases";
import type { Tx, TxStep } from "@skerry/store";
import { moveAliases, whyAliasesTaken, type MovingAliases } from "./move-aliases.ts";
import { moveRoutes, whyStagesTaken } from "./move-routes.ts";

export type Moved =
  | {
      readonly kind: "moved";
      readonly functions: readonly ReleasedFunction[];
      readonly apis: readonly ReleasedRoutes[];
    }
  /** Somebody else has changed what was to be moved; nothing was. */
  | { readonly kind: "stuck"; readonly why: string };

interface Moving extends MovingAliases {
  readonly note: AliasNote;
  /** Whatever somebody else has done meanwhile. */
  readonly isForced: boolean;
}

/** Throws what `moveAliases` and `moveRoutes` do, forward only. */
export function* moveReleased(tx: Tx, releasing: ReleaseRecord, moving: Moving): TxStep<Moved> {
  const { move, note, isForced } = moving;
  const taken =
    (yield* whyAliasesTaken(tx, releasing, moving)) ?? (yield* whyStagesTaken(tx, releasing, move));
  if (taken !== null && !isForced) return { kind: "stuck", why: taken };
  const { auditId: id, keyId, wallMs: atMs, reason } = note;
  const routes = { move, note: { id, keyId, atMs, reason } };
  // The config log has what routes lead to before them, and takes it away after them.
  if (move.kind === "restore") {
    const apis = yield* moveRoutes(tx, releasing, routes);
    return { kind: "moved", functions: yield* moveAliases(tx, releasing, moving), apis };
  }
  const functions = yield* moveAliases(tx, releasing, moving);
  return { kind: "moved", functions, apis: yield* moveRoutes(tx, releasing, routes) };
}

/**
 * What runs of a version that is reached by an alias with variables of its own: a revision that is
 * derived from the version's. It is a function of the two alone, its id included, so that whoever
 * has both, control, gateway or agent, means the same one without having been told of it.
 */
import { createHash } from "node:crypto";
import { idFromBytes, idToBytes, sortedEntries, type RevisionId } from "@skerry/base";
import type { AliasTarget, RevisionEntry, Variables } from "@skerry/contracts";

/** Of the 16 bytes of an id those that say its age. */
const AGE_BYTES = 6;

/** What an alias lays over its versions' environment; undefined when that is nothing. */
export function overlayOf({ env }: Pick<AliasTarget, "env">): Variables | undefined {
  return env === undefined || Object.keys(env).length === 0 ? undefined : env;
}

/** The same text for the same variables, in whatever order they were written. */
function overlayText(overlay: Variables): string {
  return JSON.stringify(sortedEntries(overlay));
}

/** The revision of a version with an overlay; without one its own. */
export function overlaid(revision: RevisionEntry, overlay: Variables | undefined): RevisionEntry {
  if (overlay === undefined) return revision;
  const { config } = revision;
  const env = { ...config.env, ...overlay };
  return { ...revision, id: overlaidId(revision.id, overlay), config: { ...config, env }, overlay };
}

/** The id of the same. It sorts beside that of the version's revision. */
export function overlaidId(id: RevisionId, overlay: Variables): RevisionId {
  return idsWith(overlay)(id);
}

/** Ids of revisions with one overlay, which is read once. */
export function idsWith(overlay: Variables): (id: RevisionId) => RevisionId {
  const text = overlayText(overlay);
  return (id) => {
    const bytes = createHash("sha256").update(`${id}\n${text}`).digest();
    const derived = new Uint8Array(bytes.subarray(0, 16));
    derived.set(idToBytes(id).subarray(0, AGE_BYTES));
    return idFromBytes("rev", derived);
  };
}

/**
 * The same for whoever has the config log and asks at each change of it, of all functions: an
 * overlay may be large, and is read when it is new.
 */
export class OverlaidIds {
  readonly #known = new WeakMap<Variables, Map<RevisionId, RevisionId>>();

  /** The id of a revision with an overlay; without one its own. */
  of(id: RevisionId, overlay: Variables | undefined): RevisionId {
    if (overlay === undefined) return id;
    const known = this.#known.get(overlay) ?? new Map<RevisionId, RevisionId>();
    const found = known.get(id) ?? overlaidId(id, overlay);
    this.#known.set(overlay, known.set(id, found));
    return found;
  }
}

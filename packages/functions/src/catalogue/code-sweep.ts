/**
 * Which code may go. Code is needed while a kept revision or an unfinished deployment names it, or
 * a node's instances run from it. What is not needed is marked, and removed once it has been marked
 * for the whole grace and every agent has the change in force that made it superfluous. Whoever
 * comes to need code takes its mark away in the same transaction, so a mark always stands for time
 * without a need. Files are removed elsewhere, after `condemnCode` has looked once more.
 */
import type { FunctionId, RevisionId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { placesFor, renewCode } from "./code-marks.ts";
import { readConfigSeq } from "./config-log.ts";
import type { DeploymentState } from "./deployment.ts";
import { sourcesOf } from "./sources.ts";

/** A source or artefact that lies in the code store. */
export interface CodePiece {
  /** Source digest or artefact key. */
  readonly name: string;
  readonly kind: "source" | "artefact";
  /** Of an artefact: the source it was built from, null when that is not known. */
  readonly builtFrom: string | null;
}

/** Since when code has not been needed, and the config log's number at that time. */
export interface CodeMark {
  readonly sinceMs: number;
  readonly seq: number;
}

/** What the agents say. */
export interface AgentsView {
  /** The lowest number in force at any of them; null when one of them could not be asked. */
  readonly appliedSeq: number | null;
  /** Artefacts from which instances run or start. */
  readonly inUse: readonly string[];
}

export interface CodeState {
  readonly pieces: readonly CodePiece[];
  /** Those of `pieces` that revisions or deployments name. */
  readonly needed: ReadonlySet<string>;
  readonly marks: ReadonlyMap<string, CodeMark>;
  readonly agents: AgentsView;
}

export interface CodeDecision {
  readonly mark: readonly string[];
  /** Needed again, or no longer there. */
  readonly unmark: readonly string[];
  readonly due: readonly CodePiece[];
}

/** Total and pure. What an unanswering agent may use is never due. */
export function decideCodeSweep(
  state: CodeState,
  now: { readonly wallMs: number; readonly graceMs: number },
): CodeDecision {
  const inUse = new Set(state.agents.inUse);
  const isNeeded = ({ name }: CodePiece): boolean => state.needed.has(name) || inUse.has(name);
  const isDue = ({ name, kind }: CodePiece): boolean => {
    const mark = state.marks.get(name);
    if (mark === undefined || now.wallMs - mark.sinceMs < now.graceMs) return false;
    const { appliedSeq } = state.agents;
    return kind === "source" || (appliedSeq !== null && appliedSeq >= mark.seq);
  };
  const superfluous = state.pieces.filter((piece) => !isNeeded(piece));
  const names = new Set(superfluous.map(({ name }) => name));
  return {
    mark: [...names].filter((name) => !state.marks.has(name)),
    unmark: [...state.marks.keys()].filter((name) => !names.has(name)),
    due: superfluous.filter(isDue),
  };
}

export interface KeptRevision {
  readonly id: RevisionId;
  readonly inForceAtMs: number;
}

/** Those beyond the latest and the `keep` that were in force last before it. */
export function surplusRevisions(
  revisions: readonly KeptRevision[],
  { latestId, keep }: { readonly latestId: RevisionId; readonly keep: number },
): readonly RevisionId[] {
  return revisions
    .filter(({ id }) => id !== latestId)
    .sort((a, b) => b.inForceAtMs - a.inForceAtMs || (a.id < b.id ? 1 : -1))
    .slice(keep)
    .map(({ id }) => id);
}

/**
 * Forgets surplus revisions of the `limit` functions after id `after`; those that have a number
 * stay and are not among the `keep`. Returns the last id looked at, or null when there are no more.
 */
export function* forgetRevisions(
  tx: Tx,
  args: { readonly after: string; readonly limit: number; readonly keep: number },
): TxStep<string | null> {
  const functions = yield* tx.all<{ id: FunctionId; latest_revision_id: RevisionId }>(
    "SELECT id, latest_revision_id FROM functions WHERE id > ? ORDER BY id LIMIT ?",
    [args.after, args.limit],
  );
  for (const { id: functionId, latest_revision_id: latestId } of functions) {
    const rows = yield* tx.all<{ id: RevisionId; at_ms: number }>(
      `SELECT id, CASE WHEN in_force_at_ms = 0 THEN created_at_ms ELSE in_force_at_ms END AS at_ms
       FROM revisions WHERE function_id = ?
       AND id NOT IN (SELECT revision_id FROM function_versions WHERE function_id = ?)`,
      [functionId, functionId],
    );
    const kept = rows.map((row) => ({ id: row.id, inForceAtMs: row.at_ms }));
    for (const id of surplusRevisions(kept, { latestId, keep: args.keep })) {
      yield* tx.run("DELETE FROM revisions WHERE id = ?", [id]);
    }
  }
  return functions.length < args.limit ? null : (functions.at(-1)?.id ?? null);
}

export interface CodeReview {
  /** In the order of their names. */
  readonly pieces: readonly CodePiece[];
  /** Names up to this one were reviewed before. */
  readonly after: string;
  /** These are the last. */
  readonly isLast: boolean;
  readonly agents: AgentsView;
  readonly wallMs: number;
  readonly graceMs: number;
}

/** Marks what is not needed, takes marks away from what is, and returns what may be removed. */
export function* reviewCode(tx: Tx, args: CodeReview): TxStep<readonly CodePiece[]> {
  const { pieces, agents, wallMs, graceMs } = args;
  const needed = yield* neededCode(tx, pieces);
  // Marks stay as they are: who comes to need code takes its mark away by itself.
  if (needed === undefined) return [];
  const marks = yield* marksBetween(tx, args);
  const { mark, unmark, due } = decideCodeSweep(
    { pieces, needed, marks, agents },
    { wallMs, graceMs },
  );
  yield* renewCode(tx, { names: unmark });
  const seq = yield* readConfigSeq(tx);
  for (const name of mark) {
    yield* tx.run(
      `INSERT INTO code_marks (name, since_ms, seq) VALUES (?, ?, ?)
       ON CONFLICT (name) DO NOTHING`,
      [name, wallMs, seq],
    );
  }
  return due;
}

/**
 * True when the code is still not needed and its grace is over. From this commit on its source can
 * no longer be deployed without an upload. May be repeated; the mark stays until `renewCode`.
 */
export function* condemnCode(
  tx: Tx,
  args: { readonly piece: CodePiece; readonly wallMs: number; readonly graceMs: number },
): TxStep<boolean> {
  const { piece, wallMs, graceMs } = args;
  const mark = yield* tx.get<{ since_ms: number }>(
    "SELECT since_ms FROM code_marks WHERE name = ?",
    [piece.name],
  );
  if (mark === undefined || wallMs - mark.since_ms < graceMs) return false;
  const needed = yield* neededCode(tx, [piece]);
  if (needed === undefined || needed.size > 0) return false;
  if (piece.kind === "source") yield* tx.run("DELETE FROM sources WHERE digest = ?", [piece.name]);
  return true;
}

function* marksBetween(
  tx: Tx,
  { pieces, after, isLast }: CodeReview,
): TxStep<ReadonlyMap<string, CodeMark>> {
  const last = isLast ? "~" : (pieces.at(-1)?.name ?? after);
  const rows = yield* tx.all<{ name: string; since_ms: number; seq: number }>(
    "SELECT name, since_ms, seq FROM code_marks WHERE name > ? AND name <= ?",
    [after, last],
  );
  return new Map(rows.map(({ name, since_ms, seq }) => [name, { sinceMs: since_ms, seq }]));
}

/** Their states are not small. */
const UNFINISHED_PAGE = 32;
/** With more than this the sweep waits; deployments end, or are ended, within their deadlines. */
const UNFINISHED_READ_MAX = 256;

/** Undefined when there are too many deployments to look at: then nobody knows. */
function* neededCode(
  tx: Tx,
  pieces: readonly CodePiece[],
): TxStep<ReadonlySet<string> | undefined> {
  const deploying = yield* sourcesInDeployment(tx);
  if (deploying === undefined) return undefined;
  const names = pieces.map(({ name }) => name);
  const revised = yield* namedByRevisions(tx, names);
  const layers = yield* layersOfRevisions(tx);
  const isNeeded = ({ name, kind, builtFrom }: CodePiece): boolean => {
    if (revised.has(name) || layers.has(name)) return true;
    // Layers merged into one tree: whose first layer is in use, that may be in use.
    if (builtFrom !== null && layers.has(builtFrom)) return true;
    if (kind === "source") return deploying.has(name);
    // A deployment may come to use any artefact of its sources, also one that it did not build.
    return builtFrom === null ? deploying.size > 0 : deploying.has(builtFrom);
  };
  return new Set(pieces.filter(isNeeded).map(({ name }) => name));
}

function* namedByRevisions(tx: Tx, names: readonly string[]): TxStep<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const places = placesFor(names);
  const rows = yield* tx.all<{ name: string }>(
    `SELECT source_digest AS name FROM revisions WHERE source_digest IN (${places})
     UNION SELECT artefact_key AS name FROM revisions WHERE artefact_key IN (${places})`,
    [...names, ...names],
  );
  return new Set(rows.map(({ name }) => name));
}

function* layersOfRevisions(tx: Tx): TxStep<ReadonlySet<string>> {
  const rows = yield* tx.all<{ layers: string }>(
    "SELECT DISTINCT layers FROM revisions WHERE layers IS NOT NULL",
    [],
  );
  return new Set(rows.flatMap(({ layers }) => JSON.parse(layers) as string[]));
}

/** Sources that unfinished deployments name; undefined when there are too many to read. */
function* sourcesInDeployment(tx: Tx): TxStep<ReadonlySet<string> | undefined> {
  const sources = new Set<string>();
  let after = "";
  for (let read = 0; read < UNFINISHED_READ_MAX; read += UNFINISHED_PAGE) {
    const rows = yield* tx.all<{ id: string; state_json: string }>(
      "SELECT id, state_json FROM deployments WHERE ended = 0 AND id > ? ORDER BY id LIMIT ?",
      [after, UNFINISHED_PAGE],
    );
    for (const { state_json: json } of rows) {
      const { functions } = JSON.parse(json) as DeploymentState;
      for (const source of sourcesOf(functions)) sources.add(source);
    }
    if (rows.length < UNFINISHED_PAGE) return sources;
    after = rows.at(-1)?.id ?? after;
  }
  return undefined;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RevisionId } from "@skerry/base";
import { decideCodeSweep, surplusRevisions, type CodePiece, type CodeState } from "./code-sweep.ts";

const GRACE = { wallMs: 1_000, graceMs: 100 };
const source: CodePiece = { name: "src_1", kind: "source", builtFrom: null };
const artefact: CodePiece = { name: "art_1", kind: "artefact", builtFrom: "src_1" };
const MARKED = new Map([
  ["src_1", { sinceMs: 900, seq: 7 }],
  ["art_1", { sinceMs: 900, seq: 7 }],
]);

function state(change: Partial<CodeState> = {}): CodeState {
  return {
    pieces: [artefact, source],
    needed: new Set(),
    marks: MARKED,
    agents: { appliedSeq: 7, inUse: [] },
    ...change,
  };
}

const dueOf = (change: Partial<CodeState>, now = GRACE): readonly string[] =>
  decideCodeSweep(state(change), now).due.map(({ name }) => name);

test("what is not needed is marked first and due only when it was marked for the whole grace", () => {
  const fresh = decideCodeSweep(state({ marks: new Map() }), GRACE);
  assert.deepEqual(fresh, { mark: ["art_1", "src_1"], unmark: [], due: [] });
  assert.deepEqual(dueOf({}, { ...GRACE, wallMs: 999 }), []);
  assert.deepEqual(dueOf({}), ["art_1", "src_1"]);
});

test("a clock that went back makes nothing due", () => {
  assert.deepEqual(dueOf({}, { ...GRACE, wallMs: 10 }), []);
});

test("what is needed again, in use or gone loses its mark and is not due", () => {
  const needed = decideCodeSweep(state({ needed: new Set(["src_1"]) }), GRACE);
  assert.deepEqual([needed.unmark, needed.due], [["src_1"], [artefact]]);
  const used = decideCodeSweep(state({ agents: { appliedSeq: 7, inUse: ["art_1"] } }), GRACE);
  assert.deepEqual([used.unmark, used.due], [["art_1"], [source]]);
  const gone = decideCodeSweep(state({ pieces: [source] }), GRACE);
  assert.deepEqual([gone.unmark, gone.due], [["art_1"], [source]]);
});

test("an artefact waits for agents that have not heard of the change or cannot be asked", () => {
  assert.deepEqual(dueOf({ agents: { appliedSeq: 6, inUse: [] } }), ["src_1"]);
  assert.deepEqual(dueOf({ agents: { appliedSeq: null, inUse: [] } }), ["src_1"]);
});

test("the latest revision is kept whatever its age, and of the others those in force last", () => {
  const revision = (id: string, inForceAtMs: number) => ({ id: id as RevisionId, inForceAtMs });
  const all = [revision("a", 9), revision("b", 2), revision("c", 8), revision("d", 1)];
  const latestId = "d" as RevisionId;
  assert.deepEqual(surplusRevisions(all, { latestId, keep: 2 }), ["b"]);
  assert.deepEqual(surplusRevisions(all, { latestId, keep: 0 }), ["a", "c", "b"]);
  assert.deepEqual(surplusRevisions(all, { latestId, keep: 9 }), []);
});

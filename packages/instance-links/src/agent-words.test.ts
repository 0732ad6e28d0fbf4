import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, systemClock, systemRandom } from "@skerry/base";
import { readAgentNote, readGrant, readStartReply } from "./agent-words.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const POISON = { toString: 1, valueOf: 1 };
const DEEP = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

const GRANT = {
  instanceId: ids.id("inst"),
  nodeId: ids.id("node"),
  functionId: ids.id("fn"),
  revisionId: ids.id("rev"),
  handlerKind: "event",
  startKind: "blank",
  reason: "provisioned",
  ...{ placeUs: 1, bootUs: 2.5, codeUs: 3, initUs: 4 },
} as const;

test("a grant is read as it was made", () => {
  assert.deepEqual(readGrant(JSON.parse(JSON.stringify(GRANT))), GRANT);
});

test("a stage's time that is no number of microseconds counts as none", () => {
  const odd: readonly unknown[] = [NaN, Infinity, -1, "5", null, undefined, POISON, [1]];
  for (const value of odd) {
    const read = readGrant({ ...GRANT, placeUs: value, bootUs: value, codeUs: value, initUs: 7 });
    assert.deepEqual(read, { ...GRANT, placeUs: 0, bootUs: 0, codeUs: 0, initUs: 7 });
  }
});

test("a grant with an id or a kind of the wrong form is none", () => {
  const wrong: readonly unknown[] = [undefined, null, 1, "", "x", [], POISON, { length: 3 }];
  const fields = [
    ...["instanceId", "nodeId", "functionId", "revisionId", "handlerKind", "startKind", "reason"],
  ];
  for (const value of wrong) {
    assert.equal(readGrant(value), undefined);
    for (const field of fields) assert.equal(readGrant({ ...GRANT, [field]: value }), undefined);
  }
  assert.equal(readGrant(JSON.parse(`{"__proto__":${JSON.stringify(GRANT)}}`)), undefined);
});

test("a start's reply that makes no sense is a refusal that another try may undo", () => {
  const grant = JSON.stringify({ ...GRANT, nodeId: POISON });
  for (const text of [
    ...["", "no json", "null", "1", "[]", "{}", DEEP, '{"ok":1}', '{"ok":{}}', '{"ok":"true"}'],
    ...['{"ok":true}', '{"ok":true,"instance":null}', `{"ok":true,"instance":${grant}}`],
    ...['{"ok":false}', '{"ok":false,"refusal":null}', '{"ok":false,"refusal":[]}'],
    `{"ok":false,"refusal":{"kind":{"toString":1},"why":${DEEP}}}`,
    '{"__proto__":{"ok":false,"refusal":{"kind":"limit","why":""}}}',
  ]) {
    const reply = readStartReply(text);
    assert.ok(!reply.ok && reply.refusal.kind === "unavailable", text.slice(0, 40));
    assert.equal(typeof reply.refusal.why, "string");
  }
});

test("replies to starts are read as they were meant, their texts bounded", () => {
  const of = (reply: unknown): unknown => readStartReply(JSON.stringify(reply));
  assert.deepEqual(of({ ok: true, instance: GRANT }), { ok: true, instance: GRANT });
  const limit = { ok: false, refusal: { kind: "limit", why: "one is enough" } };
  assert.deepEqual(of(limit), limit);
  const failed = { kind: "init_failed", name: "E", message: "m", initUs: 5 };
  assert.deepEqual(of({ ok: false, refusal: failed }), { ok: false, refusal: failed });
  const stopped = { kind: "unavailable", why: "by hand", stopped: true };
  assert.deepEqual(of({ ok: false, refusal: stopped }), { ok: false, refusal: stopped });
  const odd = { kind: "init_failed", name: POISON, message: "m".repeat(100_000), initUs: "5" };
  assert.deepEqual(of({ ok: false, refusal: odd }), {
    ok: false,
    refusal: { kind: "init_failed", name: "Error", message: "m".repeat(4_096), initUs: 0 },
  });
});

test("a note is read, or told to be none", () => {
  const { instanceId } = GRANT;
  const exit = { code: 1, signal: null, outOfMemory: false };
  const exited = { op: "exited", instanceId, exit };
  assert.deepEqual(readAgentNote(JSON.stringify(exited)), exited);
  assert.deepEqual(readAgentNote('{"op":"draining"}'), { op: "draining" });
  const none = { code: null, signal: null, outOfMemory: false };
  for (const odd of [null, 1, [], { code: "1", signal: POISON, outOfMemory: 1 }]) {
    const read = readAgentNote(JSON.stringify({ ...exited, exit: odd }));
    assert.deepEqual(read, { ...exited, exit: none });
  }
  for (const text of [
    ...["", "no json", "null", "[]", "{}", DEEP, '{"op":"later"}', '{"op":{"toString":1}}'],
    ...['{"op":"exited"}', '{"op":"exited","instanceId":{"toString":1},"exit":null}'],
    '{"__proto__":{"op":"draining"}}',
  ]) {
    assert.equal(readAgentNote(text), undefined, text.slice(0, 40));
  }
});

test("of a note about outdated instances only ids are taken", () => {
  const { instanceId } = GRANT;
  const noteOf = (instanceIds: unknown): unknown =>
    readAgentNote(JSON.stringify({ op: "outdated", instanceIds }));
  const odd = [instanceId, "inst_x", 7, null, [instanceId]];
  assert.deepEqual(noteOf(odd), { op: "outdated", instanceIds: [instanceId] });
  for (const wrong of [undefined, null, "inst_x", {}]) assert.equal(noteOf(wrong), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesLog, readLogFilter, type LogFilterQuery } from "./log-filter.ts";
import type { LogLineResource } from "./resources.ts";

const LINE: LogLineResource = {
  ...{ at: "2026-01-31T09:00:00.000Z", level: "warn", stream: "stdout", requestId: null },
  ...{ instanceId: "inst_1", revisionId: "rev_1", cursor: "7" },
  text: '{"msg":"Card DECLINED","user":{"id":42,"name":"Ada"},"tags":["a"],"ok":false}',
};

const wants = (query: LogFilterQuery, line = LINE): boolean => {
  const filter = readLogFilter(query);
  assert.ok(filter !== undefined);
  return matchesLog(line, filter);
};

test("text is found in any case, as it stands", () => {
  assert.ok(wants({ grep: "card declined" }));
  assert.ok(!wants({ grep: "card.declined" }), "it is no pattern");
  assert.ok(!wants({ grep: "accepted" }));
});

test("a level wants itself and what is more severe", () => {
  assert.ok(wants({ level: "debug" }) && wants({ level: "warn" }));
  assert.ok(!wants({ level: "error" }));
});

test("times bound from both sides, the bounds included", () => {
  assert.ok(wants({ since: LINE.at, until: LINE.at }));
  assert.ok(!wants({ since: "2026-01-31T09:00:00.001Z" }));
  assert.ok(!wants({ until: "2026-01-31T08:59:59+00:00" }));
});

test("lines of the revisions that are named alone, and of none that is not said", () => {
  const filter = readLogFilter({ revisionIds: ["rev_0", "rev_1"] });
  assert.ok(filter !== undefined);
  assert.ok(matchesLog(LINE, filter));
  assert.ok(!matchesLog({ ...LINE, revisionId: "rev_2" }, filter));
  assert.ok(!matchesLog({ ...LINE, revisionId: null }, filter));
});

test("fields are those of the line, or of the JSON object that it is", () => {
  for (const field of ["stream=stdout", "instance=inst_1", "revision=rev_1"]) {
    assert.ok(wants({ field }), field);
  }
  for (const field of ["user.id=42", "user.name=Ada", "ok=false", 'tags=["a"]', "tags.0=a"]) {
    assert.ok(wants({ field }), field);
  }
  for (const field of ["user.id=4", "user=Ada", "absent=", "__proto__=x", "constructor=x"]) {
    assert.ok(!wants({ field }), field);
  }
  assert.ok(!wants({ field: "a=1" }, { ...LINE, text: "{ no JSON" }));
});

test("nothing asked is no filter", () => {
  assert.equal(readLogFilter({}), undefined);
  assert.equal(readLogFilter({ grep: "" }), undefined);
});

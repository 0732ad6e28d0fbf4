import assert from "node:assert/strict";
import { test } from "node:test";
import { isId, type RevisionId } from "@skerry/base";
import type { RevisionEntry } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { overlaid, overlaidId, OverlaidIds, overlayOf } from "./overlay.ts";

const revision: RevisionEntry = {
  ...{ id: "rev_01kzzzzzzzzzzzzzzzzzzzzzzz" as RevisionId, sourceDigest: "src_1" },
  ...{ artefactKey: "art_1", handlerKind: "fetch", runtimeBuild: "node", createdWallMs: 1 },
  config: functionConfig.parse({ env: { LEVEL: "info", REGION: "eu" }, memoryMb: 256 }),
};

test("a version with variables over it runs its code with both, under an id of its own", () => {
  const overlay = { LEVEL: "warn", MORE: "" };
  const derived = overlaid(revision, overlay);
  const { id, config } = derived;
  assert.deepEqual(config, {
    ...revision.config,
    env: { LEVEL: "warn", REGION: "eu", MORE: "" },
  });
  assert.ok(isId("rev", id) && id !== revision.id);
  assert.deepEqual(derived, { ...revision, id, config, overlay });
});

test("the same of the same are the same, and nothing else is", () => {
  const idOf = (overlay: Record<string, string>, of = revision): string => overlaid(of, overlay).id;
  const one = idOf({ A: "1", B: "2" });
  assert.equal(idOf({ B: "2", A: "1" }), one, "in whatever order");
  const other = { ...revision, id: "rev_01kzzzzzzzzzzzzzzzzzzzzzzy" as RevisionId };
  const all = [
    ...[one, idOf({ A: "1" }), idOf({ A: "1", B: "3" }), idOf({ A: '1","B":"2' })],
    idOf({ A: "1", B: "2" }, other),
  ];
  assert.equal(new Set(all).size, all.length);
});

test("nothing laid over a version is the version", () => {
  assert.equal(overlayOf({}), undefined);
  assert.equal(overlayOf({ env: {} }), undefined);
  assert.equal(overlaid(revision, undefined), revision);
});

test("who asks again and again has each overlay read once for each version", () => {
  let reads = 0;
  const get = (): string => {
    reads += 1;
    return "warn";
  };
  const overlay = new Proxy<Record<string, string>>({ LEVEL: "warn" }, { get });
  const other = "rev_01kzzzzzzzzzzzzzzzzzzzzzzy" as RevisionId;
  const ids = new OverlaidIds();
  for (let look = 0; look < 100; look += 1) {
    for (const id of [revision.id, other]) {
      assert.equal(ids.of(id, overlay), overlaidId(id, { LEVEL: "warn" }));
    }
    assert.equal(ids.of(other, undefined), other);
  }
  assert.equal(reads, 2);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { artefactKey, isArtefactKey, isSourceDigest, sourceDigest } from "./digest.ts";

const inputs = { sourceDigest: "src_1", recipe: "bundle 1", runtimeBuild: "node 26" };

test("digests and keys are these exact ones, on every machine and in every release", () => {
  const sha256 = "0".repeat(64);
  const entries = [{ path: "index.mjs", executable: false, bytes: 3, sha256 }];
  assert.equal(
    sourceDigest(entries),
    "src_3d2905e88b8eed023499b6eca1106359c3166b5924a20bfc0e7159e65e7cd936",
  );
  assert.equal(
    artefactKey(inputs),
    "art_d6a3fb81c679c6e46c1717bff4b85a40219ef7969d8a88bbc33c4a33f8bcc89b",
  );
});

test("each input changes the key of an artefact, and they cannot run into each other", () => {
  const keys = [
    inputs,
    { ...inputs, sourceDigest: "src_2" },
    { ...inputs, recipe: "bundle 2" },
    { ...inputs, runtimeBuild: "node 27" },
    { ...inputs, recipe: 'bundle 1","node 26', runtimeBuild: "" },
    { ...inputs, recipe: "bundle 1node 26", runtimeBuild: "" },
  ].map(artefactKey);
  assert.equal(new Set(keys).size, keys.length);
  for (const key of keys) assert.ok(isArtefactKey(key) && !isSourceDigest(key));
});

test("only lowercase digests of full length are well-formed", () => {
  const hex = "a".repeat(64);
  for (const bad of [hex, `src_${hex}a`, `src_${"A".repeat(64)}`, `src_${hex}\n`, null, 1]) {
    assert.equal(isSourceDigest(bad), false);
  }
  assert.equal(isSourceDigest(`src_${hex}`), true);
});

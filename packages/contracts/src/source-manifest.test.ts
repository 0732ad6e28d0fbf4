import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { manifestText, type SourceEntry } from "./source-manifest.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function entry(path: string, content = "", executable = false): SourceEntry {
  return { path, executable, bytes: Buffer.byteLength(content), sha256: sha256(content) };
}

test("the text of a tree is this exact text, on every machine and in every release", () => {
  const text = manifestText([entry("src/index.mjs", "export {};\n"), entry("bin/run", "#!", true)]);
  assert.equal(
    text,
    [
      "skerry-source-manifest 1",
      `${sha256("#!")} 2 x bin/run`,
      `${sha256("export {};\n")} 11 - src/index.mjs`,
      "",
    ].join("\n"),
  );
  assert.equal(sha256(text), "9de32cd063ea8f0482a17bae2e43a308026fbaf9dc28f9a7615f96580d649a64");
});

test("the order of the entries does not matter", () => {
  const entries = ["b", "a", "a/b", "a-b", "A", "aa"].map((path) => entry(path));
  assert.equal(manifestText(entries), manifestText(entries.toReversed()));
});

test("paths are ordered as their UTF-8 bytes are", () => {
  const paths = [
    "z",
    "\u{ff5e}",
    "\u{1f600}",
    "\u{e000}",
    "é",
    "a/b",
    "a.b",
    "\u{1f600}a",
    "\u{1f601}",
  ];
  const lines = manifestText(paths.map((path) => entry(path)))
    .split("\n")
    .slice(1, -1);
  const inBytes = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(
    lines.map((line) => line.split(" ").slice(3).join(" ")),
    inBytes,
  );
});

test("every part of an entry changes the text", () => {
  const base = entry("a", "one");
  const texts = [
    base,
    { ...base, path: "b" },
    { ...base, executable: true },
    { ...base, bytes: 4 },
    { ...base, sha256: sha256("two") },
  ].map((changed) => manifestText([changed]));
  assert.equal(new Set(texts).size, texts.length);
});

test("a path cannot forge the line of another file", () => {
  const forged = entry("a", "one");
  const inner = manifestText([forged]).split("\n")[1];
  const honest = [entry("0"), forged];
  assert.notEqual(manifestText([entry(`0\n${inner}`)]), manifestText(honest));
  assert.notEqual(manifestText([entry("a\\nb")]), manifestText([entry("a\nb")]));
});

test("repeated paths and malformed entries are programmer errors", () => {
  const good = entry("a");
  for (const bad of [
    [good, good],
    [{ ...good, sha256: "A".repeat(64) }],
    [{ ...good, bytes: -1 }],
    [{ ...good, bytes: 0.5 }],
    [{ ...good, path: "" }],
    [{ ...good, path: "\ud800" }],
  ]) {
    assert.throws(() => manifestText(bad), { name: "ProgrammerError" });
  }
});

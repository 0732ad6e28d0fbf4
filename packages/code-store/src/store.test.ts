import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { chmod, chown, link, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { randomSource, sourceOf } from "../test/sources.ts";
import { artefactKey } from "./digest.ts";
import { claimDirectory } from "./format.ts";
import { openCodeStore, type CodeStore, type CodeStoreOptions } from "./store.ts";

const run = promisify(execFile);
const deps = { random: systemRandom(), clock: systemClock(), log: silentLog() };
const hello = sourceOf({ "index.mjs": "export {};\n", "lib/a.mjs": "a" });
const key = artefactKey({ sourceDigest: hello.digest, recipe: "copy 1", runtimeBuild: "none" });
const isRoot = process.getuid?.() === 0;
const asRoot = { skip: isRoot ? false : "needs root" };

async function open(
  t: TestContext,
  limits?: CodeStoreOptions["limits"],
): Promise<{ readonly store: CodeStore; readonly directory: string }> {
  const box = await scratch(t);
  await chmod(box, 0o755);
  const directory = join(box, "store");
  const store = await openCodeStore(deps, { directory, ...(limits ? { limits } : {}) });
  return { store, directory };
}

const upload = (archive: Buffer): Readable => Readable.from([archive]);

test("a source that was put is there, whole, also after opening again", async (t) => {
  const { store, directory } = await open(t);
  assert.equal(await store.has(hello.digest), false);
  const stored = await store.putArchive(hello.digest, upload(hello.archive));
  assert.deepEqual(stored, { digest: hello.digest, bytes: hello.bytes, files: 2 });
  const again = await openCodeStore(deps, { directory });
  assert.equal(await again.has(hello.digest), true);
  assert.equal(await again.verify(hello.digest), true);
  const index = join(again.sourceDirectory(hello.digest), "index.mjs");
  assert.equal(await readFile(index, "utf8"), "export {};\n");
});

test("folders are 755 and files 444 throughout, whatever the umask", async (t) => {
  const mask = process.umask(0o077);
  t.after(() => process.umask(mask));
  const { store, directory } = await open(t);
  await store.putArchive(hello.digest, upload(hello.archive));
  const entry = `sources/${hello.digest}`;
  const modes = (await everythingBelow(directory)).map((line) => line.replace(/ \d+$/, ""));
  assert.deepEqual(modes, [
    "artefacts/ d755",
    "format.json -444",
    "sources/ d755",
    `${entry}/ d755`,
    `${entry}/record.json -444`,
    `${entry}/tree/ d755`,
    `${entry}/tree/index.mjs -444`,
    `${entry}/tree/lib/ d755`,
    `${entry}/tree/lib/a.mjs -444`,
    "work/ d711",
  ]);
  assert.equal((await stat(directory)).mode & 0o777, 0o755);
});

test("another user can read a source and cannot change it", asRoot, async (t) => {
  const { store } = await open(t);
  await store.putArchive(hello.digest, upload(hello.archive));
  const tree = store.sourceDirectory(hello.digest);
  const nobody = (...command: readonly string[]): Promise<{ readonly stdout: string }> =>
    run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", ...command]);
  assert.equal((await nobody("cat", join(tree, "index.mjs"))).stdout, "export {};\n");
  for (const command of [
    ["touch", join(tree, "new")],
    ["rm", "-f", join(tree, "index.mjs")],
    ["sh", "-c", `echo x >> ${join(tree, "index.mjs")}`],
    ["chmod", "777", join(tree, "index.mjs")],
  ]) {
    await assert.rejects(nobody(...command), `${command.join(" ")} must fail`);
  }
});

test("an archive with another digest is refused and nothing is kept", async (t) => {
  const { store, directory } = await open(t);
  const before = await everythingBelow(directory);
  const other = sourceOf({ "index.mjs": "other" });
  await assert.rejects(store.putArchive(other.digest, upload(hello.archive)), {
    reason: "CODE_DIGEST_MISMATCH",
    details: { expected: other.digest, actual: hello.digest },
  });
  assert.deepEqual(await everythingBelow(directory), before);
  assert.equal(await store.has(other.digest), false);
});

test("a source that is there is put again by who has it, not by who knows its digest", async (t) => {
  const { store, directory } = await open(t);
  await store.putArchive(hello.digest, upload(hello.archive));
  const before = await everythingBelow(directory);
  const other = sourceOf({ "index.mjs": "mine" });
  const guess = store.putArchive(hello.digest, upload(other.archive));
  await assert.rejects(guess, { reason: "CODE_DIGEST_MISMATCH" });
  const empty = store.putArchive(hello.digest, upload(Buffer.alloc(0)));
  await assert.rejects(empty, ({ reason }) => String(reason).startsWith("ARCHIVE_"));
  const stored = await store.putArchive(hello.digest, upload(hello.archive));
  assert.equal(stored.files, 2);
  assert.deepEqual(await everythingBelow(directory), before);
  assert.equal(await store.verify(hello.digest), true);
});

test("puts of the same digest at once are one entry", async (t) => {
  const { store, directory } = await open(t);
  const puts = Array.from({ length: 8 }, () =>
    store.putArchive(hello.digest, upload(hello.archive)),
  );
  const results = await Promise.all(puts);
  assert.deepEqual(new Set(results.map((result) => result.digest)), new Set([hello.digest]));
  assert.deepEqual(await everythingBelow(join(directory, "work")), []);
  assert.equal(await store.verify(hello.digest), true);
});

test("a bad archive under a digest does not spoil good ones put at the same time", async (t) => {
  const { store } = await open(t);
  const bad = sourceOf({ "index.mjs": "evil" });
  const puts = [bad, bad, hello, bad, hello].map(({ archive }) =>
    store.putArchive(hello.digest, upload(archive)),
  );
  const outcomes = (await Promise.allSettled(puts)).map(({ status }) => status);
  const [no, yes] = ["rejected", "fulfilled"];
  assert.deepEqual(outcomes, [no, no, yes, no, yes]);
  assert.equal(await store.verify(hello.digest), true);
});

test("two processes' worth of stores may put the same source into one directory", async (t) => {
  const { store, directory } = await open(t);
  const other = await openCodeStore(deps, { directory });
  const big = randomSource(3, 40, 2000);
  await Promise.all([
    store.putArchive(big.digest, upload(big.archive)),
    other.putArchive(big.digest, upload(big.archive)),
  ]);
  assert.equal(await store.verify(big.digest), true);
  assert.deepEqual(await everythingBelow(join(directory, "work")), []);
});

test("a hostile archive and a broken upload leave nothing in the store", async (t) => {
  const { store, directory } = await open(t);
  const before = await everythingBelow(directory);
  const hostile = sourceOf({ "../evil": "x" });
  await assert.rejects(store.putArchive(hostile.digest, upload(hostile.archive)), {
    reason: "ARCHIVE_PATH_TRAVERSAL",
  });
  const gone = upload(hello.archive);
  const putting = store.putArchive(hello.digest, gone);
  gone.destroy(new Error("the sender is gone"));
  await assert.rejects(putting, { reason: "CODE_UPLOAD_BROKEN" });
  assert.deepEqual(await everythingBelow(directory), before);
});

test("names that are not digests or keys are refused before they become paths", async (t) => {
  const { store } = await open(t);
  for (const name of ["", "..", "../../etc", "src_", `${hello.digest}/..`, `${hello.digest}\n`]) {
    const refused = { reason: "CODE_NAME_INVALID" };
    await assert.rejects(store.has(name), refused);
    await assert.rejects(store.putArchive(name, upload(hello.archive)), refused);
    await assert.rejects(store.hasArtefact(name), refused);
    await assert.rejects(store.remove(name), refused);
    assert.throws(() => store.sourceDirectory(name), refused);
    assert.throws(() => store.artefactDirectory(name), refused);
  }
  await assert.rejects(store.has(key), { reason: "CODE_NAME_INVALID" });
});

test("an artefact is kept as its build left it, sealed, and is built once", async (t) => {
  const { store } = await open(t);
  let builds = 0;
  const build = async (directory: string): Promise<void> => {
    builds += 1;
    await mkdir(join(directory, "out"), { mode: 0o700 });
    await writeFile(join(directory, "out", "bundle.mjs"), "bundle", { mode: 0o600 });
    await writeFile(join(directory, "start"), "#!", { mode: 0o700 });
  };
  assert.equal(await store.hasArtefact(key), false);
  const all = await Promise.all([1, 2, 3].map(() => store.putArtefact(key, build)));
  await store.putArtefact(key, build);
  assert.equal(builds, 1);
  assert.deepEqual([all[0]?.files, all[0]?.bytes, all[0]?.kind], [2, 8, "artefact"]);
  assert.deepEqual(await everythingBelow(store.artefactDirectory(key)), [
    "out/ d755",
    "out/bundle.mjs -444 6",
    "start -555 2",
  ]);
  assert.equal(await store.verify(key), true);
});

test("a failed build is passed on to all that wait and leaves nothing", async (t) => {
  const { store, directory } = await open(t);
  const before = await everythingBelow(directory);
  const failure = Object.assign(new Error("no such module"), { code: "ENOENT", syscall: "open" });
  const build = async (into: string): Promise<void> => {
    await writeFile(join(into, "half"), "half");
    throw failure;
  };
  const puts = await Promise.allSettled([
    store.putArtefact(key, build),
    store.putArtefact(key, build),
  ]);
  for (const put of puts) assert.equal(put.status === "rejected" && put.reason, failure);
  assert.deepEqual(await everythingBelow(directory), before);
  await store.putArtefact(key, (into) => writeFile(join(into, "whole"), "whole"));
  assert.equal(await store.hasArtefact(key), true);
});

const TRICKS: Readonly<Record<string, (directory: string, outside: string) => Promise<void>>> = {
  "a symbolic link": (directory, outside) => symlink(outside, join(directory, "l")),
  "a link to a folder": (directory) => symlink("/etc", join(directory, "l")),
  "a hard link": (directory, outside) => link(outside, join(directory, "l")),
  "a pipe": async (directory) => void (await run("mkfifo", [join(directory, "p")])),
};

for (const [title, trick] of Object.entries(TRICKS)) {
  test(`a build cannot leave ${title}, and what it points to keeps its mode`, async (t) => {
    const { store, directory } = await open(t);
    const outside = join(directory, "..", "outside");
    await writeFile(outside, "secret", { mode: 0o600 });
    await assert.rejects(
      store.putArtefact(key, async (into) => {
        await writeFile(join(into, "good"), "good");
        await trick(into, outside);
      }),
      { reason: "CODE_ARTEFACT_REFUSED" },
    );
    assert.equal((await stat(outside)).mode & 0o777, 0o600);
    assert.equal(await store.hasArtefact(key), false);
    assert.deepEqual(await everythingBelow(join(directory, "work")), []);
  });
}

test("what a build's own user owned belongs to the platform afterwards", asRoot, async (t) => {
  const { store } = await open(t);
  await store.putArtefact(key, async (into) => {
    await writeFile(join(into, "a"), "a", { mode: 0o4755 });
    await mkdir(join(into, "d"));
    for (const name of ["a", "d", "."]) await chown(join(into, name), 65534, 65534);
  });
  const tree = store.artefactDirectory(key);
  for (const name of ["a", "d", "."]) assert.equal((await stat(join(tree, name))).uid, 0);
  assert.deepEqual(await everythingBelow(tree), ["a -555 1", "d/ d755"]);
});

test("a build that leaves too much is refused", async (t) => {
  const { store } = await open(t, { artefactBytesMax: 10, artefactFilesMax: 3 });
  const refused = { reason: "CODE_ARTEFACT_TOO_LARGE" };
  const bytes = (into: string): Promise<void> => writeFile(join(into, "a"), "x".repeat(11));
  await assert.rejects(store.putArtefact(key, bytes), refused);
  const files = async (into: string): Promise<void> => {
    for (const name of ["a", "b", "c", "d"]) await writeFile(join(into, name), "x");
  };
  await assert.rejects(store.putArtefact(key, files), refused);
});

test("list names all that is there, remove takes it away, and it can be put again", async (t) => {
  const { store, directory } = await open(t);
  await store.putArchive(hello.digest, upload(hello.archive));
  await store.putArtefact(key, (into) => writeFile(join(into, "a"), "abc"));
  const listed = (await store.list()).map(({ kind, name, bytes, files }) => [
    kind,
    name,
    bytes,
    files,
  ]);
  assert.deepEqual(listed, [
    ["artefact", key, 3, 1],
    ["source", hello.digest, hello.bytes, 2],
  ]);
  assert.equal(await store.remove(hello.digest), true);
  assert.equal(await store.remove(key), true);
  assert.equal(await store.remove(key), false);
  assert.deepEqual(await store.list(), []);
  assert.deepEqual(await everythingBelow(join(directory, "work")), []);
  await store.putArchive(hello.digest, upload(hello.archive));
  assert.equal(await store.has(hello.digest), true);
});

test("verify sees a changed file, a missing one, one too many and a damaged record", async (t) => {
  const { store, directory } = await open(t);
  const tree = store.sourceDirectory(hello.digest);
  const damages: ReadonlyArray<() => Promise<unknown>> = [
    async () => {
      await chmod(join(tree, "index.mjs"), 0o600);
      await writeFile(join(tree, "index.mjs"), "changed");
    },
    () => run("rm", ["-f", join(tree, "index.mjs")]),
    () => writeFile(join(tree, "more"), "more"),
    () => chmod(join(tree, "index.mjs"), 0o555),
  ];
  for (const damage of damages) {
    await store.putArchive(hello.digest, upload(hello.archive));
    assert.equal(await store.verify(hello.digest), true);
    await damage();
    assert.equal(await store.verify(hello.digest), false);
    await store.remove(hello.digest);
  }
  await store.putArchive(hello.digest, upload(hello.archive));
  const record = join(directory, "sources", hello.digest, "record.json");
  await chmod(record, 0o600);
  await writeFile(record, "{}");
  await assert.rejects(store.verify(hello.digest), { reason: "CODE_STORE_DAMAGED" });
  assert.deepEqual(await store.list(), []);
  assert.equal(await store.remove(hello.digest), true);
});

test("a folder with other content and a store of another version are left alone", async (t) => {
  const box = await scratch(t);
  await writeFile(join(box, "thesis.txt"), "mine");
  const refused = { reason: "CODE_STORE_FORMAT" };
  await assert.rejects(openCodeStore(deps, { directory: box }), refused);
  assert.deepEqual(await everythingBelow(box), ["thesis.txt -644 4"]);
  const newer = join(box, "newer");
  await mkdir(newer);
  for (const format of ['{"format":"skerry-code-store","version":2}', "not json", "null"]) {
    await writeFile(join(newer, "format.json"), format);
    await assert.rejects(openCodeStore(deps, { directory: newer }), refused);
  }
});

test("a new folder that another process claims and begins to fill meanwhile is a store", async (t) => {
  const box = await scratch(t);
  // Some rounds meet it between the look for the format and the look at what else is there.
  for (let round = 0; round < 300; round += 1) {
    const directory = join(box, `store-${round}`);
    mkdirSync(directory);
    const draft = join(box, "format.json");
    writeFileSync(draft, '{"format":"skerry-code-store","version":1}');
    const claiming = claimDirectory(directory, "here");
    for (let turn = 0; turn < round % 6; turn += 1) await new Promise(setImmediate);
    renameSync(draft, join(directory, "format.json"));
    mkdirSync(join(directory, "sources"));
    await claiming;
  }
});

test("opening sweeps what dead processes left and nothing that a live one is making", async (t) => {
  const { store, directory } = await open(t);
  const work = join(directory, "work");
  const dead = ["1-1-abc", "4194304-77-abc", `${process.pid}-1-abc`, "stray"];
  for (const name of dead) await mkdir(join(work, name, "entry", "tree"), { recursive: true });
  await store.putArtefact(key, async (into) => {
    await writeFile(join(into, "a"), "a");
    await openCodeStore(deps, { directory });
    const left = (await everythingBelow(work)).filter((line) => !line.includes("/entry"));
    assert.equal(left.length, 1, left.join("\n"));
    await writeFile(join(into, "b"), "b");
  });
  assert.equal(await store.verify(key), true);
});

test("a put that would leave others too little room is refused unread", async (t) => {
  const { store, directory } = await open(t, { freeBytesMin: 2 ** 50 });
  const unread = new Readable({ read: () => assert.fail("the upload was read") });
  const refused = { reason: "CODE_STORE_FULL", code: "RESOURCE_EXHAUSTED", httpStatus: 507 };
  await assert.rejects(store.putArchive(hello.digest, unread), refused);
  await assert.rejects(
    store.putArtefact(key, async () => assert.fail("built")),
    refused,
  );
  assert.deepEqual(await everythingBelow(join(directory, "work")), []);
});

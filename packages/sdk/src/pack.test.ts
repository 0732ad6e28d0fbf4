import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { PlatformError } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { packFolder } from "./pack.ts";

type Files = Readonly<Record<string, string>>;

function folderOf(t: TestContext, files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-pack-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const FILES: Files = { "index.ts": "export {};\n", "lib/a.ts": "1\n", "lib/é 🙂.txt": "" };

async function archiveOf(folder: string): Promise<Buffer> {
  return buffer((await packFolder(folder)).archive());
}

async function refusalOf(folder: string): Promise<string> {
  const error: unknown = await packFolder(folder).then(
    () => assert.fail("it was expected to be refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(PlatformError.is(error), String(error));
  return `${error.reason} ${error.message}`;
}

test("the same files give the same digest and the same bytes, whenever and in whatever order they were made", async (t) => {
  const one = folderOf(t, FILES);
  const other = folderOf(t, Object.fromEntries(Object.entries(FILES).toReversed()));
  utimesSync(join(other, "index.ts"), 1, 1);
  mkdirSync(join(other, "empty"));
  assert.equal((await packFolder(one)).digest, (await packFolder(other)).digest);
  assert.deepEqual(await archiveOf(one), await archiveOf(other));
  const zone = process.env["TZ"];
  t.after(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });
  process.env["TZ"] = "Pacific/Kiritimati";
  assert.deepEqual(await archiveOf(other), await archiveOf(one));
});

test("name, content and the executable bit count; other bits and the folder's own name do not", async (t) => {
  const digest = async (files: Files, change?: (folder: string) => void): Promise<string> => {
    const folder = folderOf(t, files);
    change?.(folder);
    return (await packFolder(folder)).digest;
  };
  const plain = await digest(FILES);
  assert.notEqual(await digest({ ...FILES, "lib/a.ts": "2\n" }), plain);
  assert.notEqual(await digest({ ...FILES, "lib/b.ts": "1\n" }), plain);
  const mode = (bits: number) => (folder: string) => chmodSync(join(folder, "index.ts"), bits);
  assert.notEqual(await digest(FILES, mode(0o755)), plain);
  assert.equal(await digest(FILES, mode(0o600)), plain);
});

test("it says how many files and bytes there are, and how many were read so far", async (t) => {
  const source = await packFolder(folderOf(t, { "index.js": "x".repeat(300_000), b: "12345" }));
  assert.deepEqual([source.files, source.bytes], [2, 300_005]);
  const read: number[] = [];
  await buffer(source.archive((bytes) => read.push(bytes)));
  assert.deepEqual(
    read,
    read.toSorted((a, b) => a - b),
  );
  assert.equal(read.at(-1), 300_005);
});

test(".skerryignore leaves files and whole folders out", async (t) => {
  const ignore = { ".skerryignore": "*.log\n/big/\n" };
  const folder = folderOf(t, { ...FILES, ...ignore, "x.log": "", "big/a": "", ".git/HEAD": "" });
  assert.equal((await packFolder(folder)).digest, (await packFolder(folderOf(t, FILES))).digest);
});

test("configuration beside the code is not code", async (t) => {
  const folder = folderOf(t, { ...FILES, "skerry.yaml": "app: shop" });
  assert.equal((await packFolder(folder)).digest, (await packFolder(folderOf(t, FILES))).digest);
});

test("a link counts as the file it leads to", async (t) => {
  const linked = folderOf(t, { "index.ts": "same" });
  symlinkSync("index.ts", join(linked, "again.ts"));
  const copied = folderOf(t, { "index.ts": "same", "again.ts": "same" });
  assert.equal((await packFolder(linked)).digest, (await packFolder(copied)).digest);
});

test("a link to a folder counts as the folder, also where that one is left out itself", async (t) => {
  const files = { "index.ts": "1", "node_modules/left/index.js": "2" };
  const linked = folderOf(t, { ...files, "built/a": "", ".skerryignore": "/node_modules/\n" });
  mkdirSync(join(linked, "built", "node_modules"));
  symlinkSync("../../node_modules/left", join(linked, "built", "node_modules", "left-1"));
  const copied = folderOf(t, {
    ...{ "index.ts": "1", "built/a": "", "built/node_modules/left-1/index.js": "2" },
  });
  assert.equal((await packFolder(linked)).digest, (await packFolder(copied)).digest);
});

test("a link that leads out, or nowhere, is refused by name; nothing outside is read", async (t) => {
  const outside = folderOf(t, { secret: "s" });
  for (const target of [join(outside, "secret"), outside, "../..", "missing"]) {
    const folder = folderOf(t, FILES);
    symlinkSync(target, join(folder, "lib", "way-out"));
    assert.match(await refusalOf(folder), /^SOURCE_UNREADABLE .*lib\/way-out is a link/);
  }
});

test("links in circles end, and a name that begins with dots is no way out", async (t) => {
  const folder = folderOf(t, { ...FILES, "..odd": "x" });
  symlinkSync("..", join(folder, "lib", "up"));
  symlinkSync("..odd", join(folder, "link"));
  assert.equal((await packFolder(folder)).files, 5);
  const mutual = folderOf(t, { "a/1": "", "b/c/2": "" });
  symlinkSync("../b/c", join(mutual, "a", "there"));
  symlinkSync("../../a", join(mutual, "b", "c", "back"));
  symlinkSync("..", join(mutual, "b", "c", "up"));
  // a/1, a/there/2, b/c/2, b/c/back/1
  assert.equal((await packFolder(mutual)).files, 4);
});

test("no link brings in what is never part of a source", async (t) => {
  const files = { ...FILES, ".git/config": "secret", ".skerry/state": "x" };
  const folder = folderOf(t, { ...files, "skerry.yaml": "app: shop" });
  symlinkSync("../.git", join(folder, "lib", "all"));
  symlinkSync("../.git/config", join(folder, "lib", "one"));
  symlinkSync(".skerry", join(folder, "state"));
  symlinkSync("skerry.yaml", join(folder, "settings"));
  assert.equal((await packFolder(folder)).digest, (await packFolder(folderOf(t, FILES))).digest);
});

test("a link that is left out may lead anywhere", async (t) => {
  const folder = folderOf(t, { ...FILES, ".skerryignore": "/out\n" });
  symlinkSync(tmpdir(), join(folder, "out"));
  assert.equal((await packFolder(folder)).digest, (await packFolder(folderOf(t, FILES))).digest);
});

test("folders that link to each other are too large before they are endless", async (t) => {
  const folder = folderOf(t, FILES);
  for (let level = 0; level < 25; level += 1) {
    mkdirSync(join(folder, `d${level}`));
    if (level === 0) continue;
    for (const name of ["a", "b"]) {
      symlinkSync(`../d${level}`, join(folder, `d${level - 1}`, name));
    }
  }
  assert.match(await refusalOf(folder), /^SOURCE_TOO_LARGE .*links/);
});

test("what is not a folder with files is refused", async (t) => {
  const folder = folderOf(t, {});
  assert.match(await refusalOf(folder), /it has no files/);
  assert.match(await refusalOf(join(folder, "missing")), /^SOURCE_UNREADABLE .*no such file/);
  writeFileSync(join(folder, "file"), "");
  assert.match(await refusalOf(join(folder, "file")), /^SOURCE_UNREADABLE .*not a directory/);
});

test("names that another system would read differently are refused before anything is sent", async (t) => {
  const names = ["a\\b", "c:x", Buffer.from("caf\u00e9", "latin1")];
  for (const name of names) {
    const folder = folderOf(t, FILES);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]), "");
    assert.match(await refusalOf(folder), /^SOURCE_UNREADABLE .*not portable/);
  }
});

test("a folder with too many files or bytes is refused, and neither is held in memory", async (t) => {
  const folder = folderOf(t, FILES);
  truncateSync(join(folder, "index.ts"), LIMITS.sourceBytesMax + 1);
  assert.match(await refusalOf(folder), /^SOURCE_TOO_LARGE .*bytes/);
});

test("a file that changes after it was looked at breaks the archive off", async (t) => {
  const folder = folderOf(t, FILES);
  const grown = await packFolder(folder);
  writeFileSync(join(folder, "index.ts"), "longer than before");
  await assert.rejects(buffer(grown.archive()), /SOURCE_UNREADABLE|cannot be packed/);
  const gone = await packFolder(folder);
  rmSync(join(folder, "index.ts"));
  await assert.rejects(buffer(gone.archive()), /cannot be packed: ENOENT/);
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock, type PlatformError } from "@skerry/base";
import {
  BUILD_TREE_LIMITS,
  BuildDisk,
  freeSpaceOf,
  type BuildDiskOptions,
  type FreeSpace,
} from "./build-disk.ts";

const GIB = 2 ** 30;
const PLENTY: FreeSpace = { bytes: 90 * GIB, bytesTotal: 100 * GIB, files: 9e6, filesTotal: 1e7 };
const OPTIONS: BuildDiskOptions = {
  freeBytesMin: GIB,
  freeFilesMin: 20_000,
  treeBytesMax: 1 << 20,
  treeFilesMax: 50,
  treeDepthMax: 8,
};

function diskOf(free: () => FreeSpace): BuildDisk {
  return new BuildDisk({ clock: systemClock(), freeSpace: () => Promise.resolve(free()) }, OPTIONS);
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "skerry-disk-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** What the watch says of `directory`, in which it is to find something. */
function verdict(disk: BuildDisk, directory: string): Promise<PlatformError> {
  return new Promise((resolve) => disk.watch(directory, resolve));
}

const REFUSALS: Readonly<Record<string, Partial<FreeSpace>>> = {
  "too few bytes": { bytes: GIB - 1 },
  "too few files": { files: 19_999 },
  "too few bytes, of a small disk a twentieth": { bytes: GIB / 2 - 1, bytesTotal: 10 * GIB },
};
for (const [title, free] of Object.entries(REFUSALS)) {
  test(`no build begins with ${title}`, async () => {
    await assert.rejects(diskOf(() => ({ ...PLENTY, ...free })).admit(), {
      reason: "BUILD_DISK_LOW",
    });
  });
}

const ADMITTED: Readonly<Record<string, Partial<FreeSpace>>> = {
  "enough of both": { bytes: GIB, files: 20_000 },
  "a twentieth of a small disk": { bytes: GIB / 2, bytesTotal: 10 * GIB },
  "files that the file system does not count": { files: 0, filesTotal: 0 },
};
for (const [title, free] of Object.entries(ADMITTED)) {
  test(`a build begins with ${title}`, async () => {
    await diskOf(() => ({ ...PLENTY, ...free })).admit();
  });
}

test("the machine's own figures are read", async () => {
  const { bytes, bytesTotal } = await freeSpaceOf(tmpdir());
  assert.ok(bytes >= 0 && bytesTotal > bytes);
});

test("a disk that runs low while a build writes ends it", async (t) => {
  let looks = 0;
  const disk = diskOf(() => ({ ...PLENTY, bytes: (looks += 1) < 4 ? PLENTY.bytes : 0 }));
  assert.equal((await verdict(disk, folder(t))).reason, "BUILD_DISK_LOW");
  assert.equal(looks, 4);
});

test("a tree that takes too much ends its build, seen at once when the disk lost that much", async (t) => {
  const path = folder(t);
  let looks = 0;
  const disk = diskOf(() => {
    looks += 1;
    if (looks === 2) writeFileSync(join(path, "large"), Buffer.alloc(2 << 20, 1));
    return { ...PLENTY, bytes: PLENTY.bytes - (looks === 2 ? 2 << 20 : 0) };
  });
  const { reason, message } = await verdict(disk, path);
  assert.deepEqual([reason, looks], ["BUILD_TREE_TOO_LARGE", 2]);
  assert.match(message, /1 MiB/);
});

test("a tree of too many files or too deep ends its build", async (t) => {
  const many = folder(t);
  for (let i = 0; i < 51; i += 1) writeFileSync(join(many, String(i)), "");
  assert.match(
    (
      await verdict(
        diskOf(() => PLENTY),
        many,
      )
    ).message,
    /50 files/,
  );
  const deep = folder(t);
  mkdirSync(join(deep, ...Array.from({ length: 10 }, () => "d")), { recursive: true });
  assert.match(
    (
      await verdict(
        diskOf(() => PLENTY),
        deep,
      )
    ).message,
    /8 folders/,
  );
});

test("a hole in a file takes no room, and a watch that ended says nothing (control)", async (t) => {
  const path = folder(t);
  writeFileSync(join(path, "sparse"), "");
  truncateSync(join(path, "sparse"), GIB);
  let looks = 0;
  const heard: PlatformError[] = [];
  await new Promise<void>((resolve) => {
    const disk = diskOf(() => {
      looks += 1;
      if (looks < 3) return PLENTY;
      unwatch();
      resolve();
      return { ...PLENTY, bytes: 0 };
    });
    const unwatch = disk.watch(path, (why) => heard.push(why));
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(heard, []);
});

test("what builds are held to leaves room for what may be kept of one", () => {
  assert.ok(BUILD_TREE_LIMITS.treeBytesMax > GIB && BUILD_TREE_LIMITS.treeFilesMax > 100_000);
});

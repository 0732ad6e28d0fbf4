import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, rmdir, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { randomSource, sourceOf } from "../test/sources.ts";
import { artefactKey } from "./digest.ts";
import { openCodeStore, openStaged, type CodeStore } from "./store.ts";

const run = promisify(execFile);
const deps = { random: systemRandom(), clock: systemClock(), log: silentLog() };
const mounts = process.platform === "linux" && process.getuid?.() === 0;
const onOwnDisk = { skip: mounts ? false : "needs root on Linux, to mount a small disk" };
const FULL = { reason: "CODE_STORE_FULL", code: "RESOURCE_EXHAUSTED", httpStatus: 507 };

interface Disk {
  readonly disk: string;
  readonly store: CodeStore;
  readonly directory: string;
}

/** A store on a file system of its own of 4 MiB. */
async function smallDisk(t: TestContext): Promise<Disk> {
  const disk = await mkdtemp(join(tmpdir(), "skerry-disk-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
  t.after(async () => {
    await run("umount", ["-l", disk]);
    await rmdir(disk);
  });
  const directory = join(disk, "store");
  const store = await openCodeStore(deps, { directory, limits: { freeBytesMin: 0 } });
  return { disk, store, directory };
}

const hello = sourceOf({ "index.mjs": "export {};\n" });
const key = artefactKey({ sourceDigest: hello.digest, recipe: "copy 1", runtimeBuild: "none" });
const upload = (archive: Buffer): Readable => Readable.from([archive]);

test("a full disk refuses puts with 507, keeps what is there, and heals", onOwnDisk, async (t) => {
  const { disk, store, directory } = await smallDisk(t);
  await store.putArchive(hello.digest, upload(hello.archive));
  const before = await everythingBelow(directory);
  const large = randomSource(1, 3, 900_000);
  const archive = join(await scratch(t), "large.zip");
  await writeFile(archive, large.archive);
  const ballast = join(disk, "ballast");
  await writeFile(ballast, Buffer.alloc(2 << 20));

  await t.test("while the upload is received", async () => {
    await assert.rejects(store.putArchive(large.digest, upload(large.archive)), FULL);
  });
  await t.test("before the unpacking, by the declared size", async () => {
    await assert.rejects(store.putArchive(large.digest, archive), FULL);
  });
  await t.test("while a build writes", async () => {
    const build = (into: string): Promise<void> =>
      writeFile(join(into, "a"), Buffer.alloc(3 << 20));
    await assert.rejects(store.putArtefact(key, build), FULL);
  });
  assert.deepEqual(await everythingBelow(directory), before);
  assert.equal(await store.has(large.digest), false);
  assert.equal(await store.verify(hello.digest), true);

  await rm(ballast);
  await store.putArchive(large.digest, archive);
  assert.equal(await store.verify(large.digest), true);
  assert.equal(await store.remove(large.digest), true);
  await store.putArtefact(key, (into) => writeFile(join(into, "a"), Buffer.alloc(3 << 20)));
  assert.equal(await store.verify(key), true);
});

/** Sends an archive as a network does: in parts, each once there is room for it. */
function inParts(archive: Buffer): Readable {
  const parts = Math.ceil(archive.length / 65_536);
  return Readable.from(
    Array.from({ length: parts }, (_, n) => archive.subarray(n * 65_536, (n + 1) * 65_536)),
  );
}

test(
  "an upload that comes leaves the room that others need, and is refused on its way",
  onOwnDisk,
  async (t) => {
    const { disk, directory } = await smallDisk(t);
    const large = randomSource(3, 3, 900_000);
    const freeBytes = async (): Promise<number> => {
      const { bavail, bsize } = await statfs(disk);
      return bavail * bsize;
    };
    const leastWith = async (freeBytesMin: number): Promise<number> => {
      const store = await openCodeStore(deps, { directory, limits: { freeBytesMin } });
      let least = await freeBytes();
      const archive = inParts(large.archive);
      const watched = Readable.from(
        (async function* watch() {
          for await (const part of archive) {
            yield part;
            least = Math.min(least, await freeBytes());
          }
        })(),
      );
      await assert.rejects(store.putArchive(large.digest, watched), FULL);
      return least;
    };
    assert.ok((await leastWith(2_500_000)) > 1_000_000);
    assert.ok((await leastWith(0)) < 1_600_000, "control: nothing is to be left");
  },
);

test("what is unpacked at once leaves the room together", onOwnDisk, async (t) => {
  const { directory } = await smallDisk(t);
  const limits = { freeBytesMin: 2_700_000 };
  const store = await openCodeStore(deps, { directory, limits });
  const box = await scratch(t);
  const puts = [4, 5, 6].map(async (seed) => {
    const source = randomSource(seed, 1, 900_000);
    const archive = join(box, `${seed}.zip`);
    await writeFile(archive, source.archive);
    return store.putArchive(source.digest, archive);
  });
  const ended = await Promise.allSettled(puts);
  const refused = ended.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 2, JSON.stringify(ended));
});

test("wherever the disk runs out during a put, it is all or nothing", onOwnDisk, async (t) => {
  const { disk, store, directory } = await smallDisk(t);
  const source = randomSource(2, 12, 700);
  const before = await everythingBelow(directory);
  const { files, ffree } = await statfs(disk);
  let refusals = 0;
  // Each round grants one more file or folder, so that the put is stopped one step later than in
  // the round before.
  for (let granted = 0; ; granted += 1) {
    await run("mount", ["-o", `remount,nr_inodes=${files - ffree + granted}`, disk]);
    const [put] = await Promise.allSettled([
      store.putArchive(source.digest, upload(source.archive)),
    ]);
    if (put.status === "fulfilled") break;
    assert.equal(
      (put.reason as { readonly reason?: string }).reason,
      FULL.reason,
      String(put.reason),
    );
    assert.deepEqual(await everythingBelow(directory), before);
    refusals += 1;
  }
  assert.ok(refusals > 12, `only ${refusals} steps were stopped`);
  assert.equal(await store.verify(source.digest), true);
});

test(
  "control: without the rename a full disk leaves half a source behind",
  onOwnDisk,
  async (t) => {
    const { disk } = await smallDisk(t);
    const source = randomSource(2, 12, 700);
    const directory = join(disk, "in-place");
    const options = { directory, limits: { freeBytesMin: 0 } };
    const store = await openStaged(deps, options, { stage: (_, entry) => entry });
    const { files, ffree } = await statfs(disk);
    await run("mount", ["-o", `remount,nr_inodes=${files - ffree + 12}`, disk]);
    await assert.rejects(store.putArchive(source.digest, upload(source.archive)), FULL);
    assert.equal(await store.has(source.digest), true);
  },
);

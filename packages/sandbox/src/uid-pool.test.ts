import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  findLivingProcesses,
  findOwnedDirectories,
  laneOf,
  LANES,
  ownerOf,
  UidPool,
} from "./uid-pool.ts";

const range = { first: 1000, count: 3 };
const nothingThere = (): undefined => undefined;

test("ids go round, and one in use is never given again", () => {
  const pool = new UidPool({ range, offset: 2, ownerOf: nothingThere });
  assert.deepEqual([pool.take([]), pool.take([]), pool.take([])], [1002, 1000, 1001]);
  assert.equal(pool.take([]), undefined);
  pool.release(1000);
  assert.equal(pool.take([]), 1000);
});

test("an id comes back as late as possible", () => {
  const pool = new UidPool({ range, offset: 0, ownerOf: nothingThere });
  const first = pool.take([]) ?? 0;
  pool.release(first);
  assert.equal(pool.take([]), 1001);
});

test("an id whose directory still exists is left alone until it is gone", () => {
  const owners = new Map([["/box", 1000]]);
  const only = { first: 1000, count: 1 };
  const pool = new UidPool({ range: only, offset: 0, ownerOf: (path) => owners.get(path) });
  assert.equal(pool.take(["/box"]), 1000);
  pool.release(1000);
  assert.equal(pool.take([]), undefined);
  owners.delete("/box");
  assert.equal(pool.take([]), 1000);
});

test("a directory that has been given to another id does not hold the first", () => {
  const only = { first: 1000, count: 1 };
  const pool = new UidPool({ range: only, offset: 0, ownerOf: () => 0 });
  pool.take(["/box"]);
  pool.release(1000);
  assert.equal(pool.take([]), 1000);
});

test("what an earlier run left is respected from the start", () => {
  const owned = new Map([[1001, ["/old"]]]);
  const owners = new Map([["/old", 1001]]);
  const pool = new UidPool({ range, offset: 0, ownerOf: (path) => owners.get(path) }, owned);
  assert.deepEqual([pool.take([]), pool.take([]), pool.take([])], [1000, 1002, undefined]);
  owners.clear();
  assert.equal(pool.take([]), 1001);
});

test("a pool keeps to its lane, and goes beyond it only when it is full, saying so once", () => {
  const eight = { first: 1000, count: 8 };
  let told = 0;
  const onLaneFull = (): void => void (told += 1);
  const lane = laneOf(eight, 1);
  const pool = new UidPool({ range: eight, lane, offset: 0, ownerOf: nothingThere, onLaneFull });
  assert.deepEqual([pool.take([]), pool.take([])], [1002, 1003]);
  pool.release(1002);
  assert.deepEqual([pool.take([]), told], [1002, 0], "round its lane");
  const rest = Array.from({ length: 6 }, () => pool.take([]));
  assert.deepEqual(new Set(rest), new Set([1000, 1001, 1004, 1005, 1006, 1007]));
  assert.deepEqual([pool.take([]), told], [undefined, 1]);
});

test("lanes lie within the range and have nothing in common", () => {
  for (const count of [1, 3, 4, 7, 65_536]) {
    const lanes = Array.from({ length: LANES }, (_, lane) => laneOf({ first: 5, count }, lane));
    for (const [index, { first, count: size }] of lanes.entries()) {
      assert.ok(first >= 5 && size > 0 && first + size <= 5 + count);
      const before = lanes[index - 1];
      if (before !== undefined && count >= LANES) assert.ok(first >= before.first + before.count);
    }
  }
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root gives files and uids away" };

test("directories of sandboxes are found under every root, and only there", asRoot, () => {
  const [first, second] = ["home", "builds"].map((name) =>
    mkdtempSync(join(tmpdir(), `skerry-uids-${name}-`)),
  ) as [string, string];
  try {
    const mine = join(second, "agent", "build");
    mkdirSync(mine, { recursive: true });
    chownSync(mine, 1001, 1001);
    assert.deepEqual(findOwnedDirectories([first, second], range), new Map([[1001, [mine]]]));
    assert.deepEqual(findOwnedDirectories([first], range), new Map(), "one root alone misses it");
  } finally {
    for (const directory of [first, second]) rmSync(directory, { recursive: true });
  }
});

test("the uid of a living process is left alone until it has ended", asRoot, async () => {
  const only = { first: 324_000, count: 1 };
  const script = "process.stdout.write('up'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ["-e", script], { uid: 324_000, gid: 324_000, cwd: "/" });
  try {
    await once(child.stdout, "data");
    const living = findLivingProcesses(only);
    assert.deepEqual(living, new Map([[324_000, [`/proc/${child.pid}/status`]]]));
    const pool = new UidPool({ range: only, offset: 0, ownerOf }, living);
    assert.equal(pool.take([]), undefined);
    assert.equal(new UidPool({ range: only, offset: 0, ownerOf }).take([]), 324_000, "unlooked");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(pool.take([]), 324_000);
  } finally {
    child.kill("SIGKILL");
  }
});

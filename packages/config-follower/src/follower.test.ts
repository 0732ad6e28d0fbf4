import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog, seededRandom, systemClock, type Clock } from "@skerry/base";
import { CONFIG_FORMAT, type ConfigSnapshot } from "@skerry/contracts";
import { IGNORING_STREAM } from "@skerry/link";
import { HandClock, until } from "@skerry/testkit";
import { fnEntry, keyEntry, removed } from "../test/entries.ts";
import { batchText, FakeControl } from "../test/fake-control.ts";
import { ConfigFollower, type FollowerOptions } from "./follower.ts";
import { readSnapshot, writeSnapshot } from "./snapshot-file.ts";

interface World {
  readonly control: FakeControl;
  readonly snapshotPath: string;
  readonly told: string[];
  open(options?: Partial<FollowerOptions> & { readonly clock?: Clock }): ConfigFollower;
}

async function openWorld(t: TestContext): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), "skerry-follower-"));
  const socketPath = join(root, "control.sock");
  const snapshotPath = join(root, "snapshot.json");
  const control = new FakeControl(socketPath);
  await control.listen();
  const followers: ConfigFollower[] = [];
  const told: string[] = [];
  t.after(async () => {
    for (const follower of followers) await follower.close();
    await control.close();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    control,
    snapshotPath,
    told,
    open: ({ clock = systemClock(), ...more } = {}) => {
      const log = createLog((level, message) => told.push(`${level} ${message}`));
      const follower = new ConfigFollower(
        { clock, random: seededRandom(1), log },
        { socketPath, snapshotPath, hello: { role: "gateway", id: "gw_1" }, ...more },
      );
      followers.push(follower);
      return follower;
    },
  };
}

async function watching(control: FakeControl, count = 1): Promise<void> {
  await until(`${count} watches`, () => control.watches.length === count, { everyMs: 1 });
}

async function reached(follower: ConfigFollower, seq: number): Promise<void> {
  await until(`number ${seq}`, () => follower.fold.seq >= seq, { everyMs: 1 });
}

test("the first batch makes a follower current, later ones bring what changed", async (t) => {
  const { control, open } = await openWorld(t);
  const follower = open();
  await watching(control);
  assert.deepEqual(control.watch?.head, { op: "watch", after: 0 });
  assert.equal(await follower.untilCurrent(5), false);
  control.answer({ reset: false, seq: 2 }, [fnEntry(1, "f1", "a/x"), keyEntry(2, "k1")]);
  assert.equal(await follower.untilCurrent(20_000), true);
  assert.equal(follower.fold.functionByName("a", "x")?.id, "f1");
  control.send(batchText([removed(3, "function/f1")]));
  await reached(follower, 3);
  assert.equal(follower.fold.functionByName("a", "x"), undefined);
});

test("a batch is folded in whole, wherever its bytes are cut", async (t) => {
  const { control, open } = await openWorld(t);
  const seen: string[] = [];
  const follower = open({
    onChange: () => seen.push([...follower.fold.functions()].map(({ name }) => name).join(" ")),
  });
  await watching(control);
  control.answer({ reset: false, seq: 0 }, []);
  await follower.untilCurrent(20_000);
  const names = ["straße", "語", "😀"];
  const batch = names.map((name, index) => fnEntry(index + 1, `f${index}`, `a/${name}`));
  const bytes = Buffer.from(batchText(batch));
  for (const byte of bytes) {
    control.send(Uint8Array.of(byte));
    // One flush a byte: each arrives as a frame of its own.
    await new Promise(setImmediate);
  }
  await reached(follower, 3);
  assert.deepEqual(seen, ["", names.join(" ")]);
});

test("`applied` is said after onChange has returned, with the number that is in force", async (t) => {
  const { control, open } = await openWorld(t);
  const order: string[] = [];
  const follower = open({
    onChange: () => {
      order.push(`changed ${follower.fold.seq}, told ${control.notes.length}`);
    },
  });
  await watching(control);
  control.answer({ reset: false, seq: 1 }, [keyEntry(1, "k1")]);
  await until("a note", () => control.notes.length === 1, { everyMs: 1 });
  control.send(batchText([keyEntry(2, "k2")]) + batchText([keyEntry(3, "k3")]));
  await until("notes", () => control.notes.length === 3, { everyMs: 1 });
  assert.deepEqual(
    control.notes,
    [1, 2, 3].map((seq) => ({ op: "applied", seq })),
  );
  assert.equal(order[0], "changed 1, told 0");
  assert.deepEqual(
    order.map((text) => text.split(",", 1)[0]),
    ["changed 1", "changed 2", "changed 3"],
  );
});

test("a reset forgets what control does not know any more", async (t) => {
  const { control, open, told } = await openWorld(t);
  const follower = open();
  await watching(control);
  control.answer({ reset: false, seq: 9 }, [fnEntry(9, "f1", "a/x")]);
  await reached(follower, 9);
  control.watch?.link.close("control restarts");
  await watching(control, 2);
  assert.equal(control.watch?.head.after, 9);
  control.answer({ reset: true, seq: 4 }, [fnEntry(4, "f2", "a/y")]);
  await until("the reset", () => follower.fold.functionByName("a", "y"), { everyMs: 1 });
  assert.equal(follower.fold.functionByName("a", "x"), undefined);
  assert.equal(follower.fold.seq, 4);
  assert.ok(told.some((line) => line.includes("older than the one kept here")));
});

test("after a loss it goes on from its number; what is sent twice changes nothing", async (t) => {
  const { control, open } = await openWorld(t);
  const follower = open();
  await watching(control);
  control.answer({ reset: false, seq: 2 }, [fnEntry(1, "f1", "a/x"), keyEntry(2, "k1")]);
  await reached(follower, 2);
  control.watch?.link.close("cut");
  await watching(control, 2);
  control.answer({ reset: false, seq: 3 }, [fnEntry(1, "f1", "a/x"), fnEntry(3, "f1", "a/y")]);
  await reached(follower, 3);
  assert.equal(follower.fold.functionByName("a", "y")?.id, "f1");
});

test("a batch that was cut off half is not folded in", async (t) => {
  const { control, open } = await openWorld(t);
  const follower = open();
  await watching(control);
  control.answer({ reset: false, seq: 1 }, [keyEntry(1, "k1")]);
  await reached(follower, 1);
  control.send(`${JSON.stringify(keyEntry(2, "k2"))}\n`);
  await new Promise(setImmediate);
  control.watch?.link.close("cut in the middle");
  await watching(control, 2);
  assert.equal(control.watch?.head.after, 1);
  assert.equal(follower.fold.seq, 1);
});

for (const [name, spoil] of [
  ["ends", (control: FakeControl) => control.watch?.stream.end()],
  ["is cancelled", (control: FakeControl) => control.watch?.stream.cancel("no more")],
  ["cannot be read", (control: FakeControl) => control.send("not JSON\n\n")],
] as const) {
  test(`a watch that ${name} is opened again: a link without one hears of no change`, async (t) => {
    const { control, open } = await openWorld(t);
    const follower = open();
    await watching(control);
    control.answer({ reset: false, seq: 1 }, [keyEntry(1, "k1")]);
    await reached(follower, 1);
    spoil(control);
    await watching(control, 2);
    control.answer({ reset: false, seq: 2 }, [keyEntry(2, "k2")]);
    await reached(follower, 2);
  });
}

test("while control is away it is looked for ten times a second, for ever", async (t) => {
  const { control, open } = await openWorld(t);
  control.refuses = true;
  const clock = new HandClock();
  const follower = open({ clock });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 12; attempt += 1) {
    await until(
      `attempt ${attempt} to fail`,
      () => control.connections === attempt && clock.timers === 1,
      { everyMs: 1 },
    );
    pauses.push(clock.nextInMs ?? -1);
    clock.advance(clock.nextInMs ?? 0);
  }
  assert.equal(follower.connected, false);
  for (const [index, pause] of pauses.entries()) {
    const ceiling = Math.min(100, 20 * 2 ** index);
    assert.ok(pause >= ceiling / 2 && pause <= ceiling, `pause ${index}: ${pause}`);
  }
});

test("a control that greets but never serves is not called in a hurry", async (t) => {
  const { control, open } = await openWorld(t);
  const clock = new HandClock();
  open({ clock });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    await watching(control, attempt);
    const before = clock.timers;
    control.watch?.stream.cancel("not now");
    await until("the pause", () => clock.timers < before || (clock.nextInMs ?? 9e9) <= 1_000, {
      everyMs: 1,
    });
    pauses.push(clock.nextInMs ?? -1);
    clock.advance(clock.nextInMs ?? 0);
  }
  assert.ok((pauses.at(-1) ?? 0) >= 500, pauses.join(" "));
});

test("a restart serves from the snapshot without control, and asks from its number", async (t) => {
  const { control, open, snapshotPath } = await openWorld(t);
  const first = open();
  await watching(control);
  control.answer({ reset: false, seq: 7 }, [fnEntry(5, "f1", "a/x"), removed(7, "key/k1")]);
  await reached(first, 7);
  await first.close();
  const saved = JSON.parse(readFileSync(snapshotPath, "utf8")) as ConfigSnapshot;
  assert.deepEqual([saved.format, saved.seq, saved.entries.length], [CONFIG_FORMAT, 7, 1]);
  const second = open();
  assert.equal(second.fold.functionByName("a", "x")?.id, "f1");
  await watching(control, 2);
  assert.equal(control.watch?.head.after, 7);
});

test("a torn or foreign snapshot is none", async (t) => {
  const { open, snapshotPath } = await openWorld(t);
  const good = JSON.stringify({ format: 1, seq: 5, entries: [keyEntry(5, "k1")] });
  for (const text of ["", "{", "null", "[]", '"x"', good.slice(0, -1), '{"format":1,"seq":5}']) {
    writeFileSync(snapshotPath, text);
    assert.equal(open().fold.seq, 0, text);
  }
  for (const entries of [[null], [5], [{}], [{ seq: "1", key: "k" }]]) {
    writeFileSync(snapshotPath, JSON.stringify({ format: 1, seq: 5, entries }));
    assert.equal(open().fold.seq, 0, JSON.stringify(entries));
  }
  writeFileSync(snapshotPath, good);
  assert.equal(open().fold.seq, 5);
});

test("a snapshot of a newer release is refused, with the way out, and left as it is", async (t) => {
  const { open, snapshotPath } = await openWorld(t);
  const text = JSON.stringify({ format: CONFIG_FORMAT + 1, seq: 5, entries: [] });
  writeFileSync(snapshotPath, text);
  assert.throws(() => open(), { reason: "CONFIG_FORMAT_NEWER" });
  assert.equal(readFileSync(snapshotPath, "utf8"), text);
});

test("a snapshot that cannot be written costs nothing but the snapshot", async (t) => {
  const { control, open, snapshotPath, told } = await openWorld(t);
  // A directory in its place: the rename fails, for root too.
  mkdirSync(snapshotPath);
  writeFileSync(join(snapshotPath, "mine"), "");
  const writing = writeSnapshot(snapshotPath, { format: 1, seq: 1, entries: [] });
  await assert.rejects(writing);
  assert.deepEqual(
    readdirSync(join(snapshotPath, "..")).filter((name) => name.includes(".new")),
    [],
  );
  rmSync(snapshotPath, { recursive: true });
  assert.equal(readSnapshot(snapshotPath), undefined);
  const follower = open();
  await watching(control);
  mkdirSync(snapshotPath);
  control.answer({ reset: false, seq: 1 }, [keyEntry(1, "k1")]);
  await reached(follower, 1);
  await follower.close();
  assert.ok(told.includes("error the configuration snapshot was not saved"));
});

test("a role opens streams while control is there, and is told when it comes and goes", async (t) => {
  const { control, open } = await openWorld(t);
  const seen: string[] = [];
  const ask = (): boolean => {
    const onFailed = (): void => void seen.push("failed");
    return follower.open("{}", { end: true }, { ...IGNORING_STREAM, onFailed }) !== undefined;
  };
  const follower: ConfigFollower = open({
    onLinked: () => void seen.push(`linked ${ask()}`),
    onLost: () => void seen.push(`lost ${ask()}`),
  });
  assert.equal(ask(), false, "nothing is opened before control's hello");
  await until("a link", () => seen.length === 1, { everyMs: 1 });
  await until("both streams", () => control.watches.length === 2, { everyMs: 1 });
  control.watch?.link.close("control restarts");
  await until("the next link", () => seen.length === 4, { everyMs: 1 });
  assert.deepEqual(seen, ["linked true", "failed", "lost false", "linked true"]);
  await follower.close();
  assert.deepEqual(seen.slice(4), ["failed", "lost false"]);
  assert.equal(ask(), false);
});

test("closing saves what is known and leaves no timer", async (t) => {
  const { control, open, snapshotPath } = await openWorld(t);
  const clock = new HandClock();
  const follower = open({ clock });
  await watching(control);
  control.answer({ reset: false, seq: 3 }, [keyEntry(3, "k1")]);
  await reached(follower, 3);
  await follower.close();
  assert.equal((JSON.parse(readFileSync(snapshotPath, "utf8")) as ConfigSnapshot).seq, 3);
  assert.equal(clock.timers, 0);
});

test("what a writer that was killed left beside the snapshot is removed, what a living one writes is not", async (t) => {
  const { open, snapshotPath } = await openWorld(t);
  const { pid: dead } = spawnSync(process.execPath, ["--version"]);
  const living = process.ppid;
  const names = [`${dead}.new`, `${living}.new`, "0.new", "new", `${dead}.new.bak`];
  for (const name of names) writeFileSync(`${snapshotPath}.${name}`, "{");
  writeFileSync(`${snapshotPath}-other.${dead}.new`, "{");
  open();
  const left = names.filter((name) => existsSync(`${snapshotPath}.${name}`));
  assert.deepEqual(left, names.slice(1));
  assert.ok(existsSync(`${snapshotPath}-other.${dead}.new`), "another role's is its own to remove");
});

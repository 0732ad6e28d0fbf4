/** The small pure decisions of this package. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { survivesExec } from "./descriptors.ts";
import { decideExit, type ExitFacts } from "./exit.ts";
import { assertEnterable, isNewEnough, ownerNameOf } from "./host.ts";
import { hostPathOf } from "./launch.ts";
import { describeLevel, type LevelFacts } from "./level.ts";
import { decideOver } from "./limit-watch.ts";
import type { SandboxSpec } from "./ports.ts";
import { descendants, idOfMarker, markerFor, parseOwnMemory, parseStat } from "./process-table.ts";
import { niceOfWeight } from "./running-sandbox.ts";
import { planLibraries } from "./skeleton.ts";
import { assertSpec } from "./spec.ts";

describe("exit", () => {
  const facts: ExitFacts = {
    rung: "bubblewrap",
    code: 0,
    signal: null,
    killedFor: null,
    oomKills: 0,
    started: true,
  };

  test("a code stays a code", () => {
    assert.deepEqual(decideExit({ ...facts, code: 3 }), {
      code: 3,
      signal: null,
      oomKilled: false,
      reason: "exited",
    });
  });

  test("128 + n of bubblewrap is signal n under its usual name", () => {
    const signalOf = (code: number): string | null => decideExit({ ...facts, code }).signal;
    assert.equal(signalOf(134), "SIGABRT");
    assert.equal(signalOf(137), "SIGKILL");
    assert.equal(signalOf(139), "SIGSEGV");
    assert.equal(decideExit({ ...facts, code: 255 }).code, 255);
    assert.equal(decideExit({ ...facts, rung: "process", code: 137 }).code, 137);
  });

  test("a kill by the memory limit is told from every other SIGKILL", () => {
    const oom = decideExit({ ...facts, code: 137, oomKills: 1 });
    assert.equal(oom.reason, "memory");
    assert.equal(decideExit({ ...facts, code: 137 }).reason, "exited");
    assert.equal(decideExit({ ...facts, code: 137, killedFor: "caller" }).reason, "killed");
  });

  test("a command that outlives the kill of its child exited, and the kill is told", () => {
    const exit = decideExit({ ...facts, code: 1, oomKills: 1 });
    assert.deepEqual([exit.reason, exit.oomKilled], ["exited", true]);
  });

  test("limits by looking name themselves", () => {
    const killedFor = (reason: "memory" | "processes"): string =>
      decideExit({ ...facts, code: 137, killedFor: reason }).reason;
    assert.equal(killedFor("memory"), "memory");
    assert.equal(killedFor("processes"), "processes");
  });

  test("a command that never ran is not called exited", () => {
    assert.equal(decideExit({ ...facts, code: 1, started: false }).reason, "not-started");
  });
});

describe("level", () => {
  const facts: LevelFacts = {
    rung: "bubblewrap",
    isRoot: true,
    hierarchies: [
      { version: 2, roles: ["tree"] },
      { version: 1, roles: ["memory", "pids", "cpu"] },
    ],
    hasProcessTable: true,
    obstacle: null,
  };

  test("root with groups is the top: nothing would raise it", () => {
    const level = describeLevel(facts);
    assert.equal(level.label, "bubblewrap (own uid)");
    assert.equal(level.limits.memory, "cgroup v1");
    assert.equal(level.rest, "cgroup v2 freeze");
    assert.deepEqual(level.raise, []);
  });

  test("a user without groups is told what is weaker and how to raise it", () => {
    const level = describeLevel({ ...facts, isRoot: false, hierarchies: [] });
    assert.equal(level.label, "bubblewrap (shared uid)");
    assert.match(level.limits.memory, /polling/);
    assert.match(level.limits.processes, /RLIMIT_NPROC/);
    assert.match(level.limits.cpu, /priority/);
    assert.equal(level.rest, "SIGSTOP of the tree");
    assert.deepEqual(level.raise, [
      "hard limits: systemd-run --user --scope -p Delegate=yes -- npm start",
      "a uid for each instance: sudo npm start",
    ]);
  });

  test("a user with a delegated group has hard limits and is told of the uid only", () => {
    const hierarchies = [{ version: 2 as const, roles: ["tree", "memory", "pids"] as const }];
    const level = describeLevel({ ...facts, isRoot: false, hierarchies });
    assert.equal(level.limits.memory, "cgroup v2");
    assert.match(level.limits.cpu, /priority/);
    assert.equal(level.raise.length, 1);
  });

  test("without walls it says so, with the obstacle and the advice", () => {
    const obstacle = { problem: "bubblewrap is not installed", advice: "apt-get install it" };
    const level = describeLevel({ ...facts, rung: "process", hierarchies: [], obstacle });
    assert.equal(level.label, "process (no isolation)");
    assert.deepEqual(level.raise, [
      "walls, for there are none now (bubblewrap is not installed): apt-get install it",
    ]);
    const blind = describeLevel({ ...facts, rung: "process", hasProcessTable: false });
    assert.equal(blind.limits.memory, "nothing");
  });
});

describe("specification", () => {
  const spec: SandboxSpec = {
    id: "inst_1",
    command: ["/runtime/node"],
    env: {},
    cwd: "/tmp",
    mounts: [],
    limits: {
      memoryBytes: 67_108_864,
      processesMax: 32,
      openFilesMax: 64,
      cpuShares: 100,
      tmpBytes: 4096,
    },
  };
  const mount = (source: string, target: string): Partial<SandboxSpec> => ({
    mounts: [{ kind: "ro", source, target }],
  });
  const limit = (name: keyof SandboxSpec["limits"], value: number): Partial<SandboxSpec> => ({
    limits: { ...spec.limits, [name]: value },
  });
  const REFUSED: Readonly<Record<string, Partial<SandboxSpec>>> = {
    "an id that climbs": { id: "../x" },
    "an empty id": { id: "" },
    "an id in capitals": { id: "A" },
    "no command": { command: [] },
    "a relative program": { command: ["node"] },
    "a NUL in an argument": { command: ["/runtime/node", "a\0--share-net"] },
    "a NUL in a value": { env: { A: "x\0--bind\0/\0/" } },
    "an option as a variable's name": { env: { "A=--bind": "x" } },
    "a relative directory": { cwd: "tmp" },
    "a directory that climbs": { cwd: "/tmp/../etc" },
    "a relative source": mount("code", "/code"),
    "a target that climbs": mount("/code", "/code/../usr"),
    "the top as a target": mount("/", "/"),
    "a mount over /proc": mount("/x", "/proc"),
    "a mount into /etc": mount("/x", "/etc/passwd"),
    "a mount over the libraries": mount("/x", "/usr/lib"),
    "a fractional limit": limit("processesMax", 1.5),
    "no memory": limit("memoryBytes", 0),
    "not a number": limit("cpuShares", Number.NaN),
    "files of less than a block": limit("fileBytesMax", 511),
    "an endless value": { env: { A: "x".repeat(200_000) } },
  };

  test("a plain one is taken", () => assertSpec(spec));
  test("one with a limit of its files is taken", () => {
    assertSpec({ ...spec, ...limit("fileBytesMax", 1 << 30) });
  });
  for (const [name, change] of Object.entries(REFUSED)) {
    test(`${name} is refused`, () => {
      assert.throws(() => assertSpec({ ...spec, ...change }), { reason: "SANDBOX_SPEC_INVALID" });
    });
  }
});

describe("process table", () => {
  const tail = "1 1 1 0 -1 4194560 1 0 0 0 2 3 4 5 20 0 7 0 100 0 0";

  test("a marker gives the id back that it was made for, to its owner only", () => {
    const marker = markerFor("skerry-0", "inst_1");
    assert.equal(idOfMarker("skerry-0", marker), "inst_1");
    for (const other of [marker.slice(0, -1), `${marker}x`, "skerry-0", ""]) {
      assert.equal(idOfMarker("skerry-0", other), undefined, other);
    }
    assert.equal(idOfMarker("skerry-00", marker), undefined);
  });

  test("a name with blanks and brackets does not shift the fields", () => {
    const row = parseStat(`42 (a) b (c) S ${tail}`);
    assert.deepEqual(row, { pid: 42, parentPid: 1, state: "S", cpuUs: 140_000 });
    assert.equal(parseStat(""), undefined);
  });

  test("a tree is its roots and all below, found once each", () => {
    const row = (pid: number, parentPid: number) => ({ pid, parentPid, state: "S", cpuUs: 0 });
    const table = [row(1, 0), row(5, 1), row(6, 5), row(7, 6), row(8, 1)];
    const pids = descendants(table, [5, 6, 99]).map(({ pid }) => pid);
    assert.deepEqual(new Set(pids), new Set([5, 6, 7]));
    assert.equal(pids.length, 3);
  });

  test("a process's own memory leaves files out and counts swap", () => {
    const status = "VmSwap:\t       8 kB\nRssAnon:\t 100 kB\nRssFile:\t900 kB\nRssShmem:\t 20 kB\n";
    assert.equal(parseOwnMemory(status), 128 * 1024);
    assert.equal(parseOwnMemory(""), 0);
  });
});

test("what is over its limit is named, memory first", () => {
  const limits = { memoryBytes: 100, processesMax: 5 };
  assert.equal(decideOver({ memoryBytes: 101, processes: 9 }, limits), "memory");
  assert.equal(decideOver({ memoryBytes: 100, processes: 6 }, limits), "processes");
  assert.equal(decideOver({ memoryBytes: 100, processes: 5 }, limits), null);
  const none = { memoryBytes: undefined, processesMax: undefined };
  assert.equal(decideOver({ memoryBytes: 1e12, processes: 1e6 }, none), null);
});

test("a descriptor survives exec unless it is marked", () => {
  assert.equal(survivesExec("pos:\t0\nflags:\t0100000\nmnt_id:\t25\n"), true);
  assert.equal(survivesExec("pos:\t0\nflags:\t02100000\nmnt_id:\t25\n"), false);
  assert.equal(survivesExec(""), false);
});

test("paths under a mount's target become the host's, the longest target first", () => {
  const mounts = [
    { kind: "ro" as const, source: "/srv/a", target: "/code" },
    { kind: "ro" as const, source: "/srv/b", target: "/code/deep" },
  ];
  assert.equal(hostPathOf(mounts, "/code"), "/srv/a");
  assert.equal(hostPathOf(mounts, "/code/x.mjs"), "/srv/a/x.mjs");
  assert.equal(hostPathOf(mounts, "/code/deep/x"), "/srv/b/x");
  assert.equal(hostPathOf(mounts, "/codes/x"), "/codes/x");
  assert.equal(hostPathOf(mounts, "--flag"), "--flag");
});

test("a smaller weight is a lower priority, never a higher one", () => {
  assert.equal(niceOfWeight(100), 0);
  assert.equal(niceOfWeight(1000), 0);
  assert.equal(niceOfWeight(80), 1);
  assert.equal(niceOfWeight(10), 10);
  assert.equal(niceOfWeight(0), 19);
});

test("bubblewrap is taken from 0.8.0 on", () => {
  assert.equal(isNewEnough("bubblewrap 0.8.0\n"), true);
  assert.equal(isNewEnough("bubblewrap 0.11.2"), true);
  assert.equal(isNewEnough("bubblewrap 1.0.0"), true);
  assert.equal(isNewEnough("bubblewrap 0.7.9"), false);
  assert.equal(isNewEnough(""), false);
});

test("each home has a name of its own, and always the same", () => {
  assert.equal(ownerNameOf("/a"), ownerNameOf("/a"));
  assert.notEqual(ownerNameOf("/a"), ownerNameOf("/b"));
  assert.match(ownerNameOf("/a"), /^skerry-[0-9a-f]{12}$/);
});

test("libraries are looked for where each kind of system keeps them", () => {
  const host = new Set([
    "/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/libm.so.6",
  ]);
  assert.deepEqual(
    planLibraries((path) => host.has(path)),
    [
      { source: "/lib64/ld-linux-x86-64.so.2", target: "/usr/lib64/ld-linux-x86-64.so.2" },
      {
        source: "/usr/lib/x86_64-linux-gnu/libc.so.6",
        target: "/usr/lib/x86_64-linux-gnu/libc.so.6",
      },
      { source: "/lib64/libm.so.6", target: "/usr/lib64/libm.so.6" },
    ],
  );
});

test("a home behind a closed door is refused, and the door is named", () => {
  const top = mkdtempSync(join(tmpdir(), "skerry-door-"));
  const home = join(top, "closed", "home");
  mkdirSync(home, { recursive: true });
  chmodSync(top, 0o755);
  chmodSync(join(top, "closed"), 0o700);
  try {
    assert.throws(() => assertEnterable(home), {
      reason: "SANDBOX_HOME_UNREACHABLE",
      details: { path: join(top, "closed") },
    });
    chmodSync(join(top, "closed"), 0o711);
    chmodSync(home, 0o711);
    assertEnterable(home);
  } finally {
    rmSync(top, { recursive: true });
  }
});

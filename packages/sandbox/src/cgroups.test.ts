import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { HOST_GROUP } from "./cgroup-layout.ts";
import {
  listGroups,
  moveOwnProcesses,
  openHierarchies,
  readPids,
  SandboxGroup,
  tryWrite,
} from "./cgroups.ts";

const LIMITS = {
  memoryBytes: 134_217_728,
  processesMax: 64,
  openFilesMax: 1024,
  cpuShares: 200,
  tmpBytes: 4096,
};
const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** A made-up machine: plain files where the kernel would have control files. */
function machine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "skerry-groups-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const UNIFIED = "31 24 0:27 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n";
const SCOPE = "/sys/fs/cgroup/user.slice/skerry.scope";
const delegated = (controllers: string): string =>
  machine({
    "/proc/self/mountinfo": UNIFIED,
    "/proc/self/cgroup": "0::/user.slice/skerry.scope\n",
    [`${SCOPE}/cgroup.controllers`]: controllers,
    [`${SCOPE}/cgroup.subtree_control`]: "",
    [`${SCOPE}/cgroup.procs`]: "",
  });

describe("pure version 2", () => {
  test("a delegated group offers tree, memory, pids and cpu below itself", () => {
    const fsRoot = delegated("cpuset cpu io memory pids\n");
    const hierarchies = openHierarchies({ fsRoot, ownerName: "skerry-x" });
    assert.deepEqual(hierarchies, [
      {
        version: 2,
        owner: `${fsRoot}${SCOPE}/skerry-x`,
        roles: ["tree", "memory", "pids", "cpu"],
      },
    ]);
  });

  test("controllers that were not delegated are not claimed", () => {
    const fsRoot = delegated("memory pids\n");
    const [hierarchy] = openHierarchies({ fsRoot, ownerName: "skerry-x" });
    assert.deepEqual(hierarchy?.roles, ["tree", "memory", "pids"]);
  });

  test("a sandbox's group carries every limit, and attaching is one write", async () => {
    const fsRoot = delegated("cpu memory pids\n");
    const hierarchies = openHierarchies({ fsRoot, ownerName: "skerry-x" });
    const group = new SandboxGroup(hierarchies, "one", LIMITS);
    await group.attach(4711);
    const read = (file: string): string =>
      readFileSync(`${fsRoot}${SCOPE}/skerry-x/one/${file}`, "utf8");
    assert.equal(read("memory.max"), "134217728");
    assert.equal(read("pids.max"), "66");
    assert.equal(read("cpu.weight"), "200");
    assert.equal(read("cgroup.procs"), "4711");
    assert.deepEqual(group.pids(), [4711]);
    group.setFrozen(true);
    assert.equal(read("cgroup.freeze"), "1");
    assert.equal(group.killAll(), true);
    assert.equal(read("cgroup.kill"), "1");
  });

  test("usage and kills for memory are read from version 2's files", () => {
    const fsRoot = delegated("cpu memory pids\n");
    const hierarchies = openHierarchies({ fsRoot, ownerName: "skerry-x" });
    const group = new SandboxGroup(hierarchies, "one", LIMITS);
    const put = (file: string, text: string): void =>
      writeFileSync(`${fsRoot}${SCOPE}/skerry-x/one/${file}`, text);
    put("memory.current", "5000000\n");
    put("memory.stat", "anon 1\ninactive_file 1000000\n");
    put("cpu.stat", "usage_usec 1234\nuser_usec 1000\n");
    put("memory.events", "low 0\nmax 9\noom 2\noom_kill 1\n");
    put("cgroup.procs", "10\n11\n");
    assert.deepEqual(group.usage(), { memoryBytes: 4_000_000, cpuUs: 1234, processes: 2 });
    assert.equal(group.oomKills(), 1);
  });
});

describe("pure version 2, beside processes of others", () => {
  const SESSION = "/sys/fs/cgroup/user.slice/session-1.scope";
  const session = (types: Readonly<Record<string, string>>): string =>
    machine({
      "/proc/self/mountinfo": UNIFIED,
      "/proc/self/cgroup": "0::/user.slice/session-1.scope\n",
      [`${SESSION}/cgroup.type`]: "domain\n",
      [`${SESSION}/cgroup.controllers`]: "cpu memory pids\n",
      [`${SESSION}/cgroup.subtree_control`]: "",
      [`${SESSION}/cgroup.procs`]: "4711\n4712\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
      "/sys/fs/cgroup/cgroup.subtree_control": "",
      "/sys/fs/cgroup/cgroup.procs": "1\n2\n",
      ...types,
    });
  const options = { ownerName: "skerry-x", areOurs: () => false };
  const enabledInSession = (fsRoot: string): string =>
    readFileSync(`${fsRoot}${SESSION}/cgroup.subtree_control`, "utf8");

  /** As the kernel does it: whatever is moved down is no longer here. */
  const moving = (fsRoot: string) => (): boolean => {
    writeFileSync(`${fsRoot}${SESSION}/cgroup.procs`, "");
    return true;
  };

  test("the top takes the limits, the group of strangers is left as it is", () => {
    const fsRoot = session({});
    const roles = ["tree", "memory", "pids", "cpu"];
    assert.deepEqual(openHierarchies({ ...options, fsRoot }), [
      { version: 2, owner: `${fsRoot}/sys/fs/cgroup/skerry-x`, roles },
    ]);
    assert.equal(enabledInSession(fsRoot), "", "cpu alone would make its children unusable");
  });

  test("a unit of our own processes comes before the top: who watches it sees the sandboxes", () => {
    const fsRoot = session({});
    const [hierarchy] = openHierarchies({ ...options, fsRoot, areOurs: moving(fsRoot) });
    assert.equal(hierarchy?.owner, `${fsRoot}${SESSION}/skerry-x`);
    assert.notEqual(enabledInSession(fsRoot), "");
  });

  test("the top comes before a unit of our own that has fewer limits to give", () => {
    const fsRoot = session({ [`${SESSION}/cgroup.controllers`]: "memory pids\n" });
    const [hierarchy] = openHierarchies({ ...options, fsRoot, areOurs: moving(fsRoot) });
    assert.equal(hierarchy?.owner, `${fsRoot}/sys/fs/cgroup/skerry-x`);
    assert.deepEqual(hierarchy.roles, ["tree", "memory", "pids", "cpu"]);
    assert.equal(readFileSync(`${fsRoot}${SESSION}/cgroup.procs`, "utf8"), "4711\n4712\n");
  });

  test("a container's top is a group like any other: freeze and kill are left", () => {
    const fsRoot = session({ "/sys/fs/cgroup/cgroup.type": "domain\n" });
    assert.deepEqual(openHierarchies({ ...options, fsRoot }), [
      { version: 2, owner: `${fsRoot}${SESSION}/skerry-x`, roles: ["tree"] },
    ]);
    assert.equal(enabledInSession(fsRoot), "");
  });
});

describe("version 1 and hybrid", () => {
  const MOUNTS =
    "26 25 0:23 / /cg/cpu rw - cgroup cgroup rw,cpu\n" +
    "27 25 0:24 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n" +
    "29 25 0:26 / /cg/memory rw - cgroup cgroup rw,memory\n" +
    "30 25 0:28 / /cg/pids rw - cgroup cgroup rw,pids\n";
  const files = {
    "/proc/self/cgroup": "4:memory:/svc\n3:pids:/\n2:cpuacct:/\n1:cpu:/\n0::/\n",
    "/cg/memory/svc/memory.limit_in_bytes": "1",
    "/cg/pids/cgroup.procs": "",
    "/cg/cpu/cgroup.procs": "",
    "/cg/cpuacct/cgroup.procs": "",
  };

  test("without a version 2 mount, version 1 serves limits and counts CPU", () => {
    const fsRoot = machine({ ...files, "/proc/self/mountinfo": MOUNTS });
    const hierarchies = openHierarchies({ fsRoot, ownerName: "skerry-x" });
    assert.deepEqual(
      hierarchies.map(({ owner, roles }) => [owner.slice(fsRoot.length), roles.join()]),
      [
        ["/cg/cpu/skerry-x", "cpu"],
        ["/cg/cpuacct/skerry-x", "cpuacct"],
        ["/cg/memory/svc/skerry-x", "memory"],
        ["/cg/pids/skerry-x", "pids"],
      ],
    );
    const group = new SandboxGroup(hierarchies, "one", LIMITS);
    assert.equal(group.setFrozen(true), false, "the version 1 freezer is not for us");
    assert.equal(group.killAll(), false);
    assert.equal(readFileSync(`${fsRoot}/cg/pids/skerry-x/one/pids.max`, "utf8"), "0");
  });

  test("a bare version 2 mount adds freeze and kill, version 1 keeps the limits", () => {
    const mountinfo = `${MOUNTS}36 25 0:32 / /cg/unified rw - cgroup2 cgroup2 rw\n`;
    const fsRoot = machine({
      ...files,
      "/proc/self/mountinfo": mountinfo,
      "/cg/unified/cgroup.controllers": "hugetlb\n",
    });
    const roles = openHierarchies({ fsRoot, ownerName: "skerry-x" }).map(
      (hierarchy) => `v${hierarchy.version} ${hierarchy.roles.join()}`,
    );
    assert.deepEqual(roles, ["v2 tree", "v1 cpu", "v1 memory", "v1 pids"]);
  });
});

test("a machine without control groups offers none", () => {
  const fsRoot = machine({ "/proc/self/mountinfo": "", "/proc/self/cgroup": "" });
  assert.deepEqual(openHierarchies({ fsRoot, ownerName: "skerry-x" }), []);
});

test("when a limit cannot be set, no group is left", () => {
  const fsRoot = delegated("memory pids cpu\n");
  const hierarchies = openHierarchies({ fsRoot, ownerName: "skerry-x" });
  mkdirSync(`${fsRoot}${SCOPE}/skerry-x/one`);
  assert.throws(() => new SandboxGroup(hierarchies, "one", LIMITS), { code: "EEXIST" });
  assert.deepEqual(listGroups(hierarchies), []);
});

const REAL_UNIFIED = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) =>
  existsSync(`${path}/cgroup.subtree_control`),
);
const skip =
  process.getuid?.() !== 0
    ? "needs root"
    : REAL_UNIFIED === undefined
      ? "needs a version 2 mount"
      : false;

test("the real kernel lets our own processes be moved one group down", { skip }, async () => {
  const base = join(REAL_UNIFIED ?? "", `skerry-test-${process.pid}`);
  mkdirSync(base);
  const child = spawn("/bin/sleep", ["60"], { stdio: "ignore" });
  try {
    assert.ok(tryWrite(join(base, "cgroup.procs"), String(child.pid)));
    assert.equal(moveOwnProcesses(base, { areOurs: () => false }), false, "strangers stay");
    assert.deepEqual(readPids(join(base, "cgroup.procs")), [child.pid]);
    assert.equal(moveOwnProcesses(base, { areOurs: () => true }), true);
    assert.deepEqual(readPids(join(base, "cgroup.procs")), []);
    assert.deepEqual(readPids(join(base, HOST_GROUP, "cgroup.procs")), [child.pid]);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    for (const group of [join(base, HOST_GROUP), base]) if (existsSync(group)) rmdirSync(group);
  }
});

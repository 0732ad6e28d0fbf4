import assert from "node:assert/strict";
import { test } from "node:test";
import {
  candidateBases,
  cpuValue,
  flatKeyed,
  limitValues,
  parseCgroupMemberships,
  parseCgroupMounts,
  type CgroupMount,
} from "./cgroup-layout.ts";

const HYBRID_MOUNTS = `
25 24 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
29 25 0:26 / /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory
35 25 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
36 25 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
`;
const LIMITS = {
  memoryBytes: 134_217_728,
  processesMax: 64,
  openFilesMax: 1024,
  cpuShares: 50,
  tmpBytes: 4096,
};
const unified = (root: string): CgroupMount => ({
  version: 2,
  controllers: [],
  root,
  mountPoint: "/sys/fs/cgroup",
});

test("mounts of both versions are found, with their controllers", () => {
  assert.deepEqual(parseCgroupMounts(HYBRID_MOUNTS), [
    {
      version: 1,
      controllers: ["cpu", "cpuacct"],
      root: "/",
      mountPoint: "/sys/fs/cgroup/cpu,cpuacct",
    },
    { version: 1, controllers: ["memory"], root: "/", mountPoint: "/sys/fs/cgroup/memory" },
    {
      version: 1,
      controllers: ["xattr", "name=systemd"],
      root: "/",
      mountPoint: "/sys/fs/cgroup/systemd",
    },
    { version: 2, controllers: [], root: "/", mountPoint: "/sys/fs/cgroup/unified" },
  ]);
});

test("memberships of both versions are read, colons in a path included", () => {
  assert.deepEqual(parseCgroupMemberships("4:memory:/a/b\n1:cpu,cpuacct:/\n0::/user:1\n"), [
    { controllers: ["memory"], path: "/a/b" },
    { controllers: ["cpu", "cpuacct"], path: "/" },
    { controllers: [], path: "/user:1" },
  ]);
});

test("a group is made in this process's own group first, then at the top", () => {
  const [, memory] = parseCgroupMounts(HYBRID_MOUNTS);
  const memberships = parseCgroupMemberships("4:memory:/service/one\n0::/other\n");
  assert.deepEqual(candidateBases(memory as CgroupMount, memberships), [
    "/sys/fs/cgroup/memory/service/one",
    "/sys/fs/cgroup/memory",
  ]);
});

test("inside a container the path is taken relative to what is mounted", () => {
  const memberships = parseCgroupMemberships("0::/docker/abc/app\n");
  assert.deepEqual(candidateBases(unified("/docker/abc"), memberships), [
    "/sys/fs/cgroup/app",
    "/sys/fs/cgroup",
  ]);
});

test("a group that the mount does not show is not guessed", () => {
  const memberships = parseCgroupMemberships("0::/elsewhere\n");
  assert.deepEqual(candidateBases(unified("/docker/abc"), memberships), ["/sys/fs/cgroup"]);
});

test("a restart inside the group for the platform's own processes looks one up", () => {
  const memberships = parseCgroupMemberships("0::/user.slice/run.scope/skerry-host\n");
  assert.equal(candidateBases(unified("/"), memberships)[0], "/sys/fs/cgroup/user.slice/run.scope");
});

test("limits are written in the words of each version", () => {
  const written = (version: 1 | 2, role: "memory" | "pids" | "cpu"): string[] =>
    limitValues(version, role, LIMITS).map(({ file, value }) => `${file}=${value}`);
  assert.deepEqual(written(1, "memory"), [
    "memory.limit_in_bytes=134217728",
    "memory.memsw.limit_in_bytes=134217728",
  ]);
  assert.deepEqual(written(2, "memory"), [
    "memory.max=134217728",
    "memory.swap.max=0",
    "memory.oom.group=1",
  ]);
  assert.deepEqual(written(1, "pids"), ["pids.max=66"]);
  assert.deepEqual(written(2, "pids"), ["pids.max=66"]);
  assert.deepEqual(written(1, "cpu"), ["cpu.shares=512"]);
  assert.deepEqual(written(2, "cpu"), ["cpu.weight=50"]);
});

test("only the hard memory limit may not be missing", () => {
  const required = limitValues(2, "memory", LIMITS).filter(({ optional }) => !optional);
  assert.deepEqual(
    required.map(({ file }) => file),
    ["memory.max"],
  );
});

test("a CPU weight stays in the kernel's bounds", () => {
  assert.equal(cpuValue(1, 0.001).value, "2");
  assert.equal(cpuValue(1, 1e9).value, "262144");
  assert.equal(cpuValue(2, 0.001).value, "1");
  assert.equal(cpuValue(2, 1e9).value, "10000");
});

test("keyed files are read by whole key; what is missing is 0", () => {
  const text = "oom 3\noom_kill 2\noom_group_kill 1\n";
  assert.equal(flatKeyed(text, "oom_kill"), 2);
  assert.equal(flatKeyed(text, "oom"), 3);
  assert.equal(flatKeyed(text, "max"), 0);
  assert.equal(flatKeyed("", "oom_kill"), 0);
});

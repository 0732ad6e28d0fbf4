import assert from "node:assert/strict";
import { test } from "node:test";
import {
  buildBubblewrapArguments,
  LAUNCH_SHELL,
  type BubblewrapPlan,
} from "./bubblewrap-arguments.ts";
import { PROTECTIONS } from "./protections.ts";

const PLAN: BubblewrapPlan = {
  spec: {
    id: "one",
    command: ["/runtime/node", "/code/main.mjs"],
    env: { TOKEN: "hush", EMPTY: "" },
    cwd: "/code",
    mounts: [
      { kind: "ro", source: "/srv/code", target: "/code" },
      { kind: "rw", source: "/srv/box", target: "/box" },
    ],
    limits: {
      memoryBytes: 1,
      processesMax: 1,
      openFilesMax: 1,
      cpuShares: 100,
      tmpBytes: 65_536,
    },
  },
  skeleton: "/srv/root",
  hostSystem: {
    links: { "/bin": "usr/bin" },
    directories: ["/lib"],
    etc: ["/etc/alternatives"],
    written: {},
  },
  descriptors: { args: 4, seccomp: 5, status: 6, leaked: [9, 251] },
  processesMaxInside: null,
};
const parts = (plan: BubblewrapPlan): { argv: string[]; streamed: string[] } => {
  const { argv, streamed } = buildBubblewrapArguments(plan);
  return { argv: [...argv], streamed: streamed.toString().split("\0").slice(0, -1) };
};
/** True when `wanted` stand side by side in `list`. */
const holds = (list: readonly string[], ...wanted: string[]): boolean =>
  list.some((_, at) => wanted.every((word, index) => list[at + index] === word));

test("every wall stands in the arguments", () => {
  const { argv } = parts(PLAN);
  for (const flag of [
    "--unshare-user",
    "--disable-userns",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--new-session",
    "--die-with-parent",
    "--clearenv",
  ]) {
    assert.ok(argv.includes(flag), flag);
  }
  assert.ok(holds(argv, "--cap-drop", "ALL"));
  assert.ok(holds(argv, "--seccomp", "5"));
  assert.ok(!argv.includes("--share-net"));
});

test("neither environment nor host paths stand in the process list", () => {
  const { argv, streamed } = parts(PLAN);
  assert.ok(!argv.join(" ").includes("hush"));
  assert.ok(!argv.join(" ").includes("/srv"));
  assert.ok(holds(streamed, "--setenv", "TOKEN", "hush"));
  assert.ok(holds(streamed, "--setenv", "EMPTY", ""));
});

test("the host's programs are inside, read-only and last, only where they are asked for", () => {
  const asked = parts({ ...PLAN, spec: { ...PLAN.spec, system: "host" } }).streamed;
  assert.deepEqual(asked.slice(asked.lastIndexOf("--symlink"), asked.indexOf("--remount-ro")), [
    ...["--symlink", "usr/bin", "/bin", "--ro-bind", "/lib", "/lib"],
    ...["--ro-bind", "/srv/root/etc", "/etc"],
    ...["--ro-bind", "/etc/alternatives", "/etc/alternatives", "--ro-bind", "/usr", "/usr"],
  ]);
  assert.ok(!holds(parts(PLAN).streamed, "--ro-bind", "/usr"));
});

test("the command comes last, after the end of options", () => {
  const { argv } = parts(PLAN);
  assert.deepEqual(argv.slice(-3), ["--", "/runtime/node", "/code/main.mjs"]);
});

test("a cut argument stream cannot run the command: its libraries come after all else", () => {
  const { streamed } = parts(PLAN);
  const libraries = streamed.lastIndexOf("/usr");
  assert.ok(libraries > streamed.lastIndexOf("/code", libraries));
  assert.ok(libraries > streamed.indexOf("/box"));
  assert.ok(libraries > streamed.lastIndexOf("--setenv"));
});

test("mounts keep their kind, and the rest is sealed afterwards", () => {
  const { streamed } = parts(PLAN);
  assert.ok(holds(streamed, "--ro-bind", "/srv/code", "/code"));
  assert.ok(holds(streamed, "--bind", "/srv/box", "/box"));
  assert.ok(holds(streamed, "--size", "65536", "--tmpfs", "/tmp"));
  assert.ok(holds(streamed, "--remount-ro", "/dev", "--remount-ro", "/"));
  assert.ok(streamed.indexOf("--remount-ro") > streamed.indexOf("--bind"));
});

test("inherited descriptors are handed to bubblewrap to be read and closed", () => {
  const { argv } = parts(PLAN);
  assert.ok(holds(argv, "--args", "9", "--args", "251"));
  assert.ok(argv.lastIndexOf("--args") === argv.indexOf("4") - 1, "ours is read last");
});

test("without a group for processes a shell inside sets their limit", () => {
  const { argv } = parts({ ...PLAN, processesMaxInside: 33 });
  const command = argv.slice(argv.indexOf("--") + 1);
  assert.equal(command[0], LAUNCH_SHELL);
  assert.deepEqual(command.slice(3), ["33", "/runtime/node", "/code/main.mjs"]);
});

/** Set by the driver or by the outer shell, not by an argument of bubblewrap. */
const ELSEWHERE = new Set(["ownUid", "openFilesLimit", "coreLimit", "memoryLimit", "processLimit"]);

for (const protection of PROTECTIONS.filter((name) => !ELSEWHERE.has(name))) {
  test(`taking ${protection} away changes the arguments`, () => {
    const weakened = { ...PLAN, weakened: new Set([protection]) };
    assert.notDeepEqual(parts(weakened), parts(PLAN));
  });
}

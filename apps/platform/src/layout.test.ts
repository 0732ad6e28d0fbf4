import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { layoutOf, prepareHome, type Layout } from "./layout.ts";

const MOUNTED = [
  "home",
  "code",
  "runtimes",
  "tools",
  "instances",
  "builds",
  "dependencies",
  "sandboxes",
] as const;
const PRIVATE = ["run", "state", "meterSpool", "logSpool", "snapshots"] as const;

function openLayout(t: TestContext, name = "home"): Layout {
  const root = mkdtempSync(join(tmpdir(), "skerry-layout-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return layoutOf(join(root, name));
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

test("what sandboxes mount is open to other uids, what holds state or secrets is closed", (t) => {
  const layout = openLayout(t);
  prepareHome(layout);
  for (const name of MOUNTED) assert.equal(modeOf(layout[name]), "755", name);
  for (const name of PRIVATE) assert.equal(modeOf(layout[name]), "700", name);
  for (const name of ["log", "spool"]) assert.equal(modeOf(join(layout.home, name)), "700", name);
});

test("a home that sandboxes of programs would see is refused before anything is made", (t) => {
  const root = mkdtempSync(join(tmpdir(), "skerry-layout-"));
  const [inside, linked] = ["/usr/share/skerry-layout-test", join(root, "link")];
  t.after(() => {
    for (const path of [inside, root]) rmSync(path, { recursive: true, force: true });
  });
  symlinkSync("/usr/share", linked);
  const homes = [inside, join(linked, "skerry-layout-test"), "/bin/skerry", "/usr"];
  for (const home of [...homes, "/lib/skerry/deep/er"]) {
    assert.throws(() => prepareHome(layoutOf(home)), /HOME_UNUSABLE|are shown all of/, home);
  }
  assert.equal(existsSync(inside), false);
  mkdirSync(join(root, "usr"));
  prepareHome(layoutOf(join(root, "usr", "home")));
});

test("modes are what they must be under any umask, and are put right again", (t) => {
  const layout = openLayout(t);
  // A umask belongs to the whole process, hence to one of its own.
  const script = `
    import { layoutOf, prepareHome } from ${JSON.stringify(new URL("./layout.ts", import.meta.url).href)};
    process.umask(0o077);
    prepareHome(layoutOf(${JSON.stringify(layout.home)}));`;
  execFileSync(process.execPath, ["--input-type=module", "-e", script]);
  for (const name of MOUNTED) assert.equal(modeOf(layout[name]), "755", name);
  chmodSync(layout.state, 0o777);
  chmodSync(layout.code, 0o700);
  prepareHome(layout);
  assert.deepEqual([modeOf(layout.state), modeOf(layout.code)], ["700", "755"]);
});

test("preparing twice keeps what is there", (t) => {
  const layout = openLayout(t);
  prepareHome(layout);
  writeFileSync(join(layout.state, "state.db"), "kept");
  prepareHome(layout);
  assert.equal(statSync(join(layout.state, "state.db")).size, 4);
});

test("everything lies below the home, nothing twice", () => {
  const { home, ...places } = layoutOf("/srv/skerry");
  const paths = Object.values(places);
  assert.equal(new Set(paths).size, paths.length);
  for (const path of paths) assert.ok(path.startsWith(`${home}/`), path);
});

test("a home that cannot be made, or whose path is too long for sockets, is said to be unusable", (t) => {
  const layout = openLayout(t);
  mkdirSync(join(layout.home, ".."), { recursive: true });
  writeFileSync(layout.home, "a file");
  assert.throws(() => prepareHome(layout), { reason: "HOME_UNUSABLE" });
  const long = openLayout(t, "x".repeat(60));
  assert.throws(() => prepareHome(long), { reason: "HOME_UNUSABLE", message: /longer than/ });
});

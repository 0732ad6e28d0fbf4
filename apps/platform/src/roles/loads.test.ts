import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NODE_FLAGS } from "../role-process.ts";
import { storeModuleUrls } from "./control-store.ts";
import { MODULES } from "./control.ts";

const FETCH = /\/undici\//;

/** What a process says that runs these lines. */
async function saidBy(...lines: readonly string[]): Promise<readonly string[]> {
  const args = ["--input-type=module", "--eval", lines.join("\n")];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.split("\n");
}

/** The modules of Node's own that these lines load. */
async function loadedBy(...lines: readonly string[]): Promise<readonly string[]> {
  return await saidBy(...lines, 'console.log(process.moduleLoadList.join("\\n"));process.exit();');
}

/** Every module that these and theirs import. */
async function modulesOf(urls: readonly string[]): Promise<readonly string[]> {
  return await saidBy(
    'import { registerHooks } from "node:module";',
    "registerHooks({ load(url, at, next) { console.log(url); return next(url, at); } });",
    ...urls.map((url) => `await import(${JSON.stringify(url)});`),
  );
}

function importOf(role: string): string {
  return `await import(${JSON.stringify(new URL(role, import.meta.url).href)});`;
}

test("no role loads Node's fetch to start", async () => {
  const roles = ["control.ts", "gateway.ts", "agent.ts"].map(importOf);
  const loaded = await loadedBy(...roles);
  assert.ok(loaded.includes("NativeModule http"), "the roles were loaded");
  assert.deepEqual(
    loaded.filter((name) => FETCH.test(name)),
    [],
  );
  const byImport = await loadedBy('await import("node:http");');
  assert.ok(
    byImport.some((name) => FETCH.test(name)),
    "importing node:http does load it",
  );
});

test("a supervisor loads no fetch, no schema of the API and no role's rooms to start", async () => {
  const fetching = await loadedBy(importOf("../supervise.ts"));
  assert.ok(fetching.includes("NativeModule child_process"), "the supervisor was loaded");
  assert.ok(!fetching.some((name) => FETCH.test(name)));
  const names = await modulesOf([new URL("../supervise.ts", import.meta.url).href]);
  const rooms = new Set(names.map((name) => /\/packages\/([^/]+)\//.exec(name)?.[1]));
  for (const room of ["api-schema", "sdk", "secrets", "store"]) assert.ok(!rooms.has(room), room);
  // Of these but the files that it names.
  for (const room of ["contracts", "http", "link"]) {
    assert.ok(rooms.has(room), room);
    assert.ok(!names.some((name) => name.endsWith(`/packages/${room}/src/index.ts`)), room);
  }
});

test("gateways and agents load neither what the store's transactions are made of nor the bundler", async () => {
  const roles = ["gateway.ts", "agent.ts"].map((role) => new URL(role, import.meta.url).href);
  const names = await modulesOf(roles);
  assert.ok(names.some((name) => name.includes("/packages/functions/")));
  const idle = /\/packages\/functions\/src\/catalogue\/|\/node_modules\/esbuild\/lib\//;
  assert.deepEqual(
    names.filter((name) => idle.test(name)),
    [],
  );
});

test("but control and the supervisor, nothing loads schemas or their library to start", async () => {
  const isOfSchemas = (name: string): boolean =>
    /\/node_modules\/zod\/|\/packages\/contracts\/src\/schemas\//.test(name);
  const roles = ["gateway.ts", "agent.ts"].map((role) => new URL(role, import.meta.url).href);
  for (const urls of [roles, storeModuleUrls()]) {
    const names = await modulesOf(urls);
    assert.ok(names.some((name) => name.endsWith("/packages/contracts/src/index.ts")));
    assert.deepEqual(names.filter(isOfSchemas), []);
  }
  const names = await modulesOf([new URL("control.ts", import.meta.url).href]);
  assert.ok(names.some(isOfSchemas), "control loads them");
});

test("what is compiled after an installation is all that processes load, with each one's flags", async () => {
  const hook = [
    'import { registerHooks } from "node:module";',
    'const told = process.execArgv.join(" ");',
    "registerHooks({ load(url, at, next) { console.log(told, url); return next(url, at); } });",
  ];
  const preload = `--import=data:text/javascript,${encodeURIComponent(hook.join("\n"))}`;
  const program = fileURLToPath(new URL("../compile.ts", import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: preload };
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
  const compiled = new Set(stdout.split("\n"));
  const entries = ["../supervise.ts", "../example.ts", "control.ts", "gateway.ts", "agent.ts"]
    .map((name) => new URL(name, import.meta.url).href)
    .concat(storeModuleUrls());
  for (const flags of Object.values(NODE_FLAGS)) {
    for (const url of entries) assert.ok(compiled.has(`${flags.join(" ")} ${url}`), url);
  }
});

test("the store's thread loads ahead what control opens its store with", () => {
  assert.deepEqual(
    storeModuleUrls(),
    MODULES.map(({ url }) => url),
  );
});

test("of the sources' rooms the store's thread loads no API and no HTTP", async () => {
  const names = await modulesOf(storeModuleUrls());
  const rooms = new Set(names.map((name) => /\/packages\/([^/]+)\//.exec(name)?.[1]));
  assert.ok(rooms.has("event-sources"), "the thread's modules were loaded");
  for (const room of ["api-serving", "api-reference", "http"]) assert.ok(!rooms.has(room), room);
  const whole = names.filter((name) =>
    /\/packages\/(?:api-schema|routes)\/src\/index\.ts$/.test(name),
  );
  assert.deepEqual(whole, [], "of these only what it names by a door of its own");
});

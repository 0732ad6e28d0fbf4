/**
 * What users deploy, each with what it has to answer. Folders lie in `fixtures/`; package managers
 * find their sources where this machine's configuration says.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makePng, sizeOfPng } from "./png.ts";
import type { Asked, Site } from "./site.ts";

export interface Project {
  /** Of the folder in `fixtures/` or, with `from`, elsewhere; and of the function. */
  readonly name: string;
  readonly from?: string;
  readonly deployed: string;
  /** What its author does before `skerry deploy`, in a copy of the folder. */
  readonly make?: (folder: string) => Promise<void>;
  /** A program of the machine without which it is left out. */
  readonly needs?: string;
  /** Whose versions are told, of what is in package-lock.json; else `told` knows them. */
  readonly packages?: readonly string[];
  readonly told?: (site: Site) => Promise<Readonly<Record<string, string>>>;
  /** Asked first of all, and again and again once it is warm; its answer has to be 200. */
  readonly asked: Asked & { readonly path: string };
  /** Rejects where an answer is not what the code says. */
  readonly check: (site: Site) => Promise<void>;
}

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));
const TEMPLATES = fileURLToPath(new URL("../../packages/cli/templates/", import.meta.url));
const NPM = join(createRequire(import.meta.url).resolve("npm/package.json"), "../bin/npm-cli.js");
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];
const PNG = makePng({ width: 640, height: 320 });
const SMALL = { width: 32, height: 16 };
const execute = promisify(execFile);

const npm = async (folder: string, ...words: readonly string[]): Promise<void> => {
  await execute(process.execPath, [NPM, ...words, ...QUIET], { cwd: folder });
};
const lock = (folder: string): Promise<void> => npm(folder, "install", "--package-lock-only");

/** What is in a lock file, which the build step keeps to. */
export function lockedVersion(folder: string, name: string): string {
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>;
  };
  return packages[`node_modules/${name}`]?.version ?? "none";
}

export const folderOf = ({ name, from }: Project): string => from ?? join(FIXTURES, name);

async function resizes(site: Site, path: string): Promise<void> {
  const { status, body } = await site.ask(path, { method: "POST", body: PNG });
  assert.equal(status, 200, body.toString());
  assert.deepEqual(sizeOfPng(body), SMALL);
}

async function checkExpress(site: Site): Promise<void> {
  const hello = await site.ask("/hello/Ada");
  assert.deepEqual(JSON.parse(hello.text), { hello: "Ada" });
  assert.deepEqual(hello.headers["set-cookie"], ["seen=yes; Path=/"]);
  const headers = { "content-type": "text/plain" };
  const echo = await site.ask("/echo", { method: "POST", headers, body: "straw" });
  assert.deepEqual([echo.status, echo.text], [201, "STRAW"]);
  assert.match((await site.ask("/style.css")).text, /teal/);
  assert.equal((await site.ask("/fail")).status, 418);
  assert.equal((await site.ask("/nowhere")).status, 404);
}

async function checkKoa(site: Site): Promise<void> {
  const hello = await site.ask("/deep?name=Ada");
  assert.deepEqual(JSON.parse(hello.text), { koa: "Ada" });
  assert.equal(hello.headers["x-path"], "/deep?name=Ada");
  assert.deepEqual(hello.headers["set-cookie"], ["seen=yes; path=/; httponly"]);
  assert.equal((await site.ask("/stream", { method: "POST", body: "straw" })).text, "straw");
  const failed = await site.ask("/fail");
  assert.deepEqual([failed.status, failed.text], [418, "on purpose"]);
}

/** A page, its script, an API route, a static file, an optimised image, and a native package. */
async function checkNext(site: Site): Promise<void> {
  const page = await site.ask("/?name=Ada");
  assert.equal(page.status, 200, page.text.slice(0, 500));
  assert.match(page.text, /<h1>Hello, (?:<!-- -->)?Ada(?:<!-- -->)?!<\/h1>/);
  const script = /src="(\/_next\/static\/[^"]+\.js)/.exec(page.text)?.[1];
  const asset = await site.ask(script ?? "");
  assert.deepEqual([asset.status, script !== undefined], [200, true]);
  assert.match(String(asset.headers["cache-control"]), /immutable/);
  const body = JSON.stringify({ name: "Ada" });
  const headers = { "content-type": "application/json" };
  const said = await site.json("/api/hello", { method: "POST", status: 201, headers, body });
  assert.deepEqual(said, { hello: "Ada" });
  assert.match((await site.ask("/robots.txt")).text, /User-agent/);
  const image = /src="(\/_next\/image[^"]+)"/.exec(page.text)?.[1]?.replaceAll("&amp;", "&");
  const optimised = await site.ask(image ?? "", { headers: { accept: "image/webp" } });
  assert.equal(optimised.status, 200, optimised.text.slice(0, 500));
  assert.equal(optimised.headers["content-type"], "image/webp");
  await resizes(site, "/api/resize");
  assert.equal((await site.ask("/nowhere")).status, 404);
}

async function buildNext(folder: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  cpSync(join(FIXTURES, "next"), folder, { recursive: true, filter: notSettings });
  writeFileSync(join(folder, "public", "mark.png"), PNG);
  await npm(folder, "install");
  await execute(process.execPath, [NPM, "run", "build"], {
    cwd: folder,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", ...env },
  });
}

const notSettings = (path: string): boolean => !path.endsWith("/next/skerry.yaml");

/** As its documentation says: the folder has all but what a server of files may serve instead. */
async function buildStandalone(folder: string): Promise<void> {
  await buildNext(folder, { STANDALONE: "1" });
  const made = join(folder, ".next", "standalone");
  cpSync(join(folder, "public"), join(made, "public"), { recursive: true });
  cpSync(join(folder, ".next", "static"), join(made, ".next", "static"), { recursive: true });
}

const NODE: readonly Project[] = [
  {
    name: "next-standalone",
    deployed: "`next build` with `output: standalone`, the folder that comes of it",
    make: buildStandalone,
    packages: ["next", "react", "sharp"],
    asked: { path: "/?name=Ada" },
    check: checkNext,
  },
  {
    name: "next-start",
    from: join(FIXTURES, "next"),
    deployed: "`next build`; start script and lock file, packages installed by the build step",
    make: buildNext,
    packages: ["next", "react", "sharp"],
    asked: { path: "/?name=Ada" },
    check: checkNext,
  },
  {
    name: "sharp",
    deployed: "a fetch handler, from a lock file",
    make: lock,
    packages: ["sharp"],
    asked: { path: "/", method: "POST", body: PNG },
    check: (site) => resizes(site, "/"),
  },
  {
    name: "argon2",
    deployed: "a fetch handler, from a lock file",
    make: lock,
    packages: ["@node-rs/argon2"],
    asked: { path: "/" },
    check: async (site) => {
      const right = { kind: "$argon2id$", right: true, wrong: false };
      assert.deepEqual(await site.json("/"), right);
    },
  },
  {
    name: "express",
    deployed: "start script, from a lock file",
    make: lock,
    packages: ["express"],
    asked: { path: "/hello/Ada" },
    check: checkExpress,
  },
  {
    name: "koa",
    deployed: "start script, from a lock file",
    make: lock,
    packages: ["koa"],
    asked: { path: "/deep?name=Ada" },
    check: checkKoa,
  },
];

const versionTold =
  (name: string) =>
  async (site: Site): Promise<Readonly<Record<string, string>>> => {
    const { version } = (await site.json("/")) as { readonly version: string };
    return { [name]: version };
  };

const OTHERS: readonly Project[] = [
  {
    name: "numpy",
    deployed: "a handler, from requirements.txt",
    told: versionTold("numpy"),
    asked: { path: "/" },
    check: async (site) => {
      const { solved } = (await site.json("/")) as { readonly solved: readonly number[] };
      assert.deepEqual(
        solved.map((one) => Math.round(one * 1e9) / 1e9),
        [0.8, 1.4],
      );
    },
  },
  {
    name: "pydantic",
    deployed: "a handler, from pyproject.toml",
    told: async (site) => {
      const { versions } = (await site.json("/")) as { readonly versions: readonly string[] };
      return { pydantic: versions[0] ?? "", "pydantic-core": versions[1] ?? "" };
    },
    asked: { path: "/" },
    check: async (site) => {
      const told = async (query: string): Promise<unknown> =>
        ((await site.json(`/?${query}`)) as { readonly told: unknown }).told;
      assert.deepEqual(await told("name=Ada&age=36"), { name: "Ada", age: 36 });
      assert.equal(await told("name=Ada&age=-1"), "greater_than");
    },
  },
  {
    name: "composer",
    deployed: "a handler, from composer.lock; the package's source is Debian's copy of it",
    needs: "/usr/share/php/Symfony/Component/String",
    make: async (folder) => {
      await execute("composer", ["update", "--no-install", "--no-interaction", "--quiet"], {
        cwd: folder,
      });
    },
    told: versionTold("symfony/string"),
    asked: { path: "/" },
    check: async (site) => {
      const { title } = (await site.json("/?text=gr%C3%B6%C3%9Fe%20der%20welt")) as {
        readonly title: string;
      };
      assert.equal(title, "GrößeDerWelt");
    },
  },
  {
    name: "php-server",
    deployed: "PHP's built-in server by `command`",
    needs: "/usr/bin/php",
    told: async () => ({ php: await versionBy("/usr/bin/php", "-r", "echo PHP_VERSION;") }),
    asked: { path: "/any" },
    check: async (site) => {
      const posted = await site.json("/a?b=c", { method: "POST", status: 201, body: "straw" });
      assert.deepEqual(posted, { path: "/a?b=c", body: "STRAW" });
      assert.match((await site.ask("/style.css")).text, /teal/);
    },
  },
  {
    name: "go-server",
    from: join(TEMPLATES, "go"),
    deployed: "`skerry init go`, a static binary by its Procfile",
    needs: "go",
    make: async (folder) => {
      const env = { ...process.env, CGO_ENABLED: "0" };
      await execute("go", ["build", "-o", "server", "."], { cwd: folder, env });
    },
    told: async () => ({ go: (await versionBy("go", "env", "GOVERSION")).replace("go", "") }),
    asked: { path: "/?name=Ada" },
    check: async (site) => {
      assert.deepEqual(await site.json("/?name=Ada"), { message: "Hello, Ada!" });
    },
  },
];

async function versionBy(program: string, ...words: readonly string[]): Promise<string> {
  return (await execute(program, words)).stdout.trim();
}

export const PROJECTS: readonly Project[] = [...NODE, ...OTHERS];

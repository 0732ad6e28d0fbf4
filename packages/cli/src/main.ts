/**
 * The command line's only contact with its process. Started by bin/skerry.mjs, or by Node directly.
 */
import { readFileSync, watch } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { buffer } from "node:stream/consumers";
import type { WriteStream } from "node:tty";
import { systemClock, systemRandom } from "@skerry/base";
import type { OutputStream } from "@skerry/terminal";
import { startEmbeddedPlatform } from "./embedded-platform.ts";
import type { Host } from "./host.ts";
import { createFetch } from "./node-fetch.ts";
import { runCommandLine } from "./run.ts";

const EXIT_INTERRUPTED = 130;
/** Of a terminal that does not say. */
const ROWS_USUAL = 24;

function outputOf(stream: WriteStream): OutputStream {
  // A reader that has seen enough, like `head`, is no failure.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    write: (line) => void stream.write(line),
    drained: () =>
      stream.writableNeedDrain
        ? new Promise((resolve) => void stream.once("drain", () => resolve()))
        : Promise.resolve(),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.isTTY === true && stream.columns > 0 ? stream.columns : Number.MAX_SAFE_INTEGER;
    },
    get rows() {
      return stream.isTTY === true && stream.rows > 0 ? stream.rows : ROWS_USUAL;
    },
  };
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

function readKeys(onKey: (key: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const take = (bytes: Buffer): void => onKey(bytes.toString());
  stdin.setRawMode(true);
  stdin.on("data", take);
  stdin.resume();
  return () => {
    stdin.off("data", take);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

function versionOf(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function watchFolder(folder: string, onChange: (path: string) => void): () => void {
  const watcher = watch(folder, { recursive: true }, (_, path) => onChange(path ?? ""));
  // A folder that goes away is told when it is read again.
  watcher.on("error", () => onChange(""));
  return () => watcher.close();
}

const interrupted = new AbortController();
process.on("SIGINT", () => {
  if (interrupted.signal.aborted) process.exit(EXIT_INTERRUPTED);
  interrupted.abort();
});

const host: Host = {
  env: process.env,
  cwd: process.cwd(),
  defaultHome: process.getuid?.() === 0 ? "/var/lib/skerry" : join(homedir(), ".skerry"),
  version: versionOf(),
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  stdinIsTerminal: process.stdin.isTTY === true,
  readStdin: () => buffer(process.stdin),
  ask,
  keys: readKeys,
  fetch: createFetch(),
  clock: systemClock(),
  random: systemRandom(),
  watch: watchFolder,
  startPlatform: () => startEmbeddedPlatform(process.env),
  signal: interrupted.signal,
};

process.exitCode = await runCommandLine(process.argv.slice(2), host);

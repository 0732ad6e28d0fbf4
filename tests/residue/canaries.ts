/**
 * A function that looks for what other instances left, and leaves something everywhere itself. What
 * it leaves carries the id of its instance, so that whoever finds it knows whose it is.
 */
import type { SourceFiles } from "@skerry/testkit";

/** Where a canary is left and looked for. */
export const PLACES = [
  ...["global", "prototype", "module", "environment"],
  ...["tmp", "socket", "abstract", "port"],
] as const;
export type Place = (typeof PLACES)[number];

/** What one call of the function saw. */
export interface Look {
  /** The instance that looked. */
  readonly instance: string;
  readonly revision: string;
  /** Canaries by place and the instance that left them, the looking one's own included. */
  readonly seen: readonly { readonly place: Place; readonly owner: string }[];
}

/** Loopback ports that canaries listen on, for they have to be found again. */
const PORTS = { first: 46_310, count: 8 } as const;

/**
 * `mark` tells one run's canaries from all others; `version` makes one revision differ from the
 * next. `?end=1` ends the instance after its answer.
 */
export function canarySource(mark: string, version: number): SourceFiles {
  const facts = JSON.stringify({ mark, version, ports: PORTS });
  return { "index.mjs": `const RUN = ${facts};\n${HANDLER}` };
}

const HANDLER = `
import fs from "node:fs";
import net from "node:net";

const ME = process.env.SKERRY_INSTANCE_ID;
const PREFIX = "canary_" + RUN.mark + "_";
const NAME = PREFIX + ME;
const kept = [];
let planted = false;

function named(place, names) {
  return names
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => ({ place, owner: name.slice(PREFIX.length).replace(/\\.sock$/, "") }));
}

function listFiles() {
  try {
    return fs.readdirSync("/tmp");
  } catch {
    return [];
  }
}

/** A listener's first words are the name of its canary. */
function ask(target) {
  return new Promise((resolve) => {
    const socket = net.connect(target);
    let text = "";
    socket.setTimeout(500, () => socket.destroy());
    socket.on("data", (chunk) => (text += chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text === "" ? [] : [text]));
  });
}

const portList = Array.from({ length: RUN.ports.count }, (_, index) => RUN.ports.first + index);

async function look() {
  const files = listFiles();
  const sockets = files.filter((name) => name.startsWith(PREFIX) && name.endsWith(".sock"));
  const abstracts = fs
    .readFileSync("/proc/net/unix", "utf8")
    .split("\\n")
    .map((line) => line.split(/\\s+/)[7] ?? "")
    .filter((name) => name.startsWith("@" + PREFIX))
    .map((name) => name.slice(1).replace(/@+$/, ""));
  const answers = (targets) => Promise.all(targets.map(ask)).then((all) => all.flat());
  return [
    ...named("global", Object.getOwnPropertyNames(globalThis)),
    ...named("prototype", Object.getOwnPropertyNames(Array.prototype)),
    ...named("module", kept),
    ...named("environment", Object.keys(process.env)),
    ...named("tmp", files.filter((name) => !name.endsWith(".sock"))),
    ...named("socket", await answers(sockets.map((name) => ({ path: "/tmp/" + name })))),
    ...named("abstract", [...new Set(abstracts)]),
    ...named("port", await answers(portList.map((port) => ({ host: "127.0.0.1", port })))),
  ];
}

function listen(target) {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(NAME);
    });
    server.once("error", () => resolve(false));
    server.listen(target, () => resolve(true));
  });
}

async function plant() {
  planted = true;
  globalThis[NAME] = RUN.version;
  Object.defineProperty(Array.prototype, NAME, { value: RUN.version, configurable: true });
  kept.push(NAME);
  process.env[NAME] = String(RUN.version);
  fs.writeFileSync("/tmp/" + NAME, "left by " + ME);
  await listen({ path: "/tmp/" + NAME + ".sock" });
  await listen({ path: "\\0" + NAME });
  for (const port of portList) if (await listen({ host: "127.0.0.1", port })) break;
}

export async function handler(event) {
  const seen = await look();
  if (!planted) await plant();
  if (event.query?.end === "1") setTimeout(() => process.exit(0), 1);
  return { instance: ME, revision: process.env.SKERRY_REVISION, seen };
}
`;

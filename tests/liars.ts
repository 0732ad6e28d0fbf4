/**
 * Functions that forge what their runtime says. User code shares the runtime's process, so it finds
 * the link to the platform among its own descriptors and can write any bytes to it: while it is
 * built, while an instance of it starts, and in the middle of a request.
 */
import { LOG_LINE_MARK } from "@skerry/contracts";
import type { SourceFiles } from "@skerry/testkit";

/** Finds the link, makes frames, and knows the lies that are the same whoever listens. */
const LINK = `
import { readdirSync, readlinkSync, writeSync } from "node:fs";
import { Socket } from "node:net";

function linkOf(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("socket:");
  } catch {
    return false;
  }
}

const links = readdirSync("/proc/self/fd")
  .map(Number)
  .filter((fd) => fd > 2 && linkOf("/proc/self/fd/" + fd));
const still = new Int32Array(new SharedArrayBuffer(4));

/** Writes to the link until all is written or nobody takes it for a while. */
export function say(bytes: Buffer): void {
  if (links.length === 0) throw new TypeError("no link found");
  for (const fd of links) {
    for (let at = 0, waited = 0; at < bytes.length && waited < 2_000;) {
      try {
        at += writeSync(fd, bytes, at);
        waited = 0;
      } catch (error) {
        // Not the link, such as a socket that listens; or nobody reads it any more.
        if ((error as { code?: string }).code !== "EAGAIN") break;
        waited += 1;
        Atomics.wait(still, 0, 0, 1);
      }
    }
  }
}

export const type = { HELLO: 1, OPEN: 2, REPLY: 3, DATA: 4, CREDIT: 5, PING: 7, PONG: 8, NOTE: 9, PARKED: 11 };

/** A gateway opens streams 1, 3, 5: what became of loading, then one request after the other. */
let stream = 1;
export function nextStream(): void {
  stream += 2;
}

export function frame(kind: number, payload = Buffer.alloc(0), on = stream, flags = 0): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt8(flags, 5);
  header.writeUInt32LE(on, 8);
  return Buffer.concat([header, payload]);
}

export function reply(head: string, flags = 1): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(head));
  return frame(type.REPLY, Buffer.concat([length, Buffer.from(head)]), stream, flags);
}

/** As long as the runtime's own, whatever it says. */
const HELLO = { role: "instance", runtimeBuild: process.version, takesLastWord: 1, tidies: 1, linkVersionMin: 1, linkVersionMax: 1 };
const HELLO_BYTES = 12 + JSON.stringify(HELLO).length;

/**
 * Resolves once a gateway has greeted the parked link, and asked with the same bytes what became of
 * loading: the runtime has said a second HELLO then, which may have been before this code ran.
 */
export async function asked(): Promise<void> {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  const sockets = handles().filter((one) => one instanceof Socket);
  while (!sockets.some(({ bytesWritten }) => bytesWritten > HELLO_BYTES))
    await new Promise((resolve) => setTimeout(resolve, 1));
}

export function many(times: number, one: Buffer): Buffer {
  return Buffer.alloc(times * one.length, one);
}

export const POISON = '{"toString":1,"valueOf":1,"constructor":null}';
export const DEEP = "[".repeat(100_000) + "]".repeat(100_000);
const open = (bytes: number): Buffer =>
  Buffer.concat([reply('{"s":200,"h":[],"ok":true}', 0), frame(type.DATA, Buffer.alloc(bytes))]);

export const LIES: Record<string, () => Buffer> = {
  garbage: () => Buffer.alloc(65_536, "not a frame at all"),
  giant: () => Buffer.alloc(4_096, 0xff),
  unknown: () => frame(99),
  hello: () => frame(type.HELLO, Buffer.from("{}")),
  open: () => frame(type.OPEN, Buffer.alloc(8), 2),
  parked: () => frame(type.PARKED),
  nobody: () => frame(type.DATA, Buffer.alloc(1), 999),
  credit: () => many(3, frame(type.CREDIT, Buffer.alloc(4, 0xff))),
  nothing: () => reply("null"),
  deep: () => reply(DEEP),
  body: () => open(100_000),
  flood: () => Buffer.concat([open(1 << 20), many(11, frame(type.DATA, Buffer.alloc(1 << 20)))]),
  notes: () => many(200_000, frame(type.NOTE, Buffer.from('{"op":"exited","instanceId":{}}'))),
  pongs: () => many(500_000, frame(type.PONG)),
  pings: () => many(500_000, frame(type.PING)),
};

const LOG = '{"t":' + POISON + ',"l":"error","r":{},"m":' + POISON + "}";
const FAR = '{"t":1e300,"l":"error","r":"' + "x".repeat(500) + '","m":"from the future","f":"fn_other"}';
const BUILT = '{"ok":true,"artefactKey":"../../state","handlerKind":"event","reused":true}';

/** Prints what the platform's own lines look like. */
export function print(): void {
  const mark = ${JSON.stringify(LOG_LINE_MARK)};
  for (const text of [mark + LOG, mark + FAR, mark + DEEP, BUILT, "FATAL ERROR: heap out of memory"]) {
    process.stdout.write(text + "\\n");
    process.stderr.write(text + "\\n");
  }
  process.stdout.write(Buffer.concat([reply(BUILT), frame(type.PARKED)]));
}
`;

/** Tells the lie that it is asked for, as its answer or beside it. */
export const LYING_HANDLER: SourceFiles = {
  "link.ts": LINK,
  "index.ts": `
import { DEEP, LIES, nextStream, POISON, print, reply, say } from "./link.ts";

const ANSWERS: Record<string, string> = {
  status: '{"s":"200","h":[],"t":1}',
  poison: '{"s":' + POISON + ',"h":' + POISON + ',"t":' + POISON + "}",
  headers: '{"s":200,"h":["x-evil","a\\\\r\\\\nx-evil: 1"],"t":1}',
  error: '{"s":200,"h":[],"t":1,"e":' + DEEP + "}",
  kind: '{"e":{"kind":' + POISON + ',"name":1,"message":{}}}',
};

nextStream();

export async function handler(event: { query?: { lie?: string } }): Promise<string> {
  const lie = event.query?.lie ?? "";
  // The runtime has to greet the gateway first: what comes before that is refused in any case.
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (lie === "print") print();
  else if (ANSWERS[lie] !== undefined) say(reply(ANSWERS[lie]));
  else say(LIES[lie]!());
  nextStream();
  return "honest";
}
`,
};

/**
 * Tells the lie that its environment names while an instance loads it; honest in builds. At first
 * its link is parked; told to wait, it lies to the gateway that asks what became of loading.
 */
export const LYING_LOAD: SourceFiles = {
  "link.ts": LINK,
  "index.ts": `
import { asked, frame, LIES, many, POISON, reply, say, type } from "./link.ts";

const LOADED = '{"ok":true,"handlerKind":"event","codeUs":1,"initUs":1}';

const ANSWERS: Record<string, () => Buffer> = {
  kind: () => reply('{"ok":true,"handlerKind":"constructor"}'),
  poison: () => reply('{"ok":' + POISON + ',"name":' + POISON + ',"message":' + POISON + "}"),
  times: () => reply('{"ok":true,"handlerKind":"event","codeUs":' + POISON + ',"initUs":1e400}'),
  early: () => Buffer.concat([reply(LOADED), frame(type.PARKED)]),
};

if (process.env["SKERRY_APP"] !== "build") {
  const { LIE: lie = "", WAITS } = process.env;
  if (WAITS === "true") await asked();
  if (lie === "late") {
    // The rest arrives in the middle of requests.
    say(reply(LOADED));
    setInterval(() => say(many(50, reply('{"s":200,"h":[]}'))), 1);
  } else say((ANSWERS[lie] ?? LIES[lie])!());
}

export const handler = (): string => "honest";
`,
};

/** Lies to the build: on the link, in what it prints, or about its code cache. */
export const lyingBuild = (lie: string): SourceFiles => ({
  "link.ts": LINK,
  "index.ts": `
import { Script } from "node:vm";
import { LIES, POISON, print, reply, say } from "./link.ts";

const ANSWERS: Record<string, () => void> = {
  print,
  kind: () => say(reply('{"ok":true,"handlerKind":' + POISON + "}")),
  other: () => say(reply('{"ok":true,"handlerKind":"fetch"}')),
  cache: () => { Script.prototype.createCachedData = () => Buffer.alloc(1 << 20, 7); },
  "large-cache": () => { Script.prototype.createCachedData = () => Buffer.alloc(65 << 20, 7); },
};

if (process.env["SKERRY_APP"] === "build") {
  const lie = ${JSON.stringify(lie)};
  if (ANSWERS[lie] === undefined) say(LIES[lie]!());
  else ANSWERS[lie]();
}

export const handler = (): string => "honest";
`,
});

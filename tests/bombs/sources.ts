/** A function that goes off in the way that is asked for. */
import type { SourceFiles } from "@skerry/testkit";

/** Memory of an offender, and what one of its requests may take. */
export const OFFENDER = { memoryMb: 128, timeoutMs: 1_000 } as const;

/** What ends each of them: running out of memory, or of the time of its request. */
export const BOMBS = {
  memory: "memory",
  heap: "memory",
  spin: "timeout",
  fork: "timeout",
  output: "timeout",
  files: "timeout",
  tmp: "memory or timeout",
} as const;
export type BombKind = keyof typeof BOMBS;

export const BOMB_SOURCE: SourceFiles = {
  "index.mjs": `
import { spawn } from "node:child_process";
import fs from "node:fs";

const BOMBS = {
  none: () => "armed",
  memory: () => { const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, kept.length)); },
  heap: () => { const kept = []; for (;;) kept.push({ at: kept.length, more: [kept.length] }); },
  spin: () => { for (;;); },
  output: () => { for (;;) process.stdout.write("y".repeat(65_536) + "\\n"); },
  files: () => {
    for (;;) {
      try { fs.openSync("/dev/null", "r"); } catch { /* Full: go on trying. */ }
    }
  },
  tmp: () => {
    const block = Buffer.alloc(1 << 20, 1);
    for (;;) {
      try { fs.appendFileSync("/tmp/fill", block); } catch { fs.rmSync("/tmp/fill"); }
    }
  },
  fork: async () => {
    const again = "for (;;) { try { require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);']) } catch {} }";
    for (;;) {
      spawn(process.execPath, ["-e", again]).on("error", () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

export const handler = async (event) => BOMBS[event.query?.bomb ?? "none"]();
`,
};

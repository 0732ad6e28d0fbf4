/**
 * What the suites of this package share: whether walls can be tried here, homes, specifications.
 */
import assert from "node:assert/strict";
import { systemClock } from "@skerry/base";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SandboxLimits, SandboxMount, SandboxSpec } from "../src/index.ts";

export const NODE_MOUNT: SandboxMount = {
  kind: "ro",
  source: dirname(process.execPath),
  target: "/runtime",
};
export const NODE_INSIDE = "/runtime/node";

export const LIMITS: SandboxLimits = {
  memoryBytes: 256 * 1024 * 1024,
  processesMax: 64,
  openFilesMax: 256,
  cpuShares: 100,
  tmpBytes: 1024 * 1024,
};

export const IS_ROOT = process.getuid?.() === 0;
/**
 * Uids of no account, for what must work without root: one for each suite, because suites run side
 * by side and the kernel counts processes by uid.
 */
export const PLAIN_UIDS = { attacks: 64_321, kills: 64_322, others: 64_323 } as const;

/**
 * `false` when bubblewrap can be tried here, else the reason to skip. Where CI is set nothing may
 * be skipped: the reason is thrown.
 */
export function skipWithoutBubblewrap(): string | false {
  const reason = missingReason();
  if (reason === false || process.env["CI"] !== "true") return reason;
  throw new Error(`CI must run the sandbox suites: ${reason}`);
}

function missingReason(): string | false {
  if (process.platform !== "linux") return "bubblewrap needs Linux";
  try {
    execFileSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "/bin/true"], {
      stdio: "ignore",
    });
    return false;
  } catch {
    return "bubblewrap does not work here; install it: apt-get install bubblewrap";
  }
}

/** A directory that other uids can enter, away from the default temporary directory's mode. */
export function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-sandbox-"));
  chmodSync(home, 0o755);
  return home;
}

export function removeHome(home: string): void {
  rmSync(home, { recursive: true, force: true });
}

export function makeDirectory(path: string, mode: number): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

/** Node running `script`, with everything else at rest. */
export function nodeSpec(
  id: string,
  script: string,
  changes: Partial<Omit<SandboxSpec, "limits">> & { limits?: Partial<SandboxLimits> } = {},
): SandboxSpec {
  return {
    id,
    command: [NODE_INSIDE, "-e", script],
    env: {},
    cwd: "/tmp",
    mounts: [NODE_MOUNT],
    ...changes,
    limits: { ...LIMITS, ...changes.limits },
  };
}

const clock = systemClock();
const WAIT_MS_MAX = 60_000;
/** Waits for a condition, with a deadline. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = clock.monotonicMs() + WAIT_MS_MAX;
  while (!holds()) {
    assert.ok(clock.monotonicMs() < deadline, `never: ${what}`);
    await new Promise<void>((resolve) => void clock.schedule(20, resolve));
  }
}

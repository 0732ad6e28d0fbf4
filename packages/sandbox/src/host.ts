/**
 * What this machine and this user can do: looked at once, when the driver opens, by trying. A
 * version number or a capability bit would not tell whether user namespaces are allowed here.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fail } from "./errors.ts";
import type { Obstacle } from "./level.ts";
import { seccompArchOf } from "./seccomp.ts";

/** `--disable-userns` came with 0.8.0. */
const BUBBLEWRAP_VERSION_MIN = [0, 8, 0] as const;
const TRIAL_MS_MAX = 10_000;
const SEARCH_PATH = ["/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin"].join(
  delimiter,
);

/** Makes the home if it is missing and returns its real path. */
export function openHome(home: string): string {
  mkdirSync(home, { recursive: true });
  return realpathSync(home);
}

/** Names everything that belongs to one home: groups, markers. */
export function ownerNameOf(home: string): string {
  return `skerry-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
}

/** Throws SANDBOX_HOME_UNREACHABLE unless every uid can enter `path` from the top. */
export function assertEnterable(path: string): void {
  for (let current = path; ; current = dirname(current)) {
    if ((statSync(current).mode & 0o001) === 0) {
      throw fail("SANDBOX_HOME_UNREACHABLE", { path: current });
    }
    if (current === "/") return;
  }
}

/** Absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  return SEARCH_PATH.split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Null when bubblewrap works for `uid` (null: the current user) with what the driver asks of it.
 */
export async function findObstacle(uid: number | null): Promise<Obstacle | null> {
  if (process.platform !== "linux") {
    return { problem: "bubblewrap needs Linux", advice: "run the platform on Linux" };
  }
  if (seccompArchOf(process.arch) === null) {
    return {
      problem: `there is no system call filter for ${process.arch}`,
      advice: "use a machine with an x86-64 or ARM64 processor",
    };
  }
  const bubblewrap = findProgram("bwrap");
  if (bubblewrap === undefined) {
    return {
      problem: "bubblewrap is not installed",
      advice: "apt-get install bubblewrap (or dnf, apk add)",
    };
  }
  const version = await run([bubblewrap, "--version"], null);
  if (!isNewEnough(version.output)) {
    return {
      problem: `${version.output.trim() || "bubblewrap"} is older than 0.8.0`,
      advice: "install bubblewrap 0.8.0 or newer",
    };
  }
  const trial = await run([bubblewrap, ...TRIAL_ARGUMENTS], uid);
  if (trial.ok) return null;
  return {
    problem: `bubblewrap cannot make its namespaces here (${trial.output.trim().slice(0, 200)})`,
    advice:
      "sysctl -w user.max_user_namespaces=15000 kernel.apparmor_restrict_unprivileged_userns=0",
  };
}

const TRIAL_ARGUMENTS = [
  "--unshare-all",
  "--unshare-user",
  "--disable-userns",
  "--die-with-parent",
  ...["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--size", "4096"],
  ...["--tmpfs", "/tmp", "--remount-ro", "/dev", "--", "/bin/true"],
];

/** True for `bubblewrap 0.8.0` and later. */
export function isNewEnough(versionText: string): boolean {
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(versionText);
  if (match === null) return false;
  const parts = match.slice(1).map(Number);
  for (const [index, minimum] of BUBBLEWRAP_VERSION_MIN.entries()) {
    const part = parts[index] ?? 0;
    if (part !== minimum) return part > minimum;
  }
  return true;
}

function run(
  command: readonly string[],
  uid: number | null,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const [program = "", ...rest] = command;
  const identity = uid === null ? {} : { uid, gid: uid };
  return new Promise((resolve) => {
    const failed = (error: unknown): void => resolve({ ok: false, output: String(error) });
    try {
      execFile(
        program,
        rest,
        { env: {}, cwd: "/", timeout: TRIAL_MS_MAX, ...identity },
        (error, stdout, stderr) => {
          const output = `${stdout}${stderr}`;
          if (error !== null && output === "") failed(error);
          else resolve({ ok: error === null, output });
        },
      );
    } catch (error) {
      // A uid that this machine's user namespace does not map is refused before the start.
      failed(error);
    }
  });
}

/**
 * Programs that come from the operating system, not from npm: `tools/system-packages.json` names
 * them, this finds which are absent, installs them where that is allowed, and says what to type
 * where it is not.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { giveUp, IS_CI, ROOT } from "./setup.mjs";

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * A probe is a program's name, looked up on PATH, or an absolute path where one `*` stands for a
 * version.
 */
function probeHolds(probe, versionMin, pathVariable) {
  if (!probe.startsWith("/"))
    return pathVariable
      .split(delimiter)
      .some((folder) => folder !== "" && isExecutable(join(folder, probe)));
  const [before, after] = probe.split("/*");
  if (after === undefined) return isExecutable(probe);
  if (!existsSync(before)) return false;
  return readdirSync(before).some(
    (version) => !(Number(version) < versionMin) && isExecutable(join(before, version) + after),
  );
}

/**
 * One entry of `tools/system-packages.json`.
 * @typedef {{
 *   name: string; purpose: string; without: string; neededBy: string[]; platforms: string[];
 *   probes: string[]; versionMin?: number; apt: string;
 * }} SystemPackage
 */

/**
 * The entries of `packages` that `purpose` (start, test or bench) needs on `platform` and that are
 * not there.
 * @param {SystemPackage[]} packages
 * @param {{ purpose: string; platform: string; pathVariable: string }} machine
 * @returns {SystemPackage[]}
 */
export function absentPackages(packages, { purpose, platform, pathVariable }) {
  return packages.filter(
    (entry) =>
      entry.neededBy.includes(purpose) &&
      entry.platforms.includes(platform) &&
      !entry.probes.some((probe) => probeHolds(probe, entry.versionMin ?? 0, pathVariable)),
  );
}

/** What this machine lacks for `purpose`. */
function absentFor(purpose) {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "tools/system-packages.json"), "utf8"));
  const { platform, env } = process;
  return absentPackages(packages, { purpose, platform, pathVariable: env.PATH ?? "" });
}

function describe(entry) {
  return `  ${entry.name}: ${entry.purpose}. Without it ${entry.without}.\n`;
}

function installCommand(absent) {
  return `apt-get install --no-install-recommends ${absent.map((entry) => entry.apt).join(" ")}`;
}

/** Says what `purpose` lacks and which command brings it; silent when nothing is absent. */
export function noticeAbsent(purpose) {
  const absent = absentFor(purpose);
  if (absent.length === 0) return absent;
  const lines = absent.map(describe).join("");
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  process.stderr.write(`skerry: not installed on this machine:\n${lines}`);
  process.stderr.write(`  To install (Debian, Ubuntu): ${sudo}${installCommand(absent)}\n`);
  return absent;
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", args, { env, stdio: ["ignore", 2, 2] }).status === 0;
}

/**
 * Installs what `purpose` lacks where this process may (root, with apt-get). What is still absent
 * is a notice on a developer's machine, whose tests then skip, and a failure in CI, where a skipped
 * suite would look like a passed one.
 */
export function provideSystemPackages(purpose) {
  const absent = absentFor(purpose);
  if (absent.length === 0) return;
  if (process.getuid?.() === 0 && probeHolds("apt-get", 0, process.env.PATH ?? "")) {
    process.stderr.write(`skerry: installing ${absent.map((entry) => entry.name).join(", ")} …\n`);
    apt(["update", "-qq"]);
    apt(["install", "-y", "-qq", "--no-install-recommends", ...absent.map((entry) => entry.apt)]);
  }
  if (noticeAbsent(purpose).length > 0 && IS_CI)
    giveUp(
      "CI needs the system packages named above.",
      "Install them, or run as root with apt-get.",
    );
}

/**
 * The package managers that the build step knows: which files ask for them, what they are asked,
 * and the folder that comes of it. A source that brings that folder along needs nothing installed.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RuntimeKind } from "./runtimes.ts";

/** Places as the build's process sees them. */
export interface BuildPlaces {
  /** npm's own folder. */
  readonly npm: string;
  /** Where the manifests lie and the folder is to be made. */
  readonly build: string;
}

export interface Ecosystem {
  readonly name: "npm" | "pip" | "composer";
  /** What it makes, beside the code. */
  readonly folder: string;
  /** Files of the source that decide what is installed; those that are there. */
  readonly manifests: readonly string[];
  /** Kinds of code that it is for. */
  readonly kinds: readonly RuntimeKind[];
  /** The machine's program that it needs, and the command that installs it. */
  readonly needs: { readonly program: string; readonly install: string } | null;
  /** Tells the tool's version; null for npm, whose version the platform knows. */
  readonly versionCommand: readonly string[] | null;
  /** The interpreter that its packages are for, given the code's kind. */
  interpreter(kind: RuntimeKind): RuntimeKind;
  isAskedFor(source: string): Promise<boolean>;
  /** Of what it prints, lines that tell why it failed. */
  readonly complaint: RegExp;
  command(places: BuildPlaces, has: (manifest: string) => boolean): readonly string[];
}

const NPM: Ecosystem = {
  name: "npm",
  folder: "node_modules",
  manifests: ["package.json", "package-lock.json", ".npmrc"],
  kinds: ["node26", "node24", "program"],
  needs: null,
  versionCommand: null,
  complaint: /^npm (?:error|ERR!)/,
  // Of a program of its own nobody knows; npm itself runs in the platform's Node.
  interpreter: (kind) => kind,
  isAskedFor: async (source) => hasMembers(await readJson(source, "package.json"), "dependencies"),
  command: ({ npm, build }, has) => [
    ...["node", join(npm, "bin", "npm-cli.js"), has("package-lock.json") ? "ci" : "install"],
    ...["--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=http"],
    ...["--prefix", build, "--cache", join(build, ".cache"), "--logs-max=0"],
  ],
};

const PIP: Ecosystem = {
  name: "pip",
  folder: "python_packages",
  manifests: ["requirements.txt", "pyproject.toml"],
  kinds: ["python3", "program"],
  needs: { program: "/usr/bin/python3", install: "apt-get install python3-pip" },
  versionCommand: ["/usr/bin/python3", "-m", "pip", "--version"],
  complaint: /^\s*(?:error|ERROR|×|╰─>|note)\b|^\s*[×╰]/,
  interpreter: () => "python3",
  isAskedFor: async (source) =>
    /^\s*[^\s#-]/m.test(await readText(source, "requirements.txt")) ||
    /^\s*dependencies\s*=\s*\[[^\]]*\S/m.test(await readText(source, "pyproject.toml")),
  command: ({ build }, has) => {
    const target = join(build, "python_packages");
    const pip = "/usr/bin/python3 -m pip install --no-compile --no-input --progress-bar off";
    const options = `--disable-pip-version-check --no-cache-dir --retries 2 --target '${target}'`;
    const from = has("requirements.txt")
      ? "-r requirements.txt"
      : `$(/usr/bin/python3 -c '${READ_PYPROJECT}')`;
    return ["/bin/sh", "-c", `${pip} ${options} ${from} && { ${COMPILE} '${target}'; :; }`];
  },
};
/**
 * Compiled for good: what pip compiles holds the time of its source, which a copy does not keep,
 * and an instance could only compile again and throw it away. Files that do not compile are the
 * package's affair.
 */
const COMPILE = "/usr/bin/python3 -I -m compileall -qq --invalidation-mode unchecked-hash";
/** Prints the dependencies as words of a shell; a requirement has no spaces once they are cut. */
const READ_PYPROJECT =
  'import tomllib; print(*[d.replace(" ", "") for d in tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]])';

const COMPOSER: Ecosystem = {
  name: "composer",
  folder: "vendor",
  manifests: ["composer.json", "composer.lock"],
  kinds: ["php8", "program"],
  needs: { program: "/usr/bin/composer", install: "apt-get install composer" },
  versionCommand: ["/usr/bin/composer", "--version", "--no-ansi"],
  // It says nothing else when it fails.
  complaint: /./,
  interpreter: () => "php8",
  isAskedFor: async (source) => hasMembers(await readJson(source, "composer.json"), "require"),
  command: ({ build }) => [
    ...["/usr/bin/composer", "install", "--no-dev", "--no-interaction", "--no-progress"],
    ...["--no-scripts", "--no-plugins", "--prefer-dist", "--no-ansi", "--working-dir", build],
  ],
};

const ECOSYSTEMS: readonly Ecosystem[] = [NPM, PIP, COMPOSER];

/** What the source asks for and does not bring along. */
export async function askedEcosystems(
  source: string,
  kind: RuntimeKind,
): Promise<readonly Ecosystem[]> {
  const asked: Ecosystem[] = [];
  for (const one of ECOSYSTEMS) {
    if (!one.kinds.includes(kind) || existsSync(join(source, one.folder))) continue;
    if (await one.isAskedFor(source)) asked.push(one);
  }
  return asked;
}

async function readText(source: string, name: string): Promise<string> {
  return await readFile(join(source, name), "utf8").catch(() => "");
}

/** What cannot be read is the package manager's to complain about, if it is asked at all. */
async function readJson(source: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readText(source, name));
  } catch {
    return undefined;
  }
}

function hasMembers(value: unknown, key: string): boolean {
  const members = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  return typeof members === "object" && members !== null && Object.keys(members).length > 0;
}

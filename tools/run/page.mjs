/**
 * The start page's bundle. Development has no build step, a browser needs one: it is made here,
 * when the page's sources or the installed packages changed, into the cache beside those packages,
 * and takes a second or two. Each build has a directory named by the digest of what it was made
 * from; a note says which one is current, or why there is none. A page that cannot be built stops
 * nothing: the platform says so on the page's address and in its log.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { IS_CI, giveUp, ROOT } from "./setup.mjs";

const CACHE = join(ROOT, "node_modules", ".cache", "console");
const NOTE = join(CACHE, "current.json");
const PAGE = join(ROOT, "packages", "console");
/** What the bundle is made of; the lock file stands for what npm installed. */
const SOURCES = [
  ...["build.mjs", "index.html", "public", "src"].map((name) => join(PAGE, name)),
  ...["base", "contracts", "api-schema", "sdk"].map((name) => join(ROOT, "packages", name, "src")),
  join(ROOT, "package-lock.json"),
];
const BUILD_MS_MAX = 300_000;

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const found = readdirSync(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function digestOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap(filesUnder)) {
    hash.update(`${relative(ROOT, path)}\0`).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 20);
}

function readNote() {
  try {
    return JSON.parse(readFileSync(NOTE, "utf8"));
  } catch {
    return {};
  }
}

/** Whoever reads the note sees the one before or this one, never half of one. */
function writeNote(note) {
  const draft = `${NOTE}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(note));
  renameSync(draft, NOTE);
}

function build(node, digest) {
  process.stderr.write("skerry: building the start page …\n");
  const draft = join(CACHE, `draft-${process.pid}`);
  const { status, error, stdout, stderr } = spawnSync(node, [join(PAGE, "build.mjs"), draft], {
    cwd: PAGE,
    encoding: "utf8",
    timeout: BUILD_MS_MAX,
  });
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    const told = stripVTControlCharacters(`${error?.message ?? ""}\n${stdout}\n${stderr}`);
    return `The page could not be built.\n${told.trim()}`;
  }
  rmSync(join(CACHE, digest), { recursive: true, force: true });
  renameSync(draft, join(CACHE, digest));
  return undefined;
}

function buildWhenNeeded(node) {
  if (!existsSync(join(PAGE, "build.mjs"))) return undefined;
  const digest = digestOf(SOURCES);
  const { directory } = readNote();
  if (directory === digest && existsSync(join(CACHE, digest))) return undefined;
  mkdirSync(CACHE, { recursive: true });
  const failure = build(node, digest);
  writeNote(failure === undefined ? { directory: digest } : { failure });
  const old = readdirSync(CACHE).filter((name) => name === directory && name !== digest);
  for (const name of old) rmSync(join(CACHE, name), { recursive: true, force: true });
  return failure;
}

/** Builds the page when that is needed. In CI a page that cannot be built is a failure. */
export function providePage(node) {
  let failure;
  try {
    failure = buildWhenNeeded(node);
  } catch (error) {
    // A checkout that belongs to someone else: what is there is served as it is.
    failure = String(error);
  }
  if (failure === undefined) return;
  if (IS_CI) giveUp("the start page could not be built.", failure);
  process.stderr.write(`skerry: no start page; everything else works.\n${failure}\n`);
}

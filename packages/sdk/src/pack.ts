/**
 * Packs a folder as the source of a function: the same files give the same digest and the same
 * bytes on every machine. Only regular files count; a link inside the folder counts as what it
 * leads to, one that leads out is refused.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, realpathSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PlatformError } from "@skerry/base";
import { LIMITS, manifestText, SOURCE_DIGEST_PREFIX, type SourceEntry } from "@skerry/contracts";
import yazl from "yazl";
import { fail } from "./errors.ts";
import { isNeverPart, parseIgnore } from "./ignore.ts";

export interface PackedSource {
  /** Names the tree, as the platform computes it again after unpacking. */
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
  /**
   * The zip archive, made as it is read; may be called more than once. `onRead` is told how many
   * bytes of the files were read so far. Errors with SOURCE_UNREADABLE when a file has changed
   * since.
   */
  archive(onRead?: (bytes: number) => void): ReadableStream<Uint8Array>;
}

interface FoundFile {
  readonly path: string;
  readonly absolute: string;
  readonly entry: SourceEntry;
}

interface LookedAt extends Omit<FoundFile, "entry"> {
  readonly bytes: number;
  readonly executable: boolean;
}

/** Reads a folder. Throws SOURCE_UNREADABLE or SOURCE_TOO_LARGE; nothing was sent anywhere then. */
export async function packFolder(folder: string): Promise<PackedSource> {
  try {
    return await pack(folder);
  } catch (error) {
    if (PlatformError.is(error) || !(error instanceof Error)) throw error;
    throw unreadable(folder, error);
  }
}

async function pack(folder: string): Promise<PackedSource> {
  const root = realpathSync(folder);
  const found = await Promise.all((await listFiles(root)).map((path) => look(root, path)));
  const bytes = found.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > LIMITS.sourceBytesMax) {
    throw fail("SOURCE_TOO_LARGE", { path: folder, max: LIMITS.sourceBytesMax, unit: "bytes" });
  }
  const files: FoundFile[] = [];
  for (const file of found) {
    const { path, bytes: size, executable, absolute } = file;
    const entry = { path, executable, bytes: size, sha256: await sha256Of(absolute) };
    files.push({ path, absolute, entry });
  }
  if (files.length === 0) throw fail("SOURCE_UNREADABLE", { path: folder, why: "it has no files" });
  const text = manifestText(files.map(({ entry }) => entry));
  const digest = SOURCE_DIGEST_PREFIX + createHash("sha256").update(text).digest("hex");
  return { digest, files: files.length, bytes, archive: (onRead) => zip(folder, files, onRead) };
}

async function listFiles(root: string): Promise<readonly string[]> {
  const ignoreFile = join(root, ".skerryignore");
  const ignored = parseIgnore(existsSync(ignoreFile) ? readFileSync(ignoreFile, "utf8") : "");
  const found: string[] = [];
  let looked = 0;
  /** `way` are the real paths of the folder and, before it, of those that it lies in. */
  const walk = async (prefix: string, way: readonly string[]): Promise<void> => {
    const folder = way.at(-1) ?? root;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = prefix + entry.name;
      const real = join(folder, entry.name);
      if (ignored(path)) continue;
      const target = entry.isSymbolicLink() ? await linkTarget(root, real, path) : undefined;
      const kind = target?.kind ?? entry;
      if (target !== undefined && isNeverPart(relative(root, target.real))) continue;
      if (kind.isDirectory()) {
        if (ignored(`${path}/`) || (target !== undefined && leadsBack(target.real, way))) continue;
        looked += 1;
        await walk(`${path}/`, [...way, target?.real ?? real]);
      } else if (kind.isFile()) found.push(usable(root, path));
      // Folders that link to each other are few and come to many: they count, though empty.
      if (found.length + looked > LIMITS.sourceFilesMax) {
        const unit = "files and folders, counting links as what they lead to";
        throw fail("SOURCE_TOO_LARGE", { path: root, max: LIMITS.sourceFilesMax, unit });
      }
    }
  };
  await walk("", [root]);
  return found.toSorted();
}

/**
 * Archives know one separator, and names are Unicode: what is neither would become another name.
 */
function usable(root: string, path: string): string {
  if (!/[\\\ufffd]|^[A-Za-z]:/.test(path) && path.isWellFormed()) return path;
  const why = `the name ${JSON.stringify(path)} is not portable`;
  throw fail("SOURCE_UNREADABLE", { path: root, why });
}

/** A link to a folder that it lies in would be packed for ever; it is left out. */
function leadsBack(real: string, way: readonly string[]): boolean {
  return way.some((folder) => folder === real || folder.startsWith(`${real}${sep}`));
}

interface LinkTarget {
  readonly real: string;
  readonly kind: { isDirectory(): boolean; isFile(): boolean };
}

/**
 * A link counts as what it leads to, a folder too: builds of frameworks link to packages, and
 * archives have no links.
 */
async function linkTarget(root: string, link: string, path: string): Promise<LinkTarget> {
  const real = await realTarget(link);
  if (real === undefined) {
    throw fail("SOURCE_UNREADABLE", { path: root, why: `${path} is a link to nothing` });
  }
  const inside = relative(root, real);
  if (inside === ".." || inside.startsWith(`..${sep}`)) {
    throw fail("SOURCE_UNREADABLE", { path: root, why: `${path} is a link that leads out of it` });
  }
  return { real, kind: await stat(real) };
}

async function realTarget(absolute: string): Promise<string | undefined> {
  try {
    const target = realpathSync(absolute);
    await stat(target);
    return target;
  } catch {
    return undefined;
  }
}

async function look(root: string, path: string): Promise<LookedAt> {
  const absolute = realpathSync(join(root, path));
  const { mode, size } = await stat(absolute);
  return { path, absolute, bytes: size, executable: (mode & 0o100) !== 0 };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

function zip(
  folder: string,
  files: readonly FoundFile[],
  onRead?: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  const archive = new yazl.ZipFile();
  const output = archive.outputStream as Readable;
  let reading: Readable | undefined;
  let readBytes = 0;
  output.once("close", () => reading?.destroy());
  archive.on("error", (error: Error) => output.destroy(unreadable(folder, error)));
  for (const { path, absolute, entry } of files) {
    const mode = entry.executable ? 0o100755 : 0o100644;
    // Without a second, more exact time, which would depend on the time zone.
    const options = { mtime: EPOCH, forceDosTimestamp: true, mode, size: entry.bytes };
    archive.addReadStreamLazy(path, options, (open) => {
      const file = createReadStream(absolute);
      reading = file;
      file.once("error", (error) => output.destroy(unreadable(folder, error)));
      file.on("data", (chunk) => onRead?.((readBytes += chunk.length)));
      open(null, file);
    });
  }
  archive.end();
  return Readable.toWeb(output) as ReadableStream<Uint8Array>;
}

function unreadable(folder: string, error: Error): PlatformError {
  return fail("SOURCE_UNREADABLE", { path: folder, why: error.message }, error);
}

/** Zip's own beginning of time; sources have no times. */
const EPOCH = new Date(1980, 0, 1);

/**
 * A folder of entries that appear and disappear as a whole. An entry is `<shelf>/<name>/` with
 * `tree/`, what users of the store read, and `record.json`, what the store knows about it. It is
 * made in a workspace on the same file system, made durable, and renamed to its name: a name that
 * is there is complete, also after a crash at any point.
 */
import { readdir, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, type Clock, type Log } from "@skerry/base";
import { makeFolder, publishFolder, syncFolder, writeDurably } from "./durable.ts";
import { failCode, isErrno } from "./errors.ts";
import type { Workspaces } from "./workspaces.ts";

const RECORD_FORMAT = 1;

/** What a tree holds, by the one who made it. */
export interface TreeContents {
  /** Source digest of the tree. For a source it is the name as well. */
  readonly contentDigest: string;
  readonly bytes: number;
  readonly files: number;
  /** Of an artefact: the source it was built from, where its maker said so. */
  readonly builtFrom?: string;
}

export interface EntryRecord extends TreeContents {
  readonly name: string;
  readonly storedAtMs: number;
}

export interface ShelfDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly workspaces: Workspaces;
  /** Where an entry is made. Tests make it in place instead, to show what the rename is for. */
  readonly stage?: (workspace: string, entry: string) => string;
}

export interface Shelf {
  /** True only for an entry that is complete. */
  has(name: string): Promise<boolean>;
  treeOf(name: string): string;
  /** Undefined when there is no such entry. */
  read(name: string): Promise<EntryRecord | undefined>;
  list(): Promise<EntryRecord[]>;
  /**
   * Makes an entry in the workspace; `fill` fills the empty tree durably. An entry made meanwhile
   * wins.
   */
  add(name: string, workspace: string, fill: FillTree): Promise<EntryRecord>;
  /** False when there is no such entry. */
  remove(name: string): Promise<boolean>;
}

type FillTree = (tree: string) => Promise<TreeContents>;

export interface ShelfOptions {
  readonly directory: string;
  readonly isName: (name: unknown) => name is string;
}

type IsName = (name: unknown) => boolean;

/** Where an entry's tree lies if it is there. Throws CODE_NAME_INVALID. */
export function treeIn(directory: string, name: string, isName: IsName): string {
  return join(pathIn(directory, name, isName), "tree");
}

function pathIn(directory: string, name: string, isName: IsName): string {
  if (!isName(name)) throw failCode("CODE_NAME_INVALID", { name: String(name).slice(0, 80) });
  return join(directory, name);
}

/**
 * Opens a shelf, making its folder if it is missing. Every method refuses malformed names with
 * CODE_NAME_INVALID.
 */
export async function openShelf(deps: ShelfDeps, options: ShelfOptions): Promise<Shelf> {
  const { directory, isName } = options;
  const stage = deps.stage ?? ((workspace) => join(workspace, "entry"));
  const pathOf = (name: string): string => pathIn(directory, name, isName);
  await ensureFolder(directory);
  const read = (name: string): Promise<EntryRecord | undefined> => readRecord(pathOf(name), name);
  return {
    has: async (name) => exists(pathOf(name)),
    treeOf: (name) => treeIn(directory, name, isName),
    read,
    list: () => listRecords(deps.log, options),
    async add(name, workspace, fill) {
      const path = pathOf(name);
      const entry = stage(workspace, path);
      const tree = join(entry, "tree");
      await makeFolder(entry);
      await makeFolder(tree);
      const contents = await fill(tree);
      const record: EntryRecord = { name, ...contents, storedAtMs: deps.clock.wallMs() };
      await writeRecord(entry, record);
      if (await publishFolder(entry, path)) return record;
      return (await read(name)) ?? record;
    },
    async remove(name) {
      const path = pathOf(name);
      if (!(await exists(path))) return false;
      const workspace = await deps.workspaces.open();
      try {
        await rename(path, join(workspace, "removed"));
        await syncFolder(directory);
        return true;
      } catch (error) {
        if (isErrno(error, "ENOENT")) return false;
        throw error;
      } finally {
        await deps.workspaces.close(workspace);
      }
    },
  };
}

/** Makes a folder of the store, unless it is there. */
async function ensureFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function writeRecord(entry: string, record: EntryRecord): Promise<void> {
  const text = JSON.stringify({ format: RECORD_FORMAT, ...record });
  return writeDurably(join(entry, "record.json"), `${text}\n`);
}

async function readRecord(path: string, name: string): Promise<EntryRecord | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return parseRecord(await readFile(join(path, "record.json"), "utf8"), name);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    if (!(await exists(path))) return undefined;
    throw failCode("CODE_STORE_DAMAGED", { name }, error);
  }
}

function parseRecord(text: string, name: string): EntryRecord {
  const damaged = (cause?: unknown): never => {
    throw failCode("CODE_STORE_DAMAGED", { name }, cause);
  };
  let record: Partial<EntryRecord> & { readonly format?: unknown };
  try {
    record = JSON.parse(text) as typeof record;
  } catch (error) {
    return damaged(error);
  }
  const { contentDigest, bytes, files, storedAtMs } = record ?? {};
  if (record?.format !== RECORD_FORMAT || record.name !== name) return damaged();
  if (typeof contentDigest !== "string" || typeof bytes !== "number") return damaged();
  if (typeof files !== "number" || typeof storedAtMs !== "number") return damaged();
  const known = { name, contentDigest, bytes, files, storedAtMs };
  return typeof record.builtFrom === "string" ? { ...known, builtFrom: record.builtFrom } : known;
}

async function listRecords(log: Log, { directory, isName }: ShelfOptions): Promise<EntryRecord[]> {
  const records: EntryRecord[] = [];
  for (const name of (await readdir(directory)).filter(isName).sort()) {
    try {
      const record = await readRecord(join(directory, name), name);
      if (record !== undefined) records.push(record);
    } catch (error) {
      if (!PlatformError.is(error)) throw error;
      log.error("an entry of the code store is damaged and not listed", { name, error });
    }
  }
  return records;
}

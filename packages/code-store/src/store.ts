/**
 * The code store: source trees by digest and artefacts by key, on one file system, each complete or
 * absent.
 *
 *     <directory>/format.json        what wrote this and in which version
 *     <directory>/sources/src_…/     tree/ and record.json
 *     <directory>/artefacts/art_…/   the same
 *     <directory>/work/              entries in the making
 *
 * Nothing is held in memory but builds in flight, so that several processes may use one store: a
 * name appears by a rename, and the first to get it wins. What it leaves out: who may upload, which
 * entries are still needed, copies on other machines.
 */
import { join } from "node:path";
import { PlatformError, type Clock, type Log, type Random } from "@skerry/base";
import type { SourceEntry } from "@skerry/contracts";
import { isArtefactKey, isSourceDigest, sourceDigest } from "./digest.ts";
import { failCode, isErrno, isNoSpace, storing } from "./errors.ts";
import { extractArchive } from "./extract.ts";
import { DiskRoom } from "./disk-room.ts";
import { claimDirectory } from "./format.ts";
import { CODE_STORE_LIMITS, type CodeStoreLimits } from "./limits.ts";
import {
  openShelf,
  treeIn,
  type EntryRecord,
  type Shelf,
  type ShelfDeps,
  type TreeContents,
} from "./shelf.ts";
import { acceptArchive, archiveFile, type Archive } from "./spool.ts";
import { readTree, sealTree } from "./tree.ts";
import { openWorkspaces, type Workspaces } from "./workspaces.ts";

/** A source that is in the store. */
export interface StoredSource {
  readonly digest: string;
  /** Sum of the sizes of all files. */
  readonly bytes: number;
  readonly files: number;
}

/** Anything that is in the store. */
export interface StoredCode {
  readonly kind: "source" | "artefact";
  /** Source digest or artefact key. */
  readonly name: string;
  readonly bytes: number;
  readonly files: number;
  /** When it was stored, since the Unix epoch. */
  readonly storedAtMs: number;
  /** Of an artefact: digest of the source it was built from. Null when that is not known. */
  readonly builtFrom: string | null;
}

/**
 * Every method may throw CODE_STORE_FULL and CODE_STORE_IO, and CODE_NAME_INVALID for a malformed
 * digest or key. Puts are all or nothing and durable when they resolve; each may be repeated.
 */
export interface CodeStore {
  /** True only when the whole source is there. */
  has(digest: string): Promise<boolean>;
  /**
   * Unpacks an archive and keeps it if its digest is the expected one (else CODE_DIGEST_MISMATCH).
   * Resolves only for who has the source: the archive is read and compared also when the source is
   * there already. An upload is never destroyed; one refused early is not read to its end. Throws
   * ARCHIVE_… reasons and CODE_UPLOAD_BROKEN.
   */
  putArchive(digest: string, archive: Archive): Promise<StoredSource>;
  /** Where the source's tree is if it is there; stays the same for its life. Touches nothing. */
  sourceDirectory(digest: string): string;
  hasArtefact(key: string): Promise<boolean>;
  /**
   * Lets `buildInto` fill an empty folder, then seals and keeps what it left. Calls for the same
   * key in one process join, in failure too; one that is there already is not built. All that
   * writes must have ended when `buildInto` resolves. What it throws is passed on. Throws
   * CODE_ARTEFACT_REFUSED and CODE_ARTEFACT_TOO_LARGE.
   */
  putArtefact(key: string, buildInto: BuildInto, origin?: ArtefactOrigin): Promise<StoredCode>;
  /** Where the artefact's tree is if it is there; stays the same for its life. Touches nothing. */
  artefactDirectory(key: string): string;
  /** Removes a source or artefact; false when there is none. Nothing may be using it. */
  remove(name: string): Promise<boolean>;
  /** Everything that is there, by name. Entries with a damaged record are logged and left out. */
  list(): Promise<StoredCode[]>;
  /**
   * Reads a source or artefact again and compares it with what was stored; false when missing or
   * changed.
   */
  verify(name: string): Promise<boolean>;
}

/** Fills the empty folder it is given. */
export type BuildInto = (directory: string) => Promise<void>;

/** What an artefact was made from; kept for whoever decides how long it stays. */
export interface ArtefactOrigin {
  readonly sourceDigest: string;
}

export interface CodeStoreDeps {
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CodeStoreOptions {
  /** Made if missing. Sandboxes must be able to traverse the way to it. */
  readonly directory: string;
  /** What differs from CODE_STORE_LIMITS. */
  readonly limits?: Partial<CodeStoreLimits>;
}

/** Where the tree of a source lies in a store that others keep. Throws CODE_NAME_INVALID. */
export function sourceTreeIn(directory: string, digest: string): string {
  return treeIn(join(directory, "sources"), digest, isSourceDigest);
}

/** Opens or makes a store and removes what processes that died left unfinished in it. */
export function openCodeStore(deps: CodeStoreDeps, options: CodeStoreOptions): Promise<CodeStore> {
  return openStaged(deps, options, {});
}

/** As `openCodeStore`, with the tests' way to take the rename away. */
export function openStaged(
  deps: CodeStoreDeps,
  options: CodeStoreOptions,
  staging: Pick<ShelfDeps, "stage">,
): Promise<CodeStore> {
  const { directory } = options;
  return storing(async () => {
    await claimDirectory(directory, Buffer.from(deps.random.bytes(12)).toString("hex"));
    const workspaces = await openWorkspaces(deps, join(directory, "work"));
    const shelf = (name: string, isName: (value: unknown) => value is string): Promise<Shelf> =>
      openShelf({ ...deps, ...staging, workspaces }, { directory: join(directory, name), isName });
    const limits = { ...CODE_STORE_LIMITS, ...options.limits };
    return createStore({
      workspaces,
      limits,
      room: new DiskRoom({ directory, freeBytesMin: limits.freeBytesMin }),
      sources: await shelf("sources", isSourceDigest),
      artefacts: await shelf("artefacts", isArtefactKey),
      putting: new Map(),
    });
  });
}

interface Parts {
  readonly workspaces: Workspaces;
  readonly limits: CodeStoreLimits;
  readonly room: DiskRoom;
  readonly sources: Shelf;
  readonly artefacts: Shelf;
  /** Builds in flight by key. */
  readonly putting: Map<string, Promise<EntryRecord>>;
}

function createStore(parts: Parts): CodeStore {
  const { sources, artefacts } = parts;
  const shelfOf = (name: string): Shelf => (isArtefactKey(name) ? artefacts : sources);
  return {
    has: (digest) => storing(() => sources.has(digest)),
    putArchive: (digest, archive) => storing(() => putArchive(parts, digest, archive)),
    sourceDirectory: (digest) => sources.treeOf(digest),
    hasArtefact: (key) => storing(() => artefacts.has(key)),
    putArtefact: (key, buildInto, origin) => putArtefact(parts, key, { buildInto, origin }),
    artefactDirectory: (key) => artefacts.treeOf(key),
    remove: (name) => storing(() => shelfOf(name).remove(name)),
    verify: (name) => storing(() => verify(shelfOf(name), name)),
    list: () =>
      storing(async () => [
        ...(await artefacts.list()).map((record) => storedCode("artefact", record)),
        ...(await sources.list()).map((record) => storedCode("source", record)),
      ]),
  };
}

async function putArchive(parts: Parts, digest: string, archive: Archive): Promise<StoredSource> {
  acceptArchive(archive);
  // Also a look whether this can be a name at all, before anything is read.
  await parts.sources.has(digest);
  await parts.room.look();
  return inWorkspace(parts, async (workspace) => {
    const bytesMax = parts.limits.archiveBytesMax;
    const onBytes = (): Promise<void> => parts.room.look();
    const archivePath = await archiveFile(archive, { workspace, bytesMax, onBytes });
    return storedSource(await unpackSource(parts, digest, { workspace, archivePath }));
  });
}

interface ReceivedArchive {
  readonly workspace: string;
  readonly archivePath: string;
}

/** Each by its own archive, also where the source is there: its digest alone proves nothing. */
function unpackSource(
  { sources, ...parts }: Parts,
  digest: string,
  { workspace, archivePath }: ReceivedArchive,
): Promise<EntryRecord> {
  return sources.add(digest, workspace, async (into) => {
    const { limits, room } = parts;
    let release = (): void => undefined;
    const admit = async (bytes: number): Promise<void> => {
      release = await room.admit(bytes);
    };
    const extracting = extractArchive({ archivePath, into, limits, admit });
    const tree = await extracting.finally(() => release());
    if (tree.digest !== digest) {
      throw failCode("CODE_DIGEST_MISMATCH", { expected: digest, actual: tree.digest });
    }
    return { contentDigest: tree.digest, bytes: tree.bytes, files: tree.files };
  });
}

interface Building {
  readonly buildInto: BuildInto;
  readonly origin: ArtefactOrigin | undefined;
}

async function putArtefact(parts: Parts, key: string, building: Building): Promise<StoredCode> {
  const running = parts.putting.get(key) ?? putting(parts, key, () => build(parts, key, building));
  return storedCode("artefact", await running);
}

async function build(
  parts: Parts,
  key: string,
  { buildInto, origin }: Building,
): Promise<EntryRecord> {
  let buildError: { readonly error: unknown } | undefined;
  const fill = async (tree: string): Promise<TreeContents> => {
    try {
      await buildInto(tree);
    } catch (error) {
      if (!isNoSpace(error)) buildError = { error };
      throw error;
    }
    const contents = contentsOf(await sealTree(tree, parts.limits));
    return origin === undefined ? contents : { ...contents, builtFrom: origin.sourceDigest };
  };
  try {
    return await storing(async () => {
      const there = await parts.artefacts.read(key);
      if (there !== undefined) return there;
      await parts.room.look();
      return inWorkspace(parts, (workspace) => parts.artefacts.add(key, workspace, fill));
    });
  } catch (error) {
    // A build's own failure is the caller's to read, also when it looks like one of the store's.
    throw buildError === undefined ? error : buildError.error;
  }
}

async function verify(shelf: Shelf, name: string): Promise<boolean> {
  const record = await shelf.read(name);
  if (record === undefined) return false;
  try {
    const { contentDigest } = contentsOf(await readTree(shelf.treeOf(name)));
    return contentDigest === record.contentDigest;
  } catch (error) {
    if (isErrno(error, "ENOENT") || PlatformError.is(error)) return false;
    throw error;
  }
}

function contentsOf(entries: readonly SourceEntry[]): TreeContents {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return { contentDigest: sourceDigest(entries), bytes, files: entries.length };
}

function putting(
  parts: Parts,
  name: string,
  put: () => Promise<EntryRecord>,
): Promise<EntryRecord> {
  const running = put().finally(() => parts.putting.delete(name));
  parts.putting.set(name, running);
  return running;
}

async function inWorkspace<T>(parts: Parts, use: (workspace: string) => Promise<T>): Promise<T> {
  const workspace = await parts.workspaces.open();
  try {
    return await use(workspace);
  } finally {
    await parts.workspaces.close(workspace);
  }
}

function storedSource({ name, bytes, files }: EntryRecord): StoredSource {
  return { digest: name, bytes, files };
}

function storedCode(kind: StoredCode["kind"], record: EntryRecord): StoredCode {
  const { name, bytes, files, storedAtMs, builtFrom = null } = record;
  return { kind, name, bytes, files, storedAtMs, builtFrom };
}

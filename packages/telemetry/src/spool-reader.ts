/**
 * The collector's side of spools: reads on from a position that the caller keeps in its own
 * transactions, and removes what lies behind committed positions. Reading twice from the same
 * position gives the same bytes, so a crash between reading and committing loses nothing and counts
 * nothing twice.
 */
import { existsSync } from "node:fs";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  CLOSED_FILE,
  OWNER_FILE,
  processStartTicks,
  segmentIndex,
  segmentName,
  SPOOL_FORMAT,
  type SpoolOwner,
} from "./spool-layout.ts";

/** How far a writer's spool has been taken in. */
export interface SpoolPosition {
  readonly writer: string;
  readonly segment: number;
  readonly offset: number;
}

export interface SpoolBatch {
  readonly from: SpoolPosition;
  readonly bytes: Uint8Array;
  /** The segment will not grow any more. */
  readonly sealed: boolean;
}

/**
 * Read at once from one spool; a round stays short, and so does the transaction that takes it in.
 */
const READ_BYTES_MAX = 256 << 10;

/** Names of the writers under `root`, oldest name first; empty when there is no such directory. */
export async function listSpools(root: string): Promise<readonly string[]> {
  try {
    return (await readdir(root)).toSorted();
  } catch {
    return [];
  }
}

/** Reads on from `position`; undefined when there is nothing new there. */
export async function readSpool(
  root: string,
  position: SpoolPosition,
): Promise<SpoolBatch | undefined> {
  const directory = join(root, position.writer);
  const newest = await newestSegment(directory);
  if (newest === undefined || newest < position.segment) return undefined;
  const bytes = await readFrom(join(directory, segmentName(position.segment)), position.offset);
  const sealed = newest > position.segment;
  if (bytes.length === 0 && !sealed) return undefined;
  return { from: position, bytes, sealed };
}

/**
 * Where to go on after `taken` bytes of a batch: in the same segment, or in the next once this one
 * is used up.
 */
export function nextPosition(batch: SpoolBatch, taken: number): SpoolPosition {
  const { writer, segment, offset } = batch.from;
  const usedUp = batch.sealed && batch.bytes.length < READ_BYTES_MAX;
  return usedUp
    ? { writer, segment: segment + 1, offset: 0 }
    : { writer, segment, offset: offset + taken };
}

/**
 * Removes segments before a committed position, and the whole spool when its writer is gone and all
 * of it was read.
 */
export async function trimSpool(
  root: string,
  position: SpoolPosition,
): Promise<"kept" | "removed"> {
  const directory = join(root, position.writer);
  for (const name of await listSpools(directory)) {
    const index = segmentIndex(name);
    if (index !== undefined && index < position.segment)
      await rm(join(directory, name), { force: true });
  }
  if (await writerAlive(directory)) return "kept";
  const newest = await newestSegment(directory);
  const end = newest === undefined ? 0 : await sizeOf(join(directory, segmentName(newest)));
  const read =
    newest === undefined ||
    position.segment > newest ||
    (position.segment === newest && position.offset >= end);
  if (!read) return "kept";
  await rm(directory, { recursive: true, force: true });
  return "removed";
}

/** True while the process that writes the spool may still append to it. */
export async function writerAlive(directory: string): Promise<boolean> {
  if (existsSync(join(directory, CLOSED_FILE))) return false;
  try {
    const owner = JSON.parse(await readFile(join(directory, OWNER_FILE), "utf8")) as SpoolOwner;
    if (owner.format > SPOOL_FORMAT) return true;
    return processStartTicks(owner.pid) === owner.startTicks && owner.startTicks !== "";
  } catch {
    return false;
  }
}

async function newestSegment(directory: string): Promise<number | undefined> {
  const found = (await listSpools(directory))
    .map(segmentIndex)
    .filter((index) => index !== undefined);
  return found.length === 0 ? undefined : Math.max(...found);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

async function readFrom(path: string, offset: number): Promise<Uint8Array> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return new Uint8Array(0);
  try {
    const left = (await file.stat()).size - offset;
    const target = new Uint8Array(Math.max(0, Math.min(left, READ_BYTES_MAX)));
    const { bytesRead } = await file.read(target, 0, target.length, offset);
    return target.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

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
  /** These bytes reach the segment's end, and the segment will not grow any more. */
  readonly last: boolean;
}

/**
 * Read at once from one spool; a round stays short, and so does the transaction that takes it in.
 * Larger than any record.
 */
export const READ_BYTES_MAX = 256 << 10;

/** Names of the writers under `root`, oldest name first; empty when there is no such directory. */
export async function listSpools(root: string): Promise<readonly string[]> {
  const entries = await orMissing(readdir(root, { withFileTypes: true }), []);
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .toSorted();
}

/**
 * Reads on from `position`; undefined when there is nothing new there. Rejects when the disk does
 * not answer: then nothing was read, and nothing may be taken as read.
 */
export async function readSpool(
  root: string,
  position: SpoolPosition,
): Promise<SpoolBatch | undefined> {
  const directory = join(root, position.writer);
  const writer = await writerState(directory);
  if (writer === "newer") return undefined;
  const newest = await newestSegment(directory);
  if (newest === undefined || newest < position.segment) return undefined;
  const { bytes, atEnd } = await readFrom(
    join(directory, segmentName(position.segment)),
    position.offset,
  );
  // Both were found out before the bytes were read, hence nothing was appended after them.
  const last = atEnd && (newest > position.segment || writer === "gone");
  return bytes.length === 0 && !last ? undefined : { from: position, bytes, last };
}

/**
 * Where to go on after `taken` bytes of a batch: in the same segment, or in the next once this one
 * is used up. A tail that never became a whole record is left behind with its segment; so is a full
 * batch without a single record, which cannot be anything that a writer appended.
 */
export function nextPosition(batch: SpoolBatch, taken: number): SpoolPosition {
  const { writer, segment, offset } = batch.from;
  if (batch.last) return { writer, segment: segment + 1, offset: 0 };
  const isNoise = taken === 0 && batch.bytes.length === READ_BYTES_MAX;
  return { writer, segment, offset: offset + (isNoise ? READ_BYTES_MAX : taken) };
}

/**
 * Removes segments before a committed position, and the whole spool when its writer is gone and all
 * of it was read. `beforeRemoval` is waited for in between; when it rejects, the spool stays. It
 * may run again for a spool whose removal was cut short.
 */
export async function trimSpool(
  root: string,
  position: SpoolPosition,
  beforeRemoval: () => Promise<void> = () => Promise.resolve(),
): Promise<"kept" | "removed"> {
  const directory = join(root, position.writer);
  for (const index of await segmentsOf(directory)) {
    if (index < position.segment) await rm(join(directory, segmentName(index)), { force: true });
  }
  if ((await writerState(directory)) !== "gone") return "kept";
  const newest = await newestSegment(directory);
  const end = newest === undefined ? 0 : await sizeOf(join(directory, segmentName(newest)));
  const isRead =
    newest === undefined ||
    position.segment > newest ||
    (position.segment === newest && position.offset >= end);
  if (!isRead) return "kept";
  await beforeRemoval();
  await rm(directory, { recursive: true, force: true });
  return "removed";
}

/**
 * Whether the process that writes the spool may still append to it; `newer` is a format that this
 * release does not know and leaves alone.
 */
async function writerState(directory: string): Promise<"alive" | "gone" | "newer"> {
  const owner = parseOwner(await orMissing(readFile(join(directory, OWNER_FILE), "utf8"), ""));
  if (owner !== undefined && owner.format > SPOOL_FORMAT) return "newer";
  if (owner === undefined || existsSync(join(directory, CLOSED_FILE))) return "gone";
  const ticks = processStartTicks(owner.pid);
  return ticks !== "" && ticks === owner.startTicks ? "alive" : "gone";
}

/** Undefined when the file was damaged. */
function parseOwner(text: string): SpoolOwner | undefined {
  try {
    const owner = JSON.parse(text) as SpoolOwner | null;
    return typeof owner?.format === "number" ? owner : undefined;
  } catch {
    return undefined;
  }
}

async function segmentsOf(directory: string): Promise<readonly number[]> {
  const names = await orMissing(readdir(directory), []);
  return names.map(segmentIndex).filter((index) => index !== undefined);
}

async function newestSegment(directory: string): Promise<number | undefined> {
  const found = await segmentsOf(directory);
  return found.length === 0 ? undefined : Math.max(...found);
}

async function sizeOf(path: string): Promise<number> {
  return (await orMissing(stat(path), undefined))?.size ?? 0;
}

/** A segment that is gone has ended with nothing in it. */
async function readFrom(
  path: string,
  offset: number,
): Promise<{ readonly bytes: Uint8Array; readonly atEnd: boolean }> {
  const file = await orMissing(open(path, "r"), undefined);
  if (file === undefined) return { bytes: new Uint8Array(0), atEnd: true };
  try {
    const left = (await file.stat()).size - offset;
    const target = new Uint8Array(Math.max(0, Math.min(left, READ_BYTES_MAX)));
    const { bytesRead } = await file.read(target, 0, target.length, offset);
    return { bytes: target.subarray(0, bytesRead), atEnd: bytesRead >= left };
  } finally {
    await file.close();
  }
}

/** What is not there is `missing`; any other trouble is told, never taken for an empty spool. */
async function orMissing<T, M>(reading: Promise<T>, missing: M): Promise<T | M> {
  try {
    return await reading;
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return missing;
    throw error;
  }
}

import { createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { failCode, storing } from "./errors.ts";

/** A zip file by its path, or its bytes as they arrive. */
export type Archive = string | Readable;

/**
 * Takes an upload into care: from here on its failure is found where it is read, and never brings
 * the process down as an unheard "error" event in between. Called before anything is awaited.
 */
export function acceptArchive(archive: Archive): void {
  if (typeof archive !== "string") archive.on("error", () => undefined);
}

/** What an upload is held to while it comes. */
export interface Checks {
  readonly bytesMax: number;
  /** Called now and then, after more bytes were written; throws to stop. */
  readonly onBytes?: () => Promise<void>;
}

/** Uploads at once may pass the room that must be left by this much each. */
const LOOK_EVERY_BYTES = 1 << 20;

/**
 * The path of the archive as a file. An upload is written to `archive.zip` in the workspace: zip is
 * read from its end. The file is not synced, since it is thrown away. Reading stops at `bytesMax`
 * with ARCHIVE_TOO_LARGE; an upload that is not read to its end is left open, so that its sender
 * can still be told why.
 */
export async function archiveFile(
  archive: Archive,
  { workspace, ...checks }: Checks & { readonly workspace: string },
): Promise<string> {
  if (typeof archive === "string") return archive;
  const path = join(workspace, "archive.zip");
  const target = createWriteStream(path, { flags: "wx", mode: 0o600 });
  await storing(() => pipeline(received(archive, checks), target));
  return path;
}

async function* received(
  upload: Readable,
  { bytesMax, onBytes }: Checks,
): AsyncGenerator<Uint8Array> {
  const chunks = upload.iterator({ destroyOnReturn: false });
  let [bytes, lookedAt] = [0, 0];
  try {
    for (;;) {
      const next = await nextChunk(chunks);
      if (next.done === true) return;
      bytes += next.value.byteLength;
      if (bytes > bytesMax) throw failCode("ARCHIVE_TOO_LARGE", { bytesMax });
      yield next.value;
      if (bytes - lookedAt < LOOK_EVERY_BYTES) continue;
      lookedAt = bytes;
      await onBytes?.();
    }
  } finally {
    await chunks.return?.();
  }
}

/** An upload's own failure is the network's, never the disk's. */
async function nextChunk(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throw failCode("CODE_UPLOAD_BROKEN", {}, error);
  }
}

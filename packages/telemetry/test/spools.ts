/** Spools in temporary directories, read back the way the collector reads them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { nextPosition, readSpool, type SpoolPosition } from "../src/spool-reader.ts";

export function temporaryRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "skerry-spool-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

export function startOf(writer: string): SpoolPosition {
  return { writer, segment: 0, offset: 0 };
}

/** How many bytes of a batch are whole records. */
export type CountWhole = (bytes: Uint8Array) => number;

export function wholeLines(bytes: Uint8Array): number {
  return bytes.lastIndexOf(10) + 1;
}

export interface Drained {
  readonly text: string;
  readonly position: SpoolPosition;
  readonly batches: number;
}

/** Reads on until nothing new is there. */
export async function drain(
  root: string,
  from: SpoolPosition,
  whole: CountWhole = wholeLines,
): Promise<Drained> {
  const parts: Uint8Array[] = [];
  let position = from;
  for (let batches = 0; ; batches += 1) {
    const batch = await readSpool(root, position);
    if (batch === undefined) return { text: textOf(parts), position, batches };
    const taken = whole(batch.bytes);
    const next = nextPosition(batch, taken);
    if (next.segment === position.segment && next.offset === position.offset)
      return { text: textOf(parts), position, batches };
    parts.push(batch.bytes.subarray(0, taken));
    position = next;
  }
}

function textOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString("utf8");
}

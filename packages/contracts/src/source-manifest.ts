/**
 * The identity of a source tree. A tree is its regular files and nothing else: no empty
 * directories, times, owners or modes beyond the executable bit. The digest of a tree is
 * SOURCE_DIGEST_PREFIX followed by the lowercase hex SHA-256 of `manifestText` in UTF-8. Who packs
 * and who unpacks compute it independently, so the text below is a wire format: a change of any
 * byte of it needs a new version line.
 */
import { assert } from "@skerry/base";

/** One regular file of a source tree. */
export interface SourceEntry {
  /**
   * Relative to the root of the tree, segments joined with `/`, in the exact code points of the
   * file system.
   */
  readonly path: string;
  /** Whether the owner may execute it. */
  readonly executable: boolean;
  readonly bytes: number;
  /** Lowercase hex SHA-256 of the content. */
  readonly sha256: string;
}

/** What every source digest begins with; 64 lowercase hex digits follow. */
export const SOURCE_DIGEST_PREFIX = "src_";

const HEADER = "skerry-source-manifest 1";
const SHA256_HEX = /^[0-9a-f]{64}$/;

/**
 * The canonical text of a tree: a version line, then one line `<sha256> <bytes> <x or -> <path>`
 * for each file, by path in code point order (which is the order of the UTF-8 bytes); every line
 * ends with a line feed. In a path, a backslash is written `\\` and a line feed `\n`. Entries may
 * come in any order. Two different trees never share a text. Malformed entries and repeated paths
 * are programmer errors.
 */
export function manifestText(entries: Iterable<SourceEntry>): string {
  const sorted = [...entries].sort((a, b) => compareCodePoints(a.path, b.path));
  let text = `${HEADER}\n`;
  let previous: string | undefined;
  for (const entry of sorted) {
    assert(entry.path !== previous, `path listed twice: ${entry.path}`);
    previous = entry.path;
    text += lineOf(entry);
  }
  return text;
}

function lineOf(entry: SourceEntry): string {
  assert(
    entry.path.length > 0 && entry.path.isWellFormed(),
    "path is empty or has lone surrogates",
  );
  assert(SHA256_HEX.test(entry.sha256), `not a SHA-256 in hex: ${entry.sha256}`);
  assert(Number.isSafeInteger(entry.bytes) && entry.bytes >= 0, `not a size: ${entry.bytes}`);
  const path = entry.path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `${entry.sha256} ${entry.bytes} ${entry.executable ? "x" : "-"} ${path}\n`;
}

/**
 * JavaScript compares UTF-16 units, which puts U+E000–U+FFFF behind the supplementary planes; this
 * does not.
 */
function compareCodePoints(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i += 1) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/**
 * Moves surrogates behind all other units. Equal high surrogates never get here, so units decide
 * alone.
 */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

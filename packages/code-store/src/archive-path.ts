/**
 * What a path in an archive may look like, and which paths may stand beside each other.
 *
 * A package must unpack to the same tree on every system its authors use, so a name that only Linux
 * would take is refused here rather than on the next developer's machine: names that differ in case
 * or Unicode spelling, reserved device names, parts that end in a dot or a space. Nothing is
 * repaired silently. Both parts are pure.
 */
import type { ErrorDetails } from "@skerry/base";
import type { Refuse } from "./errors.ts";
import type { ArchiveLimits } from "./limits.ts";

/** Control, formatting (bidirectional overrides, zero width), line and paragraph separators. */
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const DRIVE = /^[A-Za-z]:/;
/** Windows device names, with or without an extension (learn.microsoft.com, "Naming files"). */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?$/i;

/**
 * The path behind the raw bytes of an entry's name, which must be UTF-8 whether the archive says so
 * or not.
 */
export function decodePath(raw: Uint8Array, refuse: Refuse): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    refuse("ARCHIVE_PATH_ENCODING", { path: Buffer.from(raw.subarray(0, 64)).toString("hex") });
    return Buffer.from(raw).toString("latin1");
  }
}

/** Judges one path without its trailing slash. */
export function checkPath(path: string, limits: ArchiveLimits, refuse: Refuse): void {
  const bytes = Buffer.byteLength(path);
  const quoted = path.slice(0, 200);
  if (bytes > limits.pathBytesMax) {
    refuse("ARCHIVE_PATH_TOO_LONG", { path: quoted, bytes, bytesMax: limits.pathBytesMax });
  }
  if (CONTROL.test(path)) refuse("ARCHIVE_PATH_CONTROL", { path: JSON.stringify(quoted) });
  if (path.includes("\\")) refuse("ARCHIVE_PATH_BACKSLASH", { path: quoted });
  if (path.startsWith("/")) refuse("ARCHIVE_PATH_ABSOLUTE", { path: quoted });
  if (DRIVE.test(path)) refuse("ARCHIVE_PATH_DRIVE", { path: quoted });
  const segments = path.split("/");
  if (segments.length > limits.depthMax) {
    const depth = { depth: segments.length, depthMax: limits.depthMax };
    refuse("ARCHIVE_PATH_TOO_DEEP", { path: quoted, ...depth });
  }
  for (const segment of segments) checkSegment(segment, quoted, { limits, refuse });
}

interface PathRules {
  readonly limits: ArchiveLimits;
  readonly refuse: Refuse;
}

function checkSegment(segment: string, path: string, rules: PathRules): void {
  const { refuse, limits } = rules;
  const bytes = Buffer.byteLength(segment);
  if (bytes > limits.segmentBytesMax) {
    refuse("ARCHIVE_PATH_TOO_LONG", { path, bytes, bytesMax: limits.segmentBytesMax });
  }
  if (segment === "..") return refuse("ARCHIVE_PATH_TRAVERSAL", { path });
  if (segment === "" || segment.endsWith(".") || segment.endsWith(" ")) {
    return refuse("ARCHIVE_PATH_SEGMENT", { path });
  }
  if (RESERVED.test(segment.trimEnd())) refuse("ARCHIVE_PATH_RESERVED", { path });
}

type NodeKind = "file" | "folder";

/** Collects the paths of one archive and refuses those that cannot stand beside an earlier one. */
export interface PathTree {
  add(path: string, kind: NodeKind): void;
}

interface Seen {
  readonly path: string;
  readonly kind: NodeKind;
  /** Whether an entry of its own named it, other than being on the way to one. */
  named: boolean;
}

export function createPathTree(refuse: Refuse): PathTree {
  const seen = new Map<string, Seen>();
  const place = (path: string, kind: NodeKind, named: boolean): void => {
    const key = fold(path);
    const there = seen.get(key);
    if (there === undefined) {
      seen.set(key, { path, kind, named });
      return;
    }
    if (there.path !== path) return refuse(...collisionOf(path, there.path));
    if (there.kind !== kind) return refuse("ARCHIVE_PATH_KIND_CONFLICT", { path });
    if (named && there.named) return refuse("ARCHIVE_PATH_DUPLICATE", { path });
    there.named ||= named;
  };
  return {
    add(path, kind) {
      for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
        place(path.slice(0, at), "folder", false);
      }
      place(path, kind, true);
    },
  };
}

function collisionOf(path: string, other: string): Parameters<Refuse> {
  const details: ErrorDetails = { path, other };
  return path.normalize("NFC") === other.normalize("NFC")
    ? ["ARCHIVE_PATH_UNICODE_COLLISION", details]
    : ["ARCHIVE_PATH_CASE_COLLISION", details];
}

/** One key for all spellings that some file system takes for the same name. */
function fold(path: string): string {
  return path.normalize("NFD").toUpperCase().toLowerCase().normalize("NFC");
}

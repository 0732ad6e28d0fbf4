/**
 * Makes `error.stack` name the user's own lines. V8 asks for the text of a stack when somebody
 * first reads it, so a source map costs nothing until then. (Node's own source map support does not
 * know scripts compiled by `vm`.) Frames of this runtime are left out. A map that is missing or
 * broken leaves the frames as they are.
 */
import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface UserBundle {
  /** Absolute path, as it stands in stack frames. */
  readonly path: string;
  /** File of this runtime, whose frames are hidden. */
  readonly runtimePath: string;
}

/** V8's call sites print themselves the way they stand in a stack. */
interface Frame extends NodeJS.CallSite {
  toString(): string;
}
type PrepareStackTrace = (error: Error, frames: readonly Frame[]) => unknown;

const MAP_COMMENT = /\/\/[#@] ?sourceMappingURL=(\S+)\s*$/;
const MAP_COMMENT_ROOM = 4096;
const INLINE_MAP = /^data:application\/json[^,]*;base64,/;

/**
 * Installs the mapping for errors of this process. Code that sets `Error.prepareStackTrace` itself
 * replaces it.
 */
export function mapStackTraces(bundle: UserBundle): void {
  const mapping = mappingOf(bundle.path);
  const prepare: PrepareStackTrace = (error, frames) => {
    const lines = [headOf(error)];
    for (const frame of frames) {
      const file = frame.getFileName() ?? "";
      if (!isHidden(file, bundle)) lines.push(`    at ${describe(frame, file, mapping)}`);
    }
    return lines.join("\n");
  };
  Object.defineProperty(Error, "prepareStackTrace", {
    value: prepare,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

interface Mapping {
  readonly path: string;
  /** The source map, read when first asked for. */
  find(): SourceMap | undefined;
}

function mappingOf(path: string): Mapping {
  let read: { readonly map: SourceMap | undefined } | undefined;
  return {
    path,
    find() {
      read ??= { map: readSourceMap(path) };
      return read.map;
    },
  };
}

function describe(frame: Frame, file: string, mapping: Mapping): string {
  const text = frame.toString();
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  if (line === null || column === null) return text;
  if (file !== mapping.path && file !== `file://${mapping.path}`) return text;
  const entry = mapping.find()?.findEntry(line - 1, column - 1);
  if (entry === undefined || !("originalSource" in entry)) return text;
  const { originalSource, originalLine, originalColumn } = entry;
  if (typeof originalSource !== "string") return text;
  const place = `${userPath(originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
  return text.replace(`${file}:${line}:${column}`, () => place);
}

/** A source's path in the user's folder: the map names it relative to the bundle or as a URL. */
function userPath(source: string): string {
  const path = source.startsWith("file://") ? fileURLToPath(source) : source;
  return path.replace(/^(?:\.{1,2}\/)+/, "");
}

/** The runtime's frames, and those of the async context that it calls handlers in. */
function isHidden(file: string, bundle: UserBundle): boolean {
  return file === bundle.runtimePath || file.startsWith("node:internal/async_local_storage/");
}

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}

function readSourceMap(bundlePath: string): SourceMap | undefined {
  try {
    const tail = readFileSync(bundlePath, "utf8").slice(-MAP_COMMENT_ROOM);
    const named = MAP_COMMENT.exec(tail)?.[1];
    return new SourceMap(JSON.parse(readMapText(bundlePath, named)) as SourceMapPayload);
  } catch {
    return undefined;
  }
}

function readMapText(bundlePath: string, named: string | undefined): string {
  if (named === undefined)
    return inlineMap(bundlePath) ?? readFileSync(`${bundlePath}.map`, "utf8");
  if (INLINE_MAP.test(named)) return decodeInline(named);
  return readFileSync(join(dirname(bundlePath), basename(named)), "utf8");
}

/** An inline map is longer than the tail in which a file name is looked for. */
function inlineMap(bundlePath: string): string | undefined {
  const source = readFileSync(bundlePath, "utf8");
  const at = source.lastIndexOf("//# sourceMappingURL=data:");
  return at < 0
    ? undefined
    : decodeInline(source.slice(at + "//# sourceMappingURL=".length).trim());
}

function decodeInline(url: string): string {
  return Buffer.from(url.replace(INLINE_MAP, ""), "base64").toString("utf8");
}

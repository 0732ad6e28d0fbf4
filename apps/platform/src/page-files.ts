/**
 * The start page's files. `npm start` builds them into the cache beside the installed packages and
 * leaves a note there that says where they are, or why there are none.
 */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Log } from "@skerry/base";
import type { PageFiles } from "@skerry/control-plane";

const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/console/", import.meta.url));
const NOTE = "current.json";
const NOT_BUILT = "The page was not built here yet.";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** What `tools/run/page.mjs` writes. */
interface Note {
  readonly directory?: string;
  readonly failure?: string;
}

/**
 * Reads the whole page into memory. Total: a page that cannot be read is absent, and the log says
 * why.
 */
export function readPageFiles(log: Log, cache: string = CACHE): PageFiles {
  const note = readNote(join(cache, NOTE));
  try {
    if (note.directory === undefined) throw new TypeError(note.failure ?? NOT_BUILT);
    const root = join(cache, note.directory);
    const names = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const files = names.map((path) => {
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      return [path.slice(root.length), { type, bytes: readFileSync(path) }] as const;
    });
    return { kind: "built", files: new Map(files) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.warn("there is no start page; everything else works", { why });
    return { kind: "absent", why };
  }
}

function readNote(path: string): Note {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Note;
  } catch {
    return { failure: NOT_BUILT };
  }
}

/**
 * Static files of a function's package. The files of a revision never change, so its digest and the
 * path make a strong validator without a look at the content.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { PlatformError } from "@skerry/base";
import { parsePathPattern, type RouteTarget } from "@skerry/contracts";
import { parseRequestTarget, type AnswerSink } from "@skerry/http";
import { rewritePath } from "@skerry/routes";
import { failStage } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { Functions, RoutedCall } from "../ports.ts";
import { byteRangeOf, type ByteRange } from "./byte-range.ts";
import { contentTypeOf } from "./content-types.ts";
import { findFunction } from "./function-target.ts";
import { openPackageFile, type PackageFile } from "./package-file.ts";
import type { OpenTarget } from "./target.ts";

type FilesTarget = Extract<RouteTarget, { readonly files: string }>;

export interface FilesDeps {
  readonly functions: Functions;
  /** Where the tree of a source lies. */
  readonly sourceDirectory: (digest: string) => string;
}

/** Up to here a file is read at once. */
const WHOLE_BYTES_MAX = 64 << 10;
const EMPTY = new Uint8Array(0);

export function openFiles(deps: FilesDeps, exchange: Exchange, target: FilesTarget): OpenTarget {
  const { files: name, qualifier } = target;
  const fn = findFunction(deps.functions, exchange, { name, qualifier });
  const place = {
    directory: deps.sourceDirectory(fn.sourceDigest),
    digest: fn.sourceDigest,
    ...{ target, exchange },
  };
  return {
    ...{ version: fn.sourceDigest, fn },
    perform(headers, to) {
      const call = new FilesCall(place, headers, to);
      call.run().catch((error: unknown) => to.fail(PlatformError.from(error)));
      return call;
    },
  };
}

/** Below the package's folder. */
interface Wanted {
  readonly segments: readonly string[];
  /** The route is for one file, wherever its path ends. */
  readonly isOne: boolean;
}

interface Place {
  readonly directory: string;
  readonly digest: string;
  readonly target: FilesTarget;
  readonly exchange: Exchange;
}

class FilesCall implements RoutedCall {
  readonly #place: Place;
  readonly #headers: readonly string[];
  readonly #to: AnswerSink;
  #isAbandoned = false;

  constructor(place: Place, headers: readonly string[], to: AnswerSink) {
    this.#place = place;
    this.#headers = headers;
    this.#to = to;
  }

  abandon(): void {
    this.#isAbandoned = true;
  }

  async run(): Promise<void> {
    const { exchange } = this.#place;
    if (exchange.method !== "GET" && exchange.method !== "HEAD") {
      const error = failStage("ROUTE_FILES_METHOD");
      return this.#to.fail(error);
    }
    const wanted = this.#wanted();
    const found = wanted === undefined ? undefined : await this.#find(wanted);
    if (found === "folder") return this.#sendToFolder();
    if (found === undefined) return this.#to.fail(failStage("ROUTE_FILE_NOT_FOUND"));
    try {
      await this.#send(found);
    } finally {
      await found.handle.close();
    }
  }

  /** Below the directory; undefined when that is no path of a file. */
  #wanted(): Wanted | undefined {
    const { exchange, target } = this.#place;
    const route = exchange.guarded?.route;
    if (route === undefined) return undefined;
    const directory = namesOf(target.directory);
    const own = route.rewrite?.path;
    if (own !== undefined) {
      const { segments } = parseRequestTarget(rewritePath(own, exchange.values));
      return { segments: [...directory, ...segments], isOne: true };
    }
    const pattern = parsePathPattern(route.path) ?? [];
    if (pattern.at(-1)?.kind !== "rest") return { segments: directory, isOne: true };
    const { segments } = exchange.came.target;
    return { segments: [...directory, ...segments.slice(pattern.length - 1)], isOne: false };
  }

  async #find({ segments: asked, isOne }: Wanted): Promise<PackageFile | "folder" | undefined> {
    const { directory, target, exchange } = this.#place;
    const isFolder = asked.at(-1) === "";
    const segments = isFolder ? asked.slice(0, -1) : asked;
    const index = target.index.split("/");
    const found = await openPackageFile(directory, segments);
    if (found?.kind === "file" && !isFolder) return found;
    if (found?.kind === "file") await found.handle.close();
    if (found?.kind === "folder") {
      const inside = await openPackageFile(directory, [...segments, ...index]);
      if (inside?.kind === "file") {
        // A page's own links are read from where it stands.
        if (isFolder || isOne || exchange.came.target.segments.length === 0) return inside;
        await inside.handle.close();
        return "folder";
      }
    }
    if (target.fallback === undefined) return undefined;
    const fallback = [...namesOf(target.directory), ...namesOf(target.fallback)];
    const instead = await openPackageFile(directory, fallback);
    return instead?.kind === "file" ? instead : undefined;
  }

  #sendToFolder(): void {
    const { base } = this.#place.exchange.address;
    const { rawPath, rawQuery } = this.#place.exchange.came.target;
    const query = rawQuery === "" ? "" : `?${rawQuery}`;
    this.#to.whole({ status: 308, headers: ["location", `${base}${rawPath}/${query}`] }, EMPTY);
  }

  async #send(file: PackageFile): Promise<void> {
    const etag = this.#etagOf(file);
    const headers = ["etag", etag, "accept-ranges", "bytes"];
    if (isKnown(this.#header("if-none-match"), etag)) {
      return this.#to.whole({ status: 304, headers }, EMPTY);
    }
    headers.push("content-type", contentTypeOf(file.path), "x-content-type-options", "nosniff");
    const condition = this.#header("if-range");
    const asked = condition === undefined || condition === etag ? this.#header("range") : undefined;
    const range = byteRangeOf(asked, file.bytes);
    if (range === "none") {
      headers.push("content-range", `bytes */${file.bytes}`);
      return this.#to.whole({ status: 416, headers }, EMPTY);
    }
    if (range === undefined) {
      return await this.#sendPart(file.handle, { status: 200, headers }, whole(file));
    }
    headers.push("content-range", `bytes ${range.first}-${range.last}/${file.bytes}`);
    await this.#sendPart(file.handle, { status: 206, headers }, range);
  }

  async #sendPart(
    handle: FileHandle,
    head: { readonly status: number; readonly headers: readonly string[] },
    { first, last }: ByteRange,
  ): Promise<void> {
    const bytes = last - first + 1;
    if (this.#place.exchange.method === "HEAD") {
      this.#to.begin(head, bytes);
      return this.#to.end();
    }
    if (bytes <= WHOLE_BYTES_MAX) {
      return this.#to.whole(head, await readPart(handle, { first, last }));
    }
    this.#to.begin(head, bytes);
    try {
      for (let at = first; at <= last; at += WHOLE_BYTES_MAX) {
        if (this.#isAbandoned || this.#to.isGone) return this.#to.reset();
        const until = Math.min(last, at + WHOLE_BYTES_MAX - 1);
        const isTaken = this.#to.write(await readPart(handle, { first: at, last: until }));
        if (!isTaken) await this.#to.drained();
      }
      this.#to.end();
    } catch {
      // The client has left, or the disk has failed in the middle of it.
      this.#to.reset();
    }
  }

  /** Node joins what came more than once. */
  #header(name: string): string | undefined {
    const values = this.#headers.filter(
      (_, i) => i % 2 === 1 && this.#headers[i - 1]?.toLowerCase() === name,
    );
    return values.length === 0 ? undefined : values.join(", ");
  }

  #etagOf({ path }: PackageFile): string {
    const hash = createHash("sha256").update(`${this.#place.digest}\n${path}`);
    return `"${hash.digest("base64url").slice(0, 22)}"`;
  }
}

/** Of a path as routes write it; `.` is where it begins. */
function namesOf(path: string): readonly string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function whole({ bytes }: PackageFile): ByteRange {
  return { first: 0, last: bytes - 1 };
}

async function readPart(handle: FileHandle, { first, last }: ByteRange): Promise<Uint8Array> {
  const part = Buffer.allocUnsafe(last - first + 1);
  let length = 0;
  while (length < part.length) {
    const { bytesRead } = await handle.read(part, length, part.length - length, first + length);
    if (bytesRead === 0) throw failStage("ROUTE_FILE_NOT_FOUND");
    length += bytesRead;
  }
  return part;
}

/** RFC 9110, 13.1.2: compared weakly. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((one) => {
    const text = one.trim();
    return text === "*" || text.replace(/^W\//, "") === etag;
  });
}

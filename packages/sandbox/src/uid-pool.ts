/**
 * Gives each sandbox a kernel uid of its own. Ids go round robin, so that one returns as late as
 * possible, and one is skipped while it is in use or while a directory that was given to it still
 * exists. Nothing is stored: at start the pool learns from the home directory which ids own
 * directories there, and leaves those alone for as long as they do.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { directoriesIn } from "./listing.ts";

export interface UidRange {
  readonly first: number;
  readonly count: number;
}

/** Well above the ids of people, system services and the usual subordinate ranges of containers. */
export const UID_RANGE_DEFAULT: UidRange = { first: 200_000, count: 65_536 };

export interface UidPoolOptions {
  readonly range: UidRange;
  /** Where the circle begins, so that two platforms on one machine seldom hold the same ids. */
  readonly offset: number;
  /** The uid that owns a path now, or undefined when the path is gone. */
  readonly ownerOf: (path: string) => number | undefined;
}

export class UidPool {
  readonly #options: UidPoolOptions;
  readonly #inUse = new Set<number>();
  readonly #pathsOf = new Map<number, readonly string[]>();
  #next: number;

  /** `owned` are directories found at start with the uid that owns them. */
  constructor(options: UidPoolOptions, owned: ReadonlyMap<number, readonly string[]> = new Map()) {
    this.#options = options;
    this.#next = options.offset % options.range.count;
    for (const [uid, paths] of owned) this.#pathsOf.set(uid, paths);
  }

  get count(): number {
    return this.#options.range.count;
  }

  /** A uid nobody else has, or undefined when there is none. `paths` will be owned by it. */
  take(paths: readonly string[]): number | undefined {
    const { first, count } = this.#options.range;
    for (let tried = 0; tried < count; tried += 1) {
      const uid = first + this.#next;
      this.#next = (this.#next + 1) % count;
      if (!this.#isFree(uid)) continue;
      this.#inUse.add(uid);
      if (paths.length > 0) this.#pathsOf.set(uid, paths);
      return uid;
    }
    return undefined;
  }

  /** The sandbox has ended; the id stays out of reach while its directories exist. */
  release(uid: number): void {
    this.#inUse.delete(uid);
  }

  #isFree(uid: number): boolean {
    if (this.#inUse.has(uid)) return false;
    const paths = this.#pathsOf.get(uid) ?? [];
    if (paths.some((path) => this.#options.ownerOf(path) === uid)) return false;
    this.#pathsOf.delete(uid);
    return true;
  }
}

/** lstat's owner, or undefined. */
export function ownerOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.uid;
}

/** Bounds the look around the home directory at start. */
const DEPTH_MAX = 4;
const DIRECTORIES_MAX = 20_000;

/** Directories in and under `home` whose owner lies in the range. */
export function findOwnedDirectories(
  home: string,
  range: UidRange,
): ReadonlyMap<number, readonly string[]> {
  const owned = new Map<number, string[]>();
  const waiting: { path: string; depth: number }[] = [{ path: home, depth: 0 }];
  for (let seen = 0; seen < DIRECTORIES_MAX; seen += 1) {
    const next = waiting.pop();
    if (next === undefined) break;
    const uid = ownerOf(next.path);
    if (uid === undefined) continue;
    if (uid >= range.first && uid < range.first + range.count) {
      owned.set(uid, [...(owned.get(uid) ?? []), next.path]);
      continue;
    }
    if (next.depth === DEPTH_MAX) continue;
    for (const name of directoriesIn(next.path)) {
      waiting.push({ path: join(next.path, name), depth: next.depth + 1 });
    }
  }
  return owned;
}

/**
 * Gives each sandbox a kernel uid of its own. Ids go round robin, so that one returns as late as
 * possible, and one is skipped while it is in use or while a directory that was given to it still
 * exists. Nothing is stored: at start the pool learns from the directories of its owner and from
 * the process table which ids are taken, and leaves those alone for as long as they are. What
 * another pool of the same range gives out later it cannot know: each keeps to a lane of its own.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { directoriesIn, readText } from "./listing.ts";
import { readProcessTable } from "./process-table.ts";

export interface UidRange {
  readonly first: number;
  readonly count: number;
}

/** Well above the ids of people, system services and the usual subordinate ranges of containers. */
export const UID_RANGE_DEFAULT: UidRange = { first: 200_000, count: 65_536 };

/** How many pools may give out ids of one range at once. */
export const LANES = 4;

/** One of the equal parts of a range; a range too small to be parted is one lane. */
export function laneOf(range: UidRange, lane: number): UidRange {
  const count = Math.floor(range.count / LANES);
  return count === 0 ? range : { first: range.first + lane * count, count };
}

export interface UidPoolOptions {
  readonly range: UidRange;
  /** The part of the range that is this pool's own; default all of it. */
  readonly lane?: UidRange;
  /** Where the circle begins, so that two platforms on one machine seldom hold the same ids. */
  readonly offset: number;
  /** The lane has no free id, and one from the rest of the range is given; told once. */
  readonly onLaneFull?: () => void;
  /** The uid that owns a path now, or undefined when the path is gone. */
  readonly ownerOf: (path: string) => number | undefined;
}

/** Paths by the uid that has them. */
export type OwnedPaths = ReadonlyMap<number, readonly string[]>;

/** Where a round through a part of the range goes on. */
interface Circle extends UidRange {
  next: number;
}

export class UidPool {
  readonly #options: UidPoolOptions;
  readonly #inUse = new Set<number>();
  readonly #pathsOf = new Map<number, readonly string[]>();
  readonly #circles: readonly Circle[];
  #isBeyond = false;

  /** `owned` are directories found at start with the uid that owns them. */
  constructor(options: UidPoolOptions, owned: OwnedPaths = new Map()) {
    this.#options = options;
    const { lane = options.range, range, offset } = options;
    this.#circles = [lane, range].map((part) => ({ ...part, next: offset % part.count }));
    for (const [uid, paths] of owned) this.#pathsOf.set(uid, paths);
  }

  get count(): number {
    return this.#options.range.count;
  }

  /** A uid nobody else has, or undefined when there is none. `paths` will be owned by it. */
  take(paths: readonly string[]): number | undefined {
    for (const circle of this.#circles) {
      const uid = this.#nextFree(circle);
      if (uid === undefined) continue;
      if (circle !== this.#circles[0]) this.#noteBeyond();
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

  #nextFree(circle: Circle): number | undefined {
    const { first, count } = circle;
    for (let tried = 0; tried < count; tried += 1) {
      const uid = first + circle.next;
      circle.next = (circle.next + 1) % count;
      if (this.#isFree(uid)) return uid;
    }
    return undefined;
  }

  #noteBeyond(): void {
    if (!this.#isBeyond) this.#options.onLaneFull?.();
    this.#isBeyond = true;
  }

  #isFree(uid: number): boolean {
    if (this.#inUse.has(uid)) return false;
    const paths = this.#pathsOf.get(uid) ?? [];
    if (paths.some((path) => this.#options.ownerOf(path) === uid)) return false;
    this.#pathsOf.delete(uid);
    return true;
  }
}

const STATUS_FILE = /^\/proc\/\d+\/status$/;

/**
 * Lstat's owner, or undefined. Of a process' status file the uid of the process: the file itself
 * belongs to root when the process may not be looked into.
 */
export function ownerOf(path: string): number | undefined {
  if (!STATUS_FILE.test(path)) return lstatSync(path, { throwIfNoEntry: false })?.uid;
  const status = readText(path);
  // One that has ended and was not collected has nothing any more.
  if (/^State:\t[ZX]/m.test(status)) return undefined;
  const real = /^Uid:\t(\d+)/m.exec(status)?.[1];
  return real === undefined ? undefined : Number(real);
}

/** Bounds the look around the home directory at start. */
const DEPTH_MAX = 4;
const DIRECTORIES_MAX = 20_000;

/** Directories in and under `roots` whose owner lies in the range. */
export function findOwnedDirectories(roots: readonly string[], range: UidRange): OwnedPaths {
  const owned = new Map<number, string[]>();
  const waiting = roots.map((path) => ({ path, depth: 0 }));
  for (let seen = 0; seen < DIRECTORIES_MAX; seen += 1) {
    const next = waiting.pop();
    if (next === undefined) break;
    const uid = ownerOf(next.path);
    if (uid === undefined) continue;
    if (isWithin(range, uid)) {
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

/** The status files of living processes whose uid lies in the range. */
export function findLivingProcesses(range: UidRange): OwnedPaths {
  const files = readProcessTable().flatMap(({ pid }) => {
    const file = `/proc/${pid}/status`;
    const uid = ownerOf(file);
    return uid !== undefined && isWithin(range, uid) ? [{ uid, file }] : [];
  });
  const groups = Map.groupBy(files, ({ uid }) => uid);
  return new Map([...groups].map(([uid, group]) => [uid, group.map(({ file }) => file)]));
}

function isWithin({ first, count }: UidRange, uid: number): boolean {
  return uid >= first && uid < first + count;
}

/**
 * The folders whose changes `skerry dev` waits for: its own, and those of functions and layers that
 * `skerry.yaml` names elsewhere. A folder inside another is watched with it.
 */
import { statSync } from "node:fs";
import { isAbsolute, relative, sep } from "node:path";

/** Watches a folder with all below it; what it returns ends that. Throws when it cannot be read. */
type Watch = (folder: string) => () => void;

interface Watched {
  readonly identity: string;
  readonly stop: () => void;
}

export class WatchedFolders implements Disposable {
  readonly #watch: Watch;
  readonly #watched = new Map<string, Watched>();

  constructor(watch: Watch) {
    this.#watch = watch;
  }

  /** Watches these from now on, absolute paths, and no others. Throws as the watch does. */
  set(folders: readonly string[]): void {
    const wanted = new Set(
      folders.filter((one) => !folders.some((other) => one !== other && isInside(one, other))),
    );
    for (const folder of wanted) this.#add(folder);
    for (const folder of this.#watched.keys()) if (!wanted.has(folder)) this.#drop(folder);
  }

  [Symbol.dispose](): void {
    this.set([]);
  }

  #add(folder: string): void {
    const identity = identityOf(folder);
    if (this.#watched.get(folder)?.identity === identity) return;
    this.#drop(folder);
    this.#watched.set(folder, { identity, stop: this.#watch(folder) });
  }

  #drop(folder: string): void {
    this.#watched.get(folder)?.stop();
    this.#watched.delete(folder);
  }
}

/** Tools that build remove a folder and make it again; a watch stays with the one that is gone. */
function identityOf(folder: string): string {
  const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.dev} ${found.ino} ${found.birthtimeNs}`;
}

function isInside(folder: string, other: string): boolean {
  const path = relative(other, folder);
  return path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

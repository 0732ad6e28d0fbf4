/**
 * Which stages a process holds purges of, as names of files: what it held is lost with it, so that
 * whoever starts after it forgets these stages. Written when the first purge of a stage is held and
 * removed with the last. A disk that takes nothing costs this, and no request.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@skerry/base";

export interface HeldStagesOptions {
  /** Of all processes that share a store. */
  readonly directory: string;
  /** Names this process among them; no dot in it. */
  readonly owner: string;
}

/** Of a process that may have ended. */
export interface LeftStage {
  readonly stage: string;
  remove(): void;
}

export class HeldStages {
  readonly #log: Log;
  readonly #options: HeldStagesOptions | undefined;

  constructor(log: Log, options: HeldStagesOptions | undefined) {
    this.#log = log;
    this.#options = options;
  }

  /** Those that others have left, or hold still. */
  left(): LeftStage[] {
    const found: LeftStage[] = [];
    this.#try(({ directory, owner }) => {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(directory)) {
        const at = name.indexOf(".");
        if (at < 0 || name.slice(0, at) === owner) continue;
        const stage = decodeURIComponent(name.slice(at + 1));
        const path = join(directory, name);
        found.push({ stage, remove: () => this.#try(() => rmSync(path, { force: true })) });
      }
    });
    return found;
  }

  note(stage: string): void {
    this.#try((options) => writeFileSync(pathOf(options, stage), ""));
  }

  clear(stage: string): void {
    this.#try((options) => rmSync(pathOf(options, stage), { force: true }));
  }

  #try(run: (options: HeldStagesOptions) => void): void {
    if (this.#options === undefined) return;
    try {
      run(this.#options);
    } catch (error) {
      this.#log.warn("Purges that are held are not noted on disk.", { error: String(error) });
    }
  }
}

function pathOf({ directory, owner }: HeldStagesOptions, stage: string): string {
  return join(directory, `${owner}.${encodeURIComponent(stage)}`);
}

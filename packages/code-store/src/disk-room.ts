/**
 * Keeps room on the disk for everything else that lives there. What is admitted by its size counts
 * from then on, before any of it is written; what has no size yet, as an upload, is looked at while
 * it comes.
 */
import { statfs } from "node:fs/promises";
import { failCode } from "./errors.ts";

export interface DiskRoomOptions {
  readonly directory: string;
  readonly freeBytesMin: number;
}

export class DiskRoom {
  readonly #options: DiskRoomOptions;
  #admittedBytes = 0;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  /** Throws CODE_STORE_FULL when too little is left beside what others were admitted with. */
  async look(): Promise<void> {
    await this.#look(this.#admittedBytes);
  }

  /**
   * Counts `bytes` as taken until the release is called, once they are written or given up. Throws
   * CODE_STORE_FULL when they have no room.
   */
  async admit(bytes: number): Promise<() => void> {
    this.#admittedBytes += bytes;
    const release = (): void => {
      this.#admittedBytes -= bytes;
    };
    try {
      await this.#look(this.#admittedBytes);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  async #look(bytes: number): Promise<void> {
    const { directory, freeBytesMin } = this.#options;
    const { bavail, bsize } = await statfs(directory);
    if (bavail * bsize - bytes < freeBytesMin) throw failCode("CODE_STORE_FULL");
  }
}

/**
 * An append-only spool that one process writes and the collector in control reads. Gateways and
 * agents need no database and no control to account for what they do: `append` is one synchronous
 * write into the page cache, which survives a `kill -9`; the disk is flushed every second, so a
 * power cut costs at most that much.
 *
 * A full disk never fails a request: what cannot be written is kept in memory up to a bound and
 * written later; what passes the bound is dropped and counted.
 */
import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Cancel, Clock, Log } from "@skerry/base";
import { fail } from "./errors.ts";
import {
  CLOSED_FILE,
  OWNER_FILE,
  processStartTicks,
  segmentName,
  SPOOL_FORMAT,
  type SpoolOwner,
} from "./spool-layout.ts";

export interface SpoolWriterOptions {
  /** `<root>/<writer>`; made here, must not exist with content. */
  readonly directory: string;
  readonly pid: number;
  /** A segment is closed once it has grown past this. */
  readonly segmentBytesMax?: number;
  /** Bytes kept in memory while the disk refuses them. */
  readonly backlogBytesMax?: number;
}

export interface SpoolWriter {
  /** Appends whole records. Synchronous; never throws. The bytes may be reused afterwards. */
  append(bytes: Uint8Array): void;
  /** Records dropped because disk and memory were full, in bytes. */
  readonly droppedBytes: number;
  /** Writes out what waits, flushes to disk and marks the spool as complete. */
  close(): Promise<void>;
}

const SYNC_EVERY_MS = 1_000;

export function openSpoolWriter(
  deps: { readonly clock: Clock; readonly log: Log },
  options: SpoolWriterOptions,
): SpoolWriter {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const owner: SpoolOwner = {
    format: SPOOL_FORMAT,
    pid: options.pid,
    startTicks: processStartTicks(options.pid),
  };
  writeFileSync(join(options.directory, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 });
  return new DirectorySpool(deps, options);
}

class DirectorySpool implements SpoolWriter {
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  readonly #directory: string;
  readonly #segmentBytesMax: number;
  readonly #backlogBytesMax: number;
  #fd: number | undefined;
  #index = 0;
  #written = 0;
  readonly #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #dirty = false;
  #complained = false;
  #cancelSync: Cancel;
  droppedBytes = 0;

  constructor(deps: { readonly clock: Clock; readonly log: Log }, options: SpoolWriterOptions) {
    this.#deps = deps;
    this.#directory = options.directory;
    this.#segmentBytesMax = options.segmentBytesMax ?? 16 << 20;
    this.#backlogBytesMax = options.backlogBytesMax ?? 4 << 20;
    this.#cancelSync = this.#scheduleSync();
  }

  append(bytes: Uint8Array): void {
    if (this.#backlog.length === 0 && this.#write(bytes)) return;
    if (this.#backlogBytes + bytes.length > this.#backlogBytesMax) {
      this.droppedBytes += bytes.length;
      return;
    }
    this.#backlog.push(bytes.slice());
    this.#backlogBytes += bytes.length;
  }

  async close(): Promise<void> {
    this.#cancelSync();
    this.#writeBacklog();
    await this.#sync();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    if (this.#backlog.length === 0) writeFileSync(join(this.#directory, CLOSED_FILE), "");
  }

  /** All or nothing: a write that the disk cuts short is taken back. */
  #write(bytes: Uint8Array): boolean {
    try {
      if (this.#fd === undefined) this.#openSegment();
      const fd = this.#fd as number;
      let done = 0;
      try {
        while (done < bytes.length) done += writeSync(fd, bytes, done);
      } catch (error) {
        ftruncateSync(fd, this.#written);
        throw error;
      }
      this.#written += bytes.length;
      this.#dirty = true;
      if (this.#written >= this.#segmentBytesMax) this.#finishSegment();
      this.#complained = false;
      return true;
    } catch (error) {
      this.#complain(error);
      return false;
    }
  }

  #openSegment(): void {
    this.#fd = openSync(join(this.#directory, segmentName(this.#index)), "a", 0o600);
    this.#written = 0;
  }

  #finishSegment(): void {
    const fd = this.#fd as number;
    this.#fd = undefined;
    this.#index += 1;
    fdatasync(fd, () => closeSync(fd));
  }

  #writeBacklog(): void {
    while (this.#backlog.length > 0) {
      const bytes = this.#backlog[0] as Uint8Array;
      if (!this.#write(bytes)) return;
      this.#backlog.shift();
      this.#backlogBytes -= bytes.length;
    }
  }

  #scheduleSync(): Cancel {
    return this.#deps.clock.schedule(
      SYNC_EVERY_MS,
      () => {
        this.#writeBacklog();
        void this.#sync().then(() => {
          this.#cancelSync = this.#scheduleSync();
        });
      },
      { background: true },
    );
  }

  #sync(): Promise<void> {
    const fd = this.#fd;
    if (!this.#dirty || fd === undefined) return Promise.resolve();
    this.#dirty = false;
    return new Promise((resolve) => {
      fdatasync(fd, (error) => {
        if (error !== null) this.#complain(error);
        resolve();
      });
    });
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const why = error instanceof Error ? error.message : String(error);
    const { reason, message } = fail("SPOOL_UNWRITABLE", { directory: this.#directory, why });
    this.#deps.log.error(message, { reason });
  }
}

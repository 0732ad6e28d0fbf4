/**
 * An append-only spool that one process writes and the collector in control reads. Gateways and
 * agents need no database and no control to account for what they do: `append` is one synchronous
 * write into the page cache, which survives a `kill -9`; the disk is flushed every second, so a
 * power cut costs at most that much.
 *
 * A full disk never fails a request, nor the start of who writes: what cannot be written is kept in
 * memory up to a bound and written later; what passes the bound is dropped and counted.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
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
  /**
   * Appends whole records. Synchronous; never throws. The bytes may be reused afterwards. After
   * `close` they are dropped and counted.
   */
  append(bytes: Uint8Array): void;
  /** Records dropped because disk and memory were full, or the spool closed, in bytes. */
  readonly droppedBytes: number;
  /**
   * Whether what is appended is not taken in: the disk refuses it, or two whole segments still lie
   * there, since nobody reads or removes them. Asks the disk at most once.
   */
  isBehind(): boolean;
  /** Writes out what waits, flushes to disk and marks the spool as complete. Never rejects. */
  close(): Promise<void>;
}

const SYNC_EVERY_MS = 1_000;
/** Whole segments that may lie unread before a spool counts as behind. */
const UNREAD_SEGMENTS = 2;

/**
 * Makes the spool, on a full disk once there is space; throws the error of the file system when it
 * cannot for another reason, or when there is one.
 */
export function openSpoolWriter(
  deps: { readonly clock: Clock; readonly log: Log },
  options: SpoolWriterOptions,
): SpoolWriter {
  const spool = new DirectorySpool(deps, options);
  spool.open();
  return spool;
}

function makeDirectory({ directory, pid }: SpoolWriterOptions): void {
  const making = join(dirname(directory), `.${basename(directory)}`);
  try {
    mkdirSync(making, { recursive: true, mode: 0o700 });
    const owner: SpoolOwner = { format: SPOOL_FORMAT, pid, startTicks: processStartTicks(pid) };
    writeFileSync(join(making, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 });
    renameSync(making, directory);
  } catch (error) {
    rmSync(join(making, OWNER_FILE), { force: true });
    if (existsSync(making)) rmdirSync(making);
    throw error;
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

class DirectorySpool implements SpoolWriter {
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  readonly #options: SpoolWriterOptions;
  readonly #segmentBytesMax: number;
  readonly #backlogBytesMax: number;
  #isMade = false;
  #fd: number | undefined;
  #index = 0;
  #written = 0;
  readonly #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #dirty = false;
  #complained = false;
  #toldBytes = 0;
  #cancelSync: Cancel;
  /** Flushes under way; the files stay open until they are done. */
  readonly #flushes = new Set<Promise<void>>();
  #closed = false;
  droppedBytes = 0;

  constructor(deps: { readonly clock: Clock; readonly log: Log }, options: SpoolWriterOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#segmentBytesMax = options.segmentBytesMax ?? 16 << 20;
    this.#backlogBytesMax = options.backlogBytesMax ?? 4 << 20;
    this.#cancelSync = () => undefined;
  }

  open(): void {
    try {
      this.#make();
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#complain(error);
    }
    this.#cancelSync = this.#scheduleSync();
  }

  append(bytes: Uint8Array): void {
    if (this.#closed) {
      this.droppedBytes += bytes.length;
      return;
    }
    if (this.#backlog.length === 0 && this.#write(bytes)) return;
    if (this.#backlogBytes + bytes.length > this.#backlogBytesMax) {
      this.droppedBytes += bytes.length;
      return;
    }
    this.#backlog.push(bytes.slice());
    this.#backlogBytes += bytes.length;
  }

  isBehind(): boolean {
    if (this.#backlog.length > 0) return true;
    // Whoever reads removes segments in their order, and the last one only a while after its end.
    const old = this.#index - UNREAD_SEGMENTS;
    return old >= 0 && existsSync(join(this.#options.directory, segmentName(old)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelSync();
    this.#writeBacklog();
    this.#sync();
    await Promise.all(this.#flushes);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.droppedBytes += this.#backlogBytes;
    this.#tellDropped();
    if (this.#backlog.length === 0 && this.#isMade) this.#markClosed();
  }

  /** Once the disk takes records again: how much is missing. */
  #tellDropped(): void {
    const dropped = this.droppedBytes - this.#toldBytes;
    if (dropped === 0) return;
    this.#toldBytes = this.droppedBytes;
    this.#deps.log.error("records were dropped", {
      directory: this.#options.directory,
      bytes: dropped,
    });
  }

  /** On a full disk the mark is missing, and the reader goes by the process alone. */
  #markClosed(): void {
    try {
      writeFileSync(join(this.#options.directory, CLOSED_FILE), "", { mode: 0o600 });
    } catch (error) {
      this.#complain(error);
    }
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
        if (done > 0) this.#takeBack(fd);
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

  #make(): void {
    if (this.#isMade) return;
    makeDirectory(this.#options);
    this.#isMade = true;
  }

  #openSegment(): void {
    this.#make();
    this.#fd = openSync(join(this.#options.directory, segmentName(this.#index)), "a", 0o600);
    this.#written = 0;
  }

  /**
   * A segment whose torn end cannot be cut off takes no more: the reader leaves that end behind.
   */
  #takeBack(fd: number): void {
    try {
      ftruncateSync(fd, this.#written);
    } catch {
      this.#finishSegment();
    }
  }

  #finishSegment(): void {
    const fd = this.#fd as number;
    this.#fd = undefined;
    this.#index += 1;
    void this.#flush(fd);
    void Promise.all(this.#flushes).then(() => closeSync(fd));
  }

  #writeBacklog(): void {
    while (this.#backlog.length > 0) {
      const bytes = this.#backlog[0] as Uint8Array;
      if (!this.#write(bytes)) return;
      this.#backlog.shift();
      this.#backlogBytes -= bytes.length;
    }
    this.#tellDropped();
  }

  #scheduleSync(): Cancel {
    return this.#deps.clock.schedule(
      SYNC_EVERY_MS,
      () => {
        this.#writeBacklog();
        this.#sync();
        this.#cancelSync = this.#scheduleSync();
      },
      { background: true },
    );
  }

  #sync(): void {
    if (!this.#dirty || this.#fd === undefined) return;
    this.#dirty = false;
    void this.#flush(this.#fd);
  }

  #flush(fd: number): Promise<void> {
    const flush = new Promise<void>((resolve) => {
      fdatasync(fd, (error) => {
        if (error !== null) this.#complain(error);
        this.#flushes.delete(flush);
        resolve();
      });
    });
    this.#flushes.add(flush);
    return flush;
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const why = error instanceof Error ? error.message : String(error);
    const { reason, message } = fail("SPOOL_UNWRITABLE", {
      directory: this.#options.directory,
      why,
    });
    this.#deps.log.error(message, { reason });
  }
}

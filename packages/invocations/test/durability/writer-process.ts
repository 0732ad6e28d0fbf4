/**
 * One writer in a process of its own: see writer.ts. It tells a file, because lines for a pipe may
 * wait in the writer and die with it; the file is on no disk whose power is cut.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  watch,
  type FSWatcher,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { until } from "@skerry/testkit";
import type { Account } from "./account.ts";

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));
const STORE_FAULT = new URL("store-fault.ts", import.meta.url).href;
const READ_BYTES = 64 << 10;

export interface WriterOptions {
  /** A protection that is taken away; see store-fault.ts. */
  readonly fault?: string | undefined;
  /** A command that runs it. */
  readonly under?: readonly string[];
}

export class WriterProcess {
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #orders: Writable;
  readonly #told = mkdtempSync(join(tmpdir(), "skerry-told-"));
  readonly #reading: number;
  readonly #watcher: FSWatcher;
  readonly #closed: Promise<void>;
  #begun = "";
  #hear: (line: string) => void = () => undefined;

  /** Loads its code, and waits. */
  constructor(directory: string, { fault, under = [] }: WriterOptions = {}) {
    this.directory = directory;
    const flags = fault === undefined ? [] : ["--import", STORE_FAULT];
    const env = { ...process.env, SKERRY_TEST_STORE_FAULT: fault };
    const [command, ...args] = [...under, process.execPath, ...flags, WRITER, directory];
    const told = join(this.#told, "lines");
    const writing = openSync(told, "w");
    this.#reading = openSync(told, "r");
    this.#child = spawn(command ?? process.execPath, args, {
      stdio: ["pipe", writing, "inherit"],
      env,
    });
    closeSync(writing);
    this.#watcher = watch(told, () => this.#read());
    this.#closed = this.#hearOut();
    this.#orders = this.#child.stdin ?? assert.fail("no pipe");
    this.#orders.on("error", () => undefined);
  }

  /**
   * Works until it has said so many lines, and something was accepted after a refusal. What it says
   * afterwards is noted too.
   */
  async workUntil(lines: number, account: Account): Promise<void> {
    const enough = Promise.withResolvers<void>();
    let heard = 0;
    this.#hear = (line) => {
      account.take(line);
      if (/^[-+!]/.test(line)) heard += 1;
      const { refused, healed } = account;
      if (heard >= lines && (refused.length === 0 || healed)) enough.resolve();
    };
    this.#orders.write("go\n");
    const ended = this.#closed.then(() => assert.fail("the writer ended by itself"));
    await Promise.race([enough.promise, ended]);
  }

  /**
   * Says nothing more. Without it, a flush that the power cut ran into may return as if it had
   * worked, which no machine without power would tell.
   */
  async freeze(): Promise<void> {
    this.#child.kill("SIGSTOP");
    await until("the writer stands still", () =>
      / T /.test(readFileSync(`/proc/${this.#child.pid}/stat`, "utf8")),
    );
  }

  /** Resolves once it is gone and all it said was noted. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** As `kill`, once it has finished what it was doing. */
  async stop(): Promise<void> {
    this.#orders.write("stop\n");
    await this.#closed;
  }

  async #hearOut(): Promise<void> {
    await once(this.#child, "close");
    this.#watcher.close();
    this.#read();
    closeSync(this.#reading);
    rmSync(this.#told, { recursive: true });
  }

  #read(): void {
    const bytes = Buffer.alloc(READ_BYTES);
    let length = 0;
    while ((length = readSync(this.#reading, bytes)) > 0) {
      const lines = (this.#begun + bytes.toString("latin1", 0, length)).split("\n");
      this.#begun = lines.pop() ?? "";
      for (const line of lines) this.#hear(line);
    }
  }
}

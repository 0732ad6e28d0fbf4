/**
 * An ext4 file system in a file, mounted by loop, whose power can be cut: the file system's own
 * shutdown without a flush of its log drops what was not synced, and every later write fails.
 * Needs root. It does not model a disk that lies about flushes or tears sectors.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { until } from "@skerry/testkit";
import type { Disk } from "./rounds.ts";

const IMAGE_BYTES = 96 << 20;

/** Shuts down the file system of each directory it reads; EXT4_IOC_SHUTDOWN, without the log. */
const CUTTER = `
import fcntl, os, struct, sys
for line in sys.stdin:
    handle = os.open(line.rstrip("\\n"), os.O_RDONLY)
    fcntl.ioctl(handle, 0x8004587D, struct.pack("I", 2))
    os.close(handle)
    sys.stdout.write("cut\\n")
    sys.stdout.flush()
`;

/** Why this machine cannot, or false. */
export function lacksLoopDisk(): string | false {
  if (process.getuid?.() !== 0) return "mounting needs root";
  for (const [tool, flag] of [
    ["mkfs.ext4", "-V"],
    ["losetup", "-V"],
    ["python3", "-V"],
  ] as const) {
    if (spawnSync(tool, [flag], { stdio: "ignore" }).status !== 0) return `${tool} is absent`;
  }
  try {
    new LoopDisk()[Symbol.dispose]();
    return false;
  } catch (error) {
    return `loop mounts do not work here: ${String(error)}`;
  }
}

export class LoopDisk implements Disk, Disposable {
  readonly directory: string;
  readonly #top: string;
  readonly #image: string;
  readonly #cutter: ChildProcessByStdio<Writable, Readable, null>;

  constructor() {
    this.#top = mkdtempSync(join(tmpdir(), "skerry-disk-"));
    this.#image = join(this.#top, "image");
    this.directory = join(this.#top, "mounted");
    mkdirSync(this.directory);
    const handle = openSync(this.#image, "w");
    ftruncateSync(handle, IMAGE_BYTES);
    closeSync(handle);
    const stdio = ["pipe", "pipe", "inherit"] as const;
    this.#cutter = spawn("python3", ["-c", CUTTER], { stdio: [...stdio] });
    try {
      execFileSync("mkfs.ext4", ["-q", "-E", "lazy_itable_init=1", this.#image]);
      this.#mount();
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  async cut(): Promise<void> {
    this.#cutter.stdin.write(`${this.directory}\n`);
    const [answer] = (await once(this.#cutter.stdout, "data")) as [Buffer];
    assert.equal(answer.toString(), "cut\n");
  }

  /**
   * A sandbox that begins meanwhile on this machine may have copied the mount, and keeps the file
   * system that was shut down for a moment more: mounted again before that is gone, it would be the
   * same one.
   */
  async restore(): Promise<void> {
    execFileSync("umount", [this.directory]);
    await until("nobody has the disk's file system any more", () => !this.#isAttached());
    this.#mount();
  }

  #isAttached(): boolean {
    return execFileSync("losetup", ["-j", this.#image]).length > 0;
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.directory]);
    this.#remove();
  }

  #mount(): void {
    execFileSync("mount", ["-o", "loop", this.#image, this.directory], { stdio: "pipe" });
  }

  #remove(): void {
    this.#cutter.kill();
    rmSync(this.#top, { recursive: true, force: true });
  }
}

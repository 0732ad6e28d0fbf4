/** A process that changes the store again and again, killed in the middle of a change. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Killed {
  /** Beside this file; it tells each number that was acknowledged on a line of its own. */
  readonly child: string;
  readonly directory: string;
  /** The number that was acknowledged before it. */
  readonly last: number;
  /** It is killed after so many more, somewhere in the next. */
  readonly more: number;
}

/** The last number that was acknowledged. */
export async function untilKilled({ child: name, directory, last, more }: Killed): Promise<number> {
  const args = [fileURLToPath(new URL(name, import.meta.url)), directory, `${last}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text;
    if (told.split("\n").length > more) child.kill("SIGKILL");
  });
  await once(child, "close");
  assert.equal(child.signalCode, "SIGKILL", "the child ended by itself");
  return Number(told.trimEnd().split("\n").at(-1));
}

/** Files that commands are given by name. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { failCommand } from "./errors.ts";
import type { TerminalHost } from "./host.ts";

/** The bytes of a file, named from where the command runs. Throws FILE_UNREADABLE. */
export function readInputFile({ cwd }: Pick<TerminalHost, "cwd">, path: string): Buffer {
  try {
    return readFileSync(resolve(cwd, path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw failCommand("FILE_UNREADABLE", { path, why: code ?? message }, error);
  }
}

/** Writes a file, named from where the command runs. Throws FILE_UNWRITABLE. */
export function writeOutputFile(
  { cwd }: Pick<TerminalHost, "cwd">,
  path: string,
  bytes: Uint8Array,
): void {
  try {
    writeFileSync(resolve(cwd, path), bytes);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw failCommand("FILE_UNWRITABLE", { path, why: code ?? message }, error);
  }
}

/**
 * Descriptors that this program itself inherited and that would pass on to every child. Node marks
 * all it opens close-on-exec, so what is open without that mark came from whoever started us.
 */
import { readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC of asm-generic/fcntl.h, as the octal `flags` of `/proc/self/fdinfo` show it. */
const O_CLOEXEC = 0o2000000;

/** True for the text of `/proc/self/fdinfo/<n>` of a descriptor that survives exec. */
export function survivesExec(fdinfo: string): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(fdinfo)?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
}

/** Numbers above stdio that a child would inherit; empty where there is no `/proc`. */
export function findInheritedDescriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fdinfo")
      .map(Number)
      .filter((descriptor) => descriptor > 2 && survivesExec(readDescriptor(descriptor)))
      .toSorted((a, b) => a - b);
  } catch {
    return [];
  }
}

function readDescriptor(descriptor: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  } catch {
    return "";
  }
}

/**
 * How Node is started for an instance. V8 must believe in the instance's memory and not in the
 * machine's: its heap ends below the sandbox's limit, so that a leak ends with a V8 message on
 * stderr and not with a silent kill.
 */

import type { HandlerKind } from "@skerry/contracts";

/** Descriptor of the link in an instance: one end of a socket pair, open in both directions. */
export const RUNTIME_LINK_FD = 3;

/** What a process is warm for when it answers HELLO; `none` opens its link at once. */
export type WarmKind = Exclude<HandlerKind, "web"> | "none";

const WARM = "--warm=";

/**
 * Argument after the runtime's file. A blank takes the kind of handler that its pool is for
 * (`event` when absent); a process that is needed at once takes `none`. Each kind serves both kinds
 * of handlers; the wrong one is slower.
 */
export function warmArgument(kind: WarmKind): string {
  return WARM + kind;
}

/** Reads `warmArgument` back; unknown arguments are not looked at. */
export function warmKindOf(args: readonly string[]): WarmKind {
  const kind = args.find((arg) => arg.startsWith(WARM))?.slice(WARM.length);
  return kind === "fetch" || kind === "none" ? kind : "event";
}

/** V8 aborts when its heap is full: the exit is this signal (or code 134 through a shell). */
export const HEAP_OUT_OF_MEMORY_SIGNAL = "SIGABRT";
/** What stderr then contains; the agent takes both together for out of memory. */
export const HEAP_OUT_OF_MEMORY_TEXT = "JavaScript heap out of memory";
/** Exit code after an exception or rejection that nothing handled. */
export const CRASH_EXIT_CODE = 1;

/** For a shim's own heap: it passes on what its program says and keeps little. */
export const SHIM_MEMORY_MB = 96;

const NATIVE_MB_MIN = 32;
const NATIVE_SHARE = 0.1;

/**
 * Arguments for `node` before the runtime's file. The same `memoryMb` gives the same flags; V8
 * refuses a code cache that was made under other flags only when they change code generation, which
 * these do not.
 */
export function nodeFlags(memoryMb: number): string[] {
  const nativeMb = Math.max(NATIVE_MB_MIN, Math.ceil(memoryMb * NATIVE_SHARE));
  return [
    `--max-old-space-size=${Math.max(16, memoryMb - nativeMb)}`,
    `--max-semi-space-size=${memoryMb < 512 ? 4 : memoryMb < 2048 ? 8 : 16}`,
    "--min-semi-space-size=4",
    "--v8-pool-size=1",
    "--disable-sigusr1",
    "--use-env-proxy",
  ];
}

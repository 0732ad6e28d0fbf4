export {
  CRASH_EXIT_CODE,
  HEAP_OUT_OF_MEMORY_SIGNAL,
  HEAP_OUT_OF_MEMORY_TEXT,
  nodeFlags,
  RUNTIME_LINK_FD,
  SHIM_MEMORY_MB,
  warmArgument,
  type WarmKind,
} from "./node-flags.ts";

/**
 * The bootstrap's entry: bundle it into one CommonJS file and start `node [nodeFlags] thatFile`.
 */
export const RUNTIME_ENTRY: URL = new URL("./main.ts", import.meta.url);

export type { InstanceContext } from "./hooks.ts";
export type { HttpEvent } from "@skerry/event-shapes";
export type { InvocationContext } from "./invocation-context.ts";

/** The folders of the runtimes that run in an interpreter of the machine. */
export const LANGUAGE_RUNTIMES = {
  python3: new URL("../python/", import.meta.url),
  php8: new URL("../php/", import.meta.url),
} as const satisfies Record<string, URL>;

export { PHP_OUT_OF_MEMORY_TEXT, type LanguageManifest } from "./language-manifest.ts";
export { TIDY_AFTER_MS } from "./tidy.ts";

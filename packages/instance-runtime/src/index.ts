export {
  CRASH_EXIT_CODE,
  HEAP_OUT_OF_MEMORY_SIGNAL,
  HEAP_OUT_OF_MEMORY_TEXT,
  nodeFlags,
  RUNTIME_LINK_FD,
  warmArgument,
  type WarmKind,
} from "./node-flags.ts";

/**
 * The bootstrap's entry: bundle it into one CommonJS file and start `node [nodeFlags] thatFile`.
 */
export const RUNTIME_ENTRY: URL = new URL("./main.ts", import.meta.url);

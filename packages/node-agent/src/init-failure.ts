/**
 * Why a runtime did not answer its specialisation, told as the function's own failure: to the
 * caller of an instance and to whoever deploys, in the same words.
 */
import { PlatformError } from "@skerry/base";
import type { BuildHead, InstanceExit, SpecialiseReply } from "@skerry/contracts";
import { HEAP_OUT_OF_MEMORY_TEXT, PHP_OUT_OF_MEMORY_TEXT } from "@skerry/instance-runtime";
import type { SandboxExit } from "@skerry/sandbox";
import type { RuntimeProcess } from "./runtime-process.ts";

const INIT_TIMEOUT = "InitTimeout";

type Ended = Pick<RuntimeProcess, "sandbox" | "collector" | "end">;

/** Ends the runtime and says how it failed; `error` is what asking it came to. */
export async function initFailureOf(
  runtime: Ended,
  error: unknown,
  initTimeoutMs: number,
): Promise<SpecialiseReply & { readonly ok: false }> {
  const { reason, message } = PlatformError.from(error);
  const isThere = reason === "RUNTIME_SILENT" || reason === "INSTANCE_START_FAILED";
  const ended = isThere ? await runtime.sandbox.kill() : await runtime.end();
  const exit = await instanceExitOf(ended, runtime);
  if (exit.outOfMemory) return { ok: false, name: "OutOfMemory", message: "memory ran out" };
  if (reason === "RUNTIME_SILENT") {
    const tooLong = `loading the code took longer than ${initTimeoutMs} ms`;
    return { ok: false, name: INIT_TIMEOUT, message: tooLong };
  }
  if (reason === "INSTANCE_START_FAILED") return { ok: false, name: "BadReply", message };
  const how = `the process ended (${exit.signal ?? `code ${exit.code}`})`;
  const lastWords = runtime.collector.tail.at(-1) ?? "";
  const why = lastWords === "" ? how : `${how}: ${lastWords}`;
  return { ok: false, name: "Crashed", message: why };
}

/** Of code that took too long, what it was waited for besides its loading. */
export function withWhatLacked(
  failure: SpecialiseReply & { readonly ok: false },
  { command, runtime }: Pick<BuildHead, "command" | "runtime">,
): SpecialiseReply {
  if (failure.name !== INIT_TIMEOUT) return failure;
  const said = (lacked: string): SpecialiseReply => {
    return { ...failure, message: `${failure.message}: ${lacked}` };
  };
  if (command !== null) return said("nothing listens on $PORT");
  if (runtime !== "custom") return failure;
  return said("its program neither listens on $PORT nor asks for an event");
}

const HEAP_DEATH = new RegExp(
  `${HEAP_OUT_OF_MEMORY_TEXT}|Fatal JavaScript out of memory|${PHP_OUT_OF_MEMORY_TEXT}`,
);
/**
 * 128 and the number of the signal, where a shell stands in between; PHP ends with 255 after a
 * fatal error.
 */
const SIGNALLED_CODE_MIN = 128;

/**
 * V8 ends itself when its heap is full, PHP when its limit is reached; that is memory running out
 * as much as the kernel's kill is. A line that code prints is not enough: the process must have
 * ended as they end it.
 */
export async function instanceExitOf(
  exit: SandboxExit,
  { collector }: Pick<Ended, "collector">,
): Promise<InstanceExit> {
  await collector.lastWords();
  const isSignalled = exit.signal !== null || (exit.code ?? 0) > SIGNALLED_CODE_MIN;
  const isHeapDeath = isSignalled && collector.tail.some((line) => HEAP_DEATH.test(line));
  return {
    code: exit.code,
    signal: exit.signal,
    outOfMemory: exit.oomKilled || exit.reason === "memory" || isHeapDeath,
  };
}

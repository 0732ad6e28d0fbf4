/**
 * A master key that is kept elsewhere: a program of the operator's wraps and unwraps data keys, by
 * a key service or a hardware module. One process for each call, which reads one line of JSON,
 * `{"op":"wrap","key":"<base64>","context":"…"}` or `{"op":"unwrap","wrapped":"…","context":"…"}`,
 * and answers `{"wrapped":"…"}` or `{"key":"<base64>"}`. Which of its keys wrapped something is its
 * own affair. What it says on stderr goes nowhere: it may hold a key.
 */
import { spawn } from "node:child_process";
import type { Clock } from "@skerry/base";
import { failSecrets } from "./errors.ts";
import type { KeyWrapper } from "./sealing.ts";

/** Stands in place of a key's id: the command knows its keys by itself. */
export const COMMAND_KEY_ID = "command";
const ANSWER_WITHIN_MS = 10_000;
const ANSWER_BYTES_MAX = 64 << 10;
const KEY_BYTES = 32;

/** `command` is a program and its arguments, split at blanks. */
export function createKeyCommand(
  deps: { readonly clock: Clock },
  options: { readonly command: string; readonly answerWithinMs?: number },
): KeyWrapper {
  const [program = "", ...args] = options.command.split(/\s+/).filter((word) => word !== "");
  const withinMs = options.answerWithinMs ?? ANSWER_WITHIN_MS;
  const ask = async (operation: "wrap" | "unwrap", request: object): Promise<Answer> => {
    const call = { program, args, line: `${JSON.stringify({ op: operation, ...request })}\n` };
    const text = await run(deps.clock, { ...call, operation, withinMs });
    return parseAnswer(text) ?? fails(operation, "its answer is not JSON");
  };
  return {
    wrap: async (dataKey, context) => {
      const key = Buffer.from(dataKey).toString("base64");
      const { wrapped } = await ask("wrap", { key, context });
      if (typeof wrapped !== "string" || wrapped === "")
        fails("wrap", "its answer has no `wrapped`");
      if (wrapped.includes(key)) fails("wrap", "its answer holds the key itself");
      return { keyId: COMMAND_KEY_ID, wrappedKey: wrapped };
    },
    unwrap: async ({ wrappedKey }, context) => {
      const { key } = await ask("unwrap", { wrapped: wrappedKey, context });
      const dataKey = new Uint8Array(Buffer.from(typeof key === "string" ? key : "", "base64"));
      if (dataKey.length !== KEY_BYTES) fails("unwrap", "its answer has no `key` of 32 bytes");
      return dataKey;
    },
  };
}

interface Answer {
  readonly wrapped?: unknown;
  readonly key?: unknown;
}

function run(
  clock: Clock,
  call: {
    readonly program: string;
    readonly args: readonly string[];
    readonly line: string;
    readonly operation: string;
    readonly withinMs: number;
  },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string, cause?: unknown): void => {
      cancel();
      child.kill("SIGKILL");
      reject(failSecrets("SECRETS_KEY_COMMAND_FAILED", { operation: call.operation, why }, cause));
    };
    const child = spawn(call.program, call.args, { stdio: ["pipe", "pipe", "ignore"] });
    const cancel = clock.schedule(call.withinMs, () => {
      refuse(`it did not answer within ${call.withinMs} ms`);
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) refuse(`it answered more than ${ANSWER_BYTES_MAX} bytes`);
      else parts.push(part);
    });
    child.on("error", (error: NodeJS.ErrnoException) => refuse(error.code ?? "no start", error));
    // One that has enough of it may end without reading on.
    child.stdin.on("error", () => undefined);
    child.on("close", (code, signal) => {
      if (code !== 0) return refuse(`it ended with ${signal ?? `exit code ${code}`}`);
      cancel();
      resolve(Buffer.concat(parts).toString("utf8"));
    });
    child.stdin.end(call.line);
  });
}

function parseAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function fails(operation: string, why: string): never {
  throw failSecrets("SECRETS_KEY_COMMAND_FAILED", { operation, why });
}

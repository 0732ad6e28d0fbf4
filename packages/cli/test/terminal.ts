/**
 * A terminal in memory: whole commands run in this process, with colours, a width and someone who
 * answers.
 */
import { systemClock, systemRandom } from "@skerry/base";
import type { Host, OutputStream } from "../src/host.ts";
import { runCommandLine } from "../src/run.ts";
import { KEY } from "./fake-platform.ts";

export interface TerminalOptions {
  readonly url: string;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Answers to questions; none means that nobody is there. */
  readonly answers?: readonly string[];
  readonly cwd?: string;
  /** False for pipes. Default true. */
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
}

export interface TerminalResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly questions: readonly string[];
}

export async function runOnTerminal(
  args: readonly string[],
  { url, columns = 80, env = {}, answers = [], cwd = "/", ...rest }: TerminalOptions,
): Promise<TerminalResult> {
  const { isTerminal = true, signal = new AbortController().signal } = rest;
  const written = { stdout: "", stderr: "" };
  const questions: string[] = [];
  const stream = (name: keyof typeof written): OutputStream => ({
    write: (text) => void (written[name] += text),
    drained: () => Promise.resolve(),
    isTerminal,
    columns: isTerminal ? columns : Number.MAX_SAFE_INTEGER,
  });
  const host: Host = {
    env: { SKERRY_API: url, SKERRY_GATEWAY: url, SKERRY_KEY: KEY, ...env },
    ...{ cwd, defaultHome: "/nonexistent", version: "1.2.3" },
    ...{ stdout: stream("stdout"), stderr: stream("stderr"), stdinIsTerminal: isTerminal },
    readStdin: () => Promise.resolve(""),
    ask: (question) => {
      questions.push(question);
      return Promise.resolve(answers[questions.length - 1] ?? "");
    },
    ...{ fetch: globalThis.fetch, clock: systemClock(), random: systemRandom() },
    watch: () => () => undefined,
    startPlatform: () => Promise.reject(new TypeError("no test starts a platform here")),
    signal,
  };
  const exitCode = await runCommandLine(args, host);
  return { exitCode, ...written, questions };
}

/** A terminal in memory, or pipes: with colours, a width and someone who answers. */
import { systemClock } from "@skerry/base";
import type { OutputStream, TerminalHost } from "@skerry/terminal";

export interface MemoryTerminalOptions {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Answers to questions; none means that nobody is there. */
  readonly answers?: readonly string[];
  readonly cwd?: string;
  /** False for pipes. Default true. */
  readonly isTerminal?: boolean;
  readonly stdin?: string | Uint8Array;
  readonly signal?: AbortSignal;
  readonly keys?: TerminalHost["keys"];
}

export interface MemoryTerminal {
  readonly host: TerminalHost;
  /** Everything that was written so far. */
  readonly written: { readonly stdout: string; readonly stderr: string };
  /** Everything that was asked so far. */
  readonly questions: readonly string[];
}

export function openMemoryTerminal({
  columns = 80,
  env = {},
  answers = [],
  cwd = "/",
  isTerminal = true,
  stdin = "",
  signal = new AbortController().signal,
  keys = () => () => undefined,
}: MemoryTerminalOptions = {}): MemoryTerminal {
  const written = { stdout: "", stderr: "" };
  const questions: string[] = [];
  const stream = (name: keyof typeof written): OutputStream => ({
    write: (text) =>
      void (written[name] +=
        typeof text === "string" ? text : Buffer.from(text).toString("latin1")),
    drained: () => Promise.resolve(),
    isTerminal,
    columns: isTerminal ? columns : Number.MAX_SAFE_INTEGER,
    rows: 24,
  });
  const host: TerminalHost = {
    ...{ env, cwd, keys, signal, clock: systemClock() },
    ...{ stdout: stream("stdout"), stderr: stream("stderr"), stdinIsTerminal: isTerminal },
    readStdin: () => Promise.resolve(Buffer.from(stdin)),
    ask: (question) => {
      questions.push(question);
      return Promise.resolve(answers[questions.length - 1] ?? "");
    },
  };
  return { host, written, questions };
}

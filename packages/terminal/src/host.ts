/** What a command line reaches of the terminal, so that tests can stand in for it. */
import type { Clock } from "@skerry/base";

export interface OutputStream {
  write(text: string | Uint8Array): void;
  /** Resolves when the reader has taken enough for more to be written. */
  drained(): Promise<void>;
  readonly isTerminal: boolean;
  /** Width in characters; of a pipe it is unbounded. */
  readonly columns: number;
  /** Height in lines, of a terminal. */
  readonly rows: number;
}

export interface TerminalHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdinIsTerminal: boolean;
  /** All of the standard input. */
  readStdin(): Promise<Buffer>;
  /** One line from the terminal. */
  ask(question: string): Promise<string>;
  /** Hands every key that is pressed on, unseen by the terminal itself, until released. */
  keys(onKey: (key: string) => void): () => void;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Everything that commands reach of the machine, so that tests can stand in for it. */
import type { Clock, Random } from "@skerry/base";

export interface OutputStream {
  write(text: string): void;
  /** Resolves when the reader has taken enough for more to be written. */
  drained(): Promise<void>;
  readonly isTerminal: boolean;
  /** Width in characters; of a pipe it is unbounded. */
  readonly columns: number;
}

export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Where the platform keeps its state unless SKERRY_HOME says otherwise. */
  readonly defaultHome: string;
  readonly version: string;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdinIsTerminal: boolean;
  /** All of the standard input as text. */
  readStdin(): Promise<string>;
  /** One line from the terminal. */
  ask(question: string): Promise<string>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Calls `onChange` with the path of everything that changes below the folder, until stopped. */
  watch(folder: string, onChange: (path: string) => void): () => void;
  /** Starts a platform with its defaults; resolves when it is ready, with how to stop it. */
  startPlatform(): Promise<() => Promise<void>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

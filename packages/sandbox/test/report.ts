/**
 * What `inside.mjs` reports. Error codes stand where a thing could not be done; `ok` where it
 * could.
 */
import { parseResults } from "./raw-program.ts";

/** What the attacked sandbox is told to try. */
export interface Asked {
  readonly look: boolean;
  /** How many children to start; 0 for none. */
  readonly forks: number;
  /** How much memory to fill; 0 for none. */
  readonly memoryBytes: number;
  readonly tmpBytes: number;
  readonly port: number;
  readonly abstractName: string;
  readonly hostPid: number;
  readonly hostFile: string;
  readonly otherFile: string;
}

export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: string | null;
  /** Hexadecimal. */
  readonly output: string;
}

export interface Report {
  readonly self: Readonly<Record<string, string>>;
  readonly init: Readonly<Record<string, string>>;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly cgroups: string;
  readonly hostname: string;
  readonly interfaces: readonly string[];
  readonly environment: readonly string[];
  readonly visibleTexts: string;
  readonly hostLoopback: string;
  readonly abstractSocket: string;
  readonly hostProcess: string;
  readonly hostProcessSeen: boolean;
  readonly hostFile: readonly [string, string];
  readonly shadow: readonly [string, string];
  readonly rootOwned: string;
  readonly otherInstance: readonly [string, string];
  readonly writes: Readonly<
    Record<"box" | "code" | "usr" | "top" | "dev" | "shm" | "etc" | "tmp", string>
  >;
  readonly sys: boolean;
  readonly programs: string;
  readonly limits: string;
  readonly temporary: string;
  readonly files: { readonly count: number; readonly error: string };
  readonly setuid: ProgramEnd;
  readonly calls: ProgramEnd;
  readonly mounting: ProgramEnd;
  readonly oldGate: ProgramEnd;
  readonly x32: ProgramEnd;
  readonly forks: { readonly tried: number; readonly started: number };
  /** Blocks of 4 MiB; missing when it did not survive the meal. */
  readonly eaten?: number;
}

/** What the host saw of the same run. */
export interface HostView {
  /** Owner of the file that the sandbox wrote into its own directory. */
  readonly ownerOfBoxFile: number | null;
  readonly uidOfDriver: number;
  readonly uidOfSandbox: number | null;
  readonly namespaces: Readonly<Record<string, string>>;
  /** Descriptors that a bare command holds: Node itself would close some of them. */
  readonly descriptors: readonly number[];
  /** What the set-uid program answers when it is run outside under the sandbox's uid. */
  readonly setuidOutside: number;
  readonly exit: { readonly reason: string; readonly oomKilled: boolean };
}

export interface Evidence {
  readonly report: Report;
  readonly host: HostView;
}

export function resultsOf(end: ProgramEnd): readonly number[] {
  return parseResults(Buffer.from(end.output, "hex"));
}

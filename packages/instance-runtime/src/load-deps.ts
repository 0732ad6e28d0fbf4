import type { Clock } from "@skerry/base";
import type { SpecialiseHead } from "@skerry/contracts";
import type { Surroundings } from "./ports.ts";

/** What loading a revision's code needs of the process. */
export interface LoadDeps {
  readonly clock: Clock;
  readonly runtimePath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly changeDirectory: (directory: string) => void;
  readonly log: Surroundings["log"];
  /** Puts what the code reaches the network by into `env`. */
  readonly prepare: (head: SpecialiseHead) => Promise<void>;
  /** Ends the process with every log line written. */
  readonly exit: (code: number) => void;
}

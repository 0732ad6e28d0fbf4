/** Everything that commands reach of the machine, so that tests can stand in for it. */
import type { Random } from "@skerry/base";
import type { Fetch } from "@skerry/sdk";
import type { TerminalHost } from "@skerry/terminal";

export interface Host extends TerminalHost {
  /** Where the platform keeps its state unless SKERRY_HOME says otherwise. */
  readonly defaultHome: string;
  readonly version: string;
  readonly fetch: Fetch;
  readonly random: Random;
  /** Calls `onChange` with the path of everything that changes below the folder, until stopped. */
  watch(folder: string, onChange: (path: string) => void): () => void;
  /** Starts a platform with its defaults; resolves when it is ready, with how to stop it. */
  startPlatform(): Promise<() => Promise<void>>;
}

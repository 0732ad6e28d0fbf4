/** What a command of the platform is: facts that help shows, and what it asks the platform for. */
import type { Client } from "@skerry/sdk";
import type { Given, RunnableCommand, Screen, TerminalHost } from "@skerry/terminal";

/** What was given, a terminal and the platform: nothing else of the machine is reached. */
export interface CommandCall extends Given {
  readonly screen: Screen;
  readonly host: TerminalHost;
  /** Made at first use: needs a key. */
  client(): Client;
}

export type Command = RunnableCommand<CommandCall>;

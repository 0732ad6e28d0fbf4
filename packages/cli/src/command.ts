/** A command as plain facts: parser, help and documentation are read from them. */
import type { Client } from "@skerry/sdk";
import type { Host } from "./host.ts";
import type { Screen } from "./screen.ts";

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in help; a flag without it is a switch. */
  readonly value?: string;
  readonly description: string;
}

export interface Argument {
  /** As it stands in help. */
  readonly name: string;
  readonly isOptional?: boolean;
  readonly description: string;
}

export interface Example {
  /** What stands behind `skerry`. */
  readonly line: string;
  readonly says: string;
}

export interface CommandCall {
  /**
   * The arguments behind the command's own words; as many as it declares, optional ones may be
   * absent.
   */
  readonly args: readonly string[];
  /** The value of a flag. */
  flag(name: string): string | undefined;
  isOn(name: string): boolean;
  /** A flag's value as a whole number within bounds; `otherwise` when absent. */
  count(
    name: string,
    bounds: { readonly min: number; readonly max: number; readonly otherwise: number },
  ): number;
  readonly screen: Screen;
  readonly host: Host;
  /** Made at first use: needs a key. */
  client(): Client;
}

export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  /** What else there is to know; short paragraphs. */
  readonly about?: readonly string[];
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples: readonly Example[];
  /** Resolves to an exit code, 0 when undefined. */
  run(call: CommandCall): Promise<number | undefined>;
}

export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "json", description: "Print JSON instead of text." },
  { name: "api", value: "URL", description: "The control API. Env SKERRY_API." },
  { name: "gateway", value: "URL", description: "The gateway. Env SKERRY_GATEWAY." },
  {
    name: "key",
    value: "KEY",
    description: "The key to use. Env SKERRY_KEY, else admin.key in SKERRY_HOME.",
  },
  {
    name: "idempotency-key",
    value: "ID",
    description:
      "Names what this command is to change: run again with the same ID, it changes nothing " +
      "twice. Env SKERRY_IDEMPOTENCY_KEY, else a fresh one, which an error tells when needed.",
  },
  { name: "help", short: "h", description: "Show help for the command." },
  { name: "version", description: "Show the version." },
];

/** `skerry invoke APP/FN [-] [flags]`. */
export function usageOf(command: Command): string {
  const args = command.args.map(({ name, isOptional }) =>
    isOptional === true ? `[${name}]` : name,
  );
  return ["skerry", command.name, ...args, ...(command.flags.length > 0 ? ["[flags]"] : [])].join(
    " ",
  );
}

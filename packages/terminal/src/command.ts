/** A command as plain facts: parser, help and documentation are read from them. */

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

/** What is known of a command without running it. */
export interface CommandFacts {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  /** What else there is to know; short paragraphs. */
  readonly about?: readonly string[];
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples: readonly Example[];
}

/** A command that can be run, with what its program gives to each run. */
export interface RunnableCommand<Call> extends CommandFacts {
  /** Resolves to an exit code, 0 when undefined. */
  run(call: Call): Promise<number | undefined>;
}

/** All that one program can do. */
export interface CommandTable<Command extends CommandFacts = CommandFacts> {
  /** What the program is for, as a sentence without its full stop. */
  readonly summary: string;
  readonly commands: readonly Command[];
  /** Flags of every command; `help` and `version` among them are answered by the parser. */
  readonly flags: readonly Flag[];
}

/** What a command was given; all of it fits the command's facts. */
export interface Given {
  /**
   * The arguments behind the command's own words; as many as it declares, optional ones may be
   * absent.
   */
  readonly args: readonly string[];
  /** The value of a flag; the last one, if it was given more than once. */
  flag(name: string): string | undefined;
  /** Every value of a flag that may be given more than once, in order. */
  every(name: string): readonly string[];
  /** The value of a flag that must be there. Throws ARGUMENT_MISSING. */
  required(name: string): string;
  isOn(name: string): boolean;
  /** The value of a flag, one of these; undefined when absent. Throws FLAG_VALUE_INVALID. */
  oneOf<T extends string>(name: string, known: readonly T[]): T | undefined;
  /**
   * A flag's value as a whole number within bounds; `otherwise` when absent. Throws
   * FLAG_VALUE_INVALID.
   */
  count(
    name: string,
    bounds: { readonly min: number; readonly max: number; readonly otherwise: number },
  ): number;
}

/** `skerry invoke APP/FN [-] [flags]`. */
export function usageOf(command: CommandFacts): string {
  const args = command.args.map(({ name, isOptional }) =>
    isOptional === true ? `[${name}]` : name,
  );
  return ["skerry", command.name, ...args, ...(command.flags.length > 0 ? ["[flags]"] : [])].join(
    " ",
  );
}

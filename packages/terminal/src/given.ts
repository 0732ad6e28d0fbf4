/** What was parsed, as a command asks for it. */
import type { Given } from "./command.ts";
import { failCommand } from "./errors.ts";
import type { Invocation } from "./parse.ts";

/** The arguments and flags of one invocation. */
export function givenBy({ command, args, values, switches }: Invocation): Given {
  const flag = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    args,
    flag,
    every: (name) => values.get(name) ?? [],
    required: (name) => {
      const value = flag(name);
      if (value !== undefined) return value;
      const { value: shown = "VALUE" } = command.flags.find((one) => one.name === name) ?? {};
      const argument = `--${name} ${shown}`;
      const usage = `skerry ${command.name} … ${argument}`;
      throw failCommand("ARGUMENT_MISSING", { command: command.name, argument, usage });
    },
    isOn: (name) => switches.has(name),
    oneOf: (name, known) => {
      const value = flag(name);
      const found = known.find((one) => one === value);
      if (value === undefined || found !== undefined) return found;
      const why = `it is one of ${known.join(", ")}`;
      const told = { command: command.name, flag: `--${name}`, value, why };
      throw failCommand("FLAG_VALUE_INVALID", told);
    },
    count: (name, { min, max, otherwise }) => {
      const value = flag(name);
      if (value === undefined) return otherwise;
      const count = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      if (count >= min && count <= max) return count;
      const why = `it must be a whole number from ${min} to ${max}`;
      const told = { command: command.name, flag: `--${name}`, value, why };
      throw failCommand("FLAG_VALUE_INVALID", told);
    },
  };
}

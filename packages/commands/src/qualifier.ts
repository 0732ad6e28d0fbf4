import { parseQualifier } from "@skerry/contracts";
import { failCommand, type Flag } from "@skerry/terminal";
import type { CommandCall } from "./command.ts";

/** As which version something runs. */
export const TO_FLAG: Flag = {
  name: "to",
  value: "QUALIFIER",
  description: "As $LATEST, the number of a version or an alias; as it was accepted without it.",
};

/** Throws FLAG_VALUE_INVALID for what names no version and no alias. */
export function readQualifier(
  { flag }: Pick<CommandCall, "flag">,
  command: string,
  { name } = TO_FLAG,
): string | undefined {
  const value = flag(name);
  if (value === undefined || parseQualifier(value) !== undefined) return value;
  const why = "it is $LATEST, the number of a version, or the name of an alias";
  throw failCommand("FLAG_VALUE_INVALID", { command, flag: `--${name}`, value, why });
}

/** Gateway APIs, stages and publications as command lines name them. */
import { parseFunctionPath } from "@skerry/contracts";
import { failCommand, type Argument, type Flag } from "@skerry/terminal";
import type { CommandCall } from "@skerry/commands";

export const API_ARGUMENT: Argument = {
  name: "APP/API",
  description: "The gateway API, as `skerry apis ls` shows it.",
};
export const STAGE_FLAG: Flag = {
  name: "stage",
  value: "STAGE",
  description: "The stage, such as release; dev is test. Required.",
};

export interface ApiPath {
  readonly app: string;
  readonly api: string;
}

/** Reads `APP/API`. Throws ARGUMENT_INVALID. */
export function readApiPath(value = ""): ApiPath {
  // Names of both kinds follow one rule.
  const path = parseFunctionPath(value);
  if (path !== undefined) return { app: path.app, api: path.fn };
  const hint =
    "Write the app, a slash and the API, as in shop/web; `skerry apis ls APP` lists them.";
  throw failCommand("ARGUMENT_INVALID", { value, expected: "APP/API", hint });
}

/** Throws ARGUMENT_INVALID, ARGUMENT_MISSING. */
export function stageParamsOf({
  args,
  required,
}: CommandCall): ApiPath & { readonly stage: string } {
  return { ...readApiPath(args[0]), stage: required("stage") };
}

/** Gateway APIs, stages and publications as command lines name them. */
import { DRAFT } from "@skerry/api-schema";
import { parseFunctionPath } from "@skerry/contracts";
import { failCommand, type Argument, type Flag } from "@skerry/terminal";
import type { CommandCall } from "./command.ts";

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

/** Routes that one may look at: those that are worked on, or what a stage serves or served. */
export type RoutesAt =
  | { readonly kind: "draft" }
  | { readonly kind: "stage"; readonly stage: string; readonly number: number | undefined };

const STAGE_AND_NUMBER = /^([a-z][a-z0-9-]*)(?::([1-9][0-9]{0,8}))?$/;

/** Reads `draft`, `STAGE` or `STAGE:NUMBER`. Throws ARGUMENT_INVALID. */
export function readRoutesAt(value: string): RoutesAt {
  if (value === DRAFT) return { kind: "draft" };
  const [, stage, number] = STAGE_AND_NUMBER.exec(value) ?? [];
  if (stage !== undefined) {
    return { kind: "stage", stage, number: number === undefined ? undefined : Number(number) };
  }
  const hint = `Write ${DRAFT}, a stage such as release, or a publication of it such as release:3.`;
  throw failCommand("ARGUMENT_INVALID", { value, expected: "STAGE[:NUMBER]", hint });
}

/**
 * What follows an alias wherever it leads: instances that are kept ready, and variables that are
 * laid over its versions'. On a command line it stays as it is unless it is given anew.
 */
import { parseEnv } from "node:util";
import type { AliasResource } from "@skerry/api-schema";
import { PlatformError } from "@skerry/base";
import type { CommandCall } from "@skerry/commands";
import type { AliasTarget, Variables } from "@skerry/contracts";
import { failCommand, readInputFile, type Flag } from "@skerry/terminal";
import { ALIAS_COMMAND as COMMAND } from "./alias-target.ts";

type Following = Pick<AliasTarget, "provisionedInstances" | "env">;

export const FOLLOWING_FLAGS: readonly Flag[] = [
  {
    name: "provisioned",
    value: "N",
    description: "Instances that are kept ready of the versions that it leads to; 0 for none.",
  },
  {
    name: "env",
    value: "NAME=VALUE",
    description: "Variable that versions see when reached by it; may be given again.",
  },
  { name: "env-file", value: "FILE", description: "The same from a file of such lines." },
  { name: "no-env", description: "Take its variables away." },
];

/** What an alias is to have, and the tag of the state from which some of it was taken over. */
export interface ReadFollowing {
  readonly following: Following;
  readonly takenFrom: string | undefined;
}

/** Throws FLAG_VALUE_INVALID, FILE_UNREADABLE. */
export async function readFollowing(
  call: CommandCall,
  params: { readonly app: string; readonly fn: string; readonly alias: string },
): Promise<ReadFollowing> {
  const said = saidOf(call);
  const isAllSaid = said.provisionedInstances !== undefined && said.env !== undefined;
  const former = isAllSaid ? undefined : await formerOf(call, params);
  const { provisionedInstances = former?.target.provisionedInstances, env = former?.target.env } =
    said;
  const following = {
    ...((provisionedInstances ?? 0) === 0 ? {} : { provisionedInstances }),
    ...(env === undefined || Object.keys(env).length === 0 ? {} : { env: { ...env } }),
  };
  const isTaken =
    (said.provisionedInstances === undefined && "provisionedInstances" in following) ||
    (said.env === undefined && "env" in following);
  return { following, takenFrom: isTaken ? former?.etag : undefined };
}

function saidOf(call: CommandCall): Partial<Following> {
  const instances = call.count("provisioned", { min: 0, max: 1_000, otherwise: 0 });
  const env = readVariables(call);
  return {
    ...(call.flag("provisioned") === undefined ? {} : { provisionedInstances: instances }),
    ...(env === undefined ? {} : { env }),
  };
}

/** Undefined when nothing is said of them. */
function readVariables({ flag, every, isOn, host }: CommandCall): Variables | undefined {
  const path = flag("env-file");
  const each = every("env");
  if (isOn("no-env")) {
    if (path === undefined && each.length === 0) return {};
    const why = "it goes with neither `--env` nor `--env-file`";
    throw failCommand("FLAG_VALUE_INVALID", { command: COMMAND, flag: "--no-env", value: "", why });
  }
  if (path === undefined && each.length === 0) return undefined;
  const text = path === undefined ? "" : readInputFile(host, path).toString("utf8");
  const lines = Object.entries(parseEnv(text)).map(([name, value = ""]) => [name, value] as const);
  return Object.fromEntries([...lines, ...each.map(readVariable)]);
}

function readVariable(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  const why = "it is a name, `=` and a value, as in LOG_LEVEL=warn";
  throw failCommand("FLAG_VALUE_INVALID", { command: COMMAND, flag: "--env", value: text, why });
}

async function formerOf(
  { client }: CommandCall,
  params: { readonly app: string; readonly fn: string; readonly alias: string },
): Promise<AliasResource | undefined> {
  try {
    return await client().getAlias({ params });
  } catch (error) {
    if (PlatformError.from(error).reason === "ALIAS_NOT_FOUND") return undefined;
    throw error;
  }
}

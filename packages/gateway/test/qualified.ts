/** Versions and aliases as entries of the config log. For tests only. */
import type { ConfigEntry, FunctionConfigInput, FunctionEntry } from "@skerry/contracts";
import { aliasTarget, functionConfig } from "@skerry/contracts/schemas";
import { ids } from "./world.ts";

let seq = 100;

export function versionOf(
  fn: FunctionEntry,
  number: number,
  config: FunctionConfigInput = { auth: "none" },
): ConfigEntry {
  seq += 1;
  const revision = { ...fn.latest, id: ids.id("rev"), config: functionConfig.parse(config) };
  const value = { kind: "version", functionId: fn.id, number, revision } as const;
  return { seq, key: `version/${fn.id}/${number}`, value };
}

export function aliasOf(fn: FunctionEntry, name: string, said: object): ConfigEntry {
  seq += 1;
  const target = aliasTarget.parse(said);
  const value = { kind: "alias", functionId: fn.id, name, target } as const;
  return { seq, key: `alias/${fn.id}/${name}`, value };
}

/** Takes the value of an entry away. */
export function removalOf({ key }: ConfigEntry): ConfigEntry {
  seq += 1;
  return { seq, key, value: null };
}

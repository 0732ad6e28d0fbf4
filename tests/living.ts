/** Which sandboxes the machine shows, beside those that the platform knows. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findLeftovers, until, type Platform } from "@skerry/testkit";

/**
 * Waits until every sandbox that the machine shows is one that the platform lists or keeps as a
 * blank, and resolves with their ids. A blank is one whose directory holds no artefact yet.
 */
export async function untilOnlyListedAreLeft(platform: Platform): Promise<readonly string[]> {
  const look = async (): Promise<{
    readonly strays: readonly string[];
    readonly all: readonly string[];
  }> => {
    const { items } = await platform.client.listInstances();
    const listed = new Set(items.map(({ id }) => id));
    const directories = instanceDirectories(platform);
    const isBlank = (id: string): boolean => {
      try {
        return readdirSync(join(directories.get(id) ?? "", "code")).length === 0;
      } catch {
        return false;
      }
    };
    const groups = findLeftovers(platform.home).groups.flatMap(
      (group) => /inst_\w+$/.exec(group) ?? [],
    );
    const all = [...new Set([...groups, ...directories.keys()])];
    return { strays: all.filter((id) => !listed.has(id) && !isBlank(id)), all };
  };
  await until("only the living are left", async () => (await look()).strays.length === 0).catch(
    () => undefined,
  );
  const { strays, all } = await look();
  assert.deepEqual(strays, []);
  return all;
}

/** Each agent keeps the directories of its instances below one of its own. */
export function instanceDirectories(platform: Platform): ReadonlyMap<string, string> {
  const root = join(platform.home, "instances");
  return new Map(
    readdirSync(root).flatMap((agent) =>
      namesIn(join(root, agent)).map((id): [string, string] => [id, join(root, agent, id)]),
    ),
  );
}

/** An agent that leaves takes its directory along. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

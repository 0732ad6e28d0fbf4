/** Which sandboxes the machine shows, beside those that the platform knows. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { until, type Platform } from "@skerry/testkit";
import { findLeftovers } from "@skerry/testkit/leftovers";

/**
 * Waits until every sandbox that the machine shows is one that the platform lists or keeps as a
 * blank, and resolves with their ids. A blank is one whose directory holds no artefact yet.
 */
export async function untilOnlyListedAreLeft(platform: Platform): Promise<readonly string[]> {
  const look = async (): Promise<Look> => {
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
  // The look that was waited for is the proof: a later one could meet what has just begun.
  const looks: Look[] = [];
  const isClean = async (): Promise<boolean> => {
    const seen = await look();
    looks.splice(0, 1, seen);
    return seen.strays.length === 0;
  };
  await until("only the living are left", isClean).catch(() => undefined);
  const [last] = looks;
  assert.ok(last !== undefined, "nothing could be seen");
  assert.deepEqual(last.strays, []);
  return last.all;
}

interface Look {
  readonly strays: readonly string[];
  readonly all: readonly string[];
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

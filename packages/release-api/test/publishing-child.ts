/**
 * Deploys, publishes and rolls back an app of three functions until it is killed; tells each number
 * that was acknowledged. Its arguments: the store's directory, and the number to begin behind.
 */
import { writeSync } from "node:fs";
import { openReleaseStore } from "./open-release-store.ts";
import { KILLED_APP, ReleaseWorld } from "./release-world.ts";

const [directory = "", last = "0"] = process.argv.slice(2);
const world = new ReleaseWorld(await openReleaseStore(directory), KILLED_APP.accountId);
for (let number = Number(last) + 1; ; number += 1) {
  for (const name of KILLED_APP.functions) await world.deploy(name, `${number}`);
  await world.publishApp("live");
  // A pipe keeps what is written to it over the writer's death.
  writeSync(1, `${number}\n`);
  if (number % 3 === 0) await world.rollbackApp("live");
}

/**
 * Deploys an app of three functions with routes and releases it until it is killed; each third
 * release goes back. Behind each change it tells the number of the last release that has ended. Its
 * arguments: the store's directory, and the number to begin behind.
 */
import { writeSync } from "node:fs";
import { AppReleases, figures, FUNCTIONS } from "./app-release-world.ts";
import { answering, GatewayApis } from "./gateway-api-world.ts";
import { openReleaseStore } from "./open-release-store.ts";
import { KILLED_APP, ReleaseWorld } from "./release-world.ts";

const [directory = "", last = "0"] = process.argv.slice(2);
const world = new ReleaseWorld(await openReleaseStore(directory), KILLED_APP.accountId);
const releases = new AppReleases(world);
const apis = new GatewayApis(world);
let ended = Number(last);

/** A pipe keeps what is written to it over the writer's death. */
const tell = (): number => writeSync(1, `${ended}\n`);

for (;;) {
  const number = ended + 1;
  for (const name of FUNCTIONS) {
    await world.deploy(name, `${number}`);
    tell();
  }
  // Only releases change what it serves.
  const stages = { test: { variables: {}, qualifier: "test", follows: false } };
  await apis.put([answering("/", `${number}`)], { stages });
  tell();
  const { id } = await releases.create();
  tell();
  while (ended < number) {
    const record = await releases.due();
    const { places } = await releases.get(id);
    const isBack = number % 3 === 0 && places.at(-1)?.state === "current";
    await releases.step(record, isBack ? figures(40) : { kind: "step" });
    if ((await releases.get(id)).endedAt !== null) ended = number;
    tell();
  }
}

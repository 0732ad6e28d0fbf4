/**
 * Puts routes, publishes them to a stage and moves an alias until it is killed; tells each number
 * that was acknowledged. Its arguments: the store's directory, and the number to begin behind.
 */
import { writeSync } from "node:fs";
import { answering, GatewayApis } from "./gateway-api-world.ts";
import { openReleaseStore } from "./open-release-store.ts";
import { KILLED_APP, ReleaseWorld } from "./release-world.ts";

const [directory = "", last = "0"] = process.argv.slice(2);
const world = new ReleaseWorld(await openReleaseStore(directory), KILLED_APP.accountId);
const apis = new GatewayApis(world);
for (let number = Number(last) + 1; ; number += 1) {
  await world.deploy("hello", `${number}`);
  await apis.put([answering("/", `${number}`), { path: "/hello", to: { function: "hello" } }]);
  await apis.publish("release", { variables: { number: `${number}` } });
  // A pipe keeps what is written to it over the writer's death.
  writeSync(1, `${number}\n`);
}

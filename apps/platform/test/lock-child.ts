/** Tries to take a home's lock as soon as it is told to, says how that went, and holds it. */
import { writeSync } from "node:fs";
import { PlatformError } from "@skerry/base";
import { lockHome } from "../src/home-lock.ts";

const [home = "", lockFile = ""] = process.argv.slice(2);
writeSync(1, "ready\n");
process.stdin.once("data", () => {
  try {
    lockHome(home, lockFile);
    writeSync(1, "taken\n");
  } catch (error) {
    writeSync(1, `${PlatformError.from(error).reason}\n`);
  }
});
process.stdin.resume();

/**
 * Appends numbered lines until it is killed, and says over stdout up to which number `append` has
 * returned. With `gathering` it appends many lines at once and says so before: the negative control
 * of the kill test.
 */
import { writeSync } from "node:fs";
import { silentLog, systemClock } from "@skerry/base";
import { openSpoolWriter } from "../src/spool-writer.ts";

const [directory = "", order = "honest"] = process.argv.slice(2);
const spool = openSpoolWriter(
  { clock: systemClock(), log: silentLog() },
  { directory, pid: process.pid, segmentBytesMax: 4_096 },
);
let gathered = "";
for (let n = 0; ; n += 1) {
  gathered += `${n} ${"x".repeat(n % 97)}\n`;
  if (order === "honest" || n % 64 === 63) {
    spool.append(Buffer.from(gathered));
    gathered = "";
  }
  writeSync(1, `${n}\n`);
}

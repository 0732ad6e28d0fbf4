/**
 * A gateway in a process of its own that kills itself while the first answer is on its way: right
 * after its record was appended, or, as the control that must fail, with a meter that only writes
 * later. For tests only.
 */
import { openSpoolWriter } from "@skerry/telemetry";
import { silentLog } from "@skerry/base";
import { clock, World } from "./world.ts";

const [directory = "", mode] = process.argv.slice(2);
const spool = openSpoolWriter({ clock, log: silentLog() }, { directory, pid: process.pid });
const world = new World();
world.fn();
await world.agent();
await world.start(
  {},
  {
    meter: {
      append(bytes) {
        if (mode === "late") return void setTimeout(() => spool.append(bytes), 60_000);
        spool.append(bytes);
        process.kill(process.pid, "SIGKILL");
      },
      isBehind: () => spool.isBehind(),
    },
  },
);
if (mode === "late") {
  const path = "/-/shop/hello/";
  await world.ask({ path });
  process.kill(process.pid, "SIGKILL");
}
process.send?.(world.port);

/**
 * Loads what every process of a platform loads, and ends. It is run after an installation, so that
 * the first start finds all of it compiled. It opens no store, no port and no home.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { storeModuleUrls } from "./roles/control-store.ts";
import { NODE_FLAGS } from "./role-process.ts";

/** What is compiled under V8's flags of one process is of no use to one with others. */
const FLAGS = new Set(Object.values(NODE_FLAGS).map((flags) => flags.join(" ")));
const ONE_OF_SEVERAL = "one";

if (process.argv[2] === ONE_OF_SEVERAL) {
  await Promise.all([
    import("./supervise.ts"),
    import("./example.ts"),
    import("./roles/role-context.ts"),
    import("./roles/control.ts"),
    import("./roles/gateway.ts"),
    import("./roles/agent.ts"),
    ...storeModuleUrls().map((url) => import(url)),
  ]);
} else {
  const program = fileURLToPath(import.meta.url);
  for (const flags of FLAGS) {
    const args = [...flags.split(" "), program, ONE_OF_SEVERAL].filter((arg) => arg !== "");
    spawnSync(process.execPath, args, { stdio: "inherit" });
  }
}

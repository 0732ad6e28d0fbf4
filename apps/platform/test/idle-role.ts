/**
 * A role that serves nothing, for tests of what every role's process does. It tells on its standard
 * output when it is to put its things away, and takes longer for that than its supervisor is looked
 * for.
 */
import { until } from "@skerry/testkit";
import { runRole } from "../src/roles/role-context.ts";

const PUT_AWAY_MS = 1_500;

const running = {
  facts: {},
  drain: () => Promise.resolve(),
  abandon: async () => {
    process.stdout.write("putting away\n");
    const begunMs = performance.now();
    await until("it has taken its time", () => performance.now() - begunMs > PUT_AWAY_MS);
  },
};
await runRole({ role: "agent", id: "idle" }, () => Promise.resolve(() => Promise.resolve(running)));

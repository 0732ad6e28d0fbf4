/** A role that serves nothing, for tests of what every role's process does. */
import { runRole } from "../src/roles/role-context.ts";

const running = { facts: {}, drain: () => Promise.resolve() };
await runRole({ role: "agent", id: "idle" }, () => Promise.resolve(() => Promise.resolve(running)));

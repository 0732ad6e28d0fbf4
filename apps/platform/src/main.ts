/**
 * The one composition root. Without `--as-role` it is the supervisor; with it, one of the roles. A
 * process loads what it is, and nothing of the others.
 */
import { exitCodeOf, PlatformError } from "@skerry/base";
import { isRoleName, type RoleName } from "./messages.ts";
import type { LoadRole } from "./roles/role-context.ts";

const ROLES: Readonly<Record<RoleName, LoadRole>> = {
  control: async (context) => {
    const store = (await import("./roles/control-store.ts")).prepareStore(context);
    const { startControlRole } = await import("./roles/control.ts");
    return () => startControlRole(context, store);
  },
  gateway: async () => (await import("./roles/gateway.ts")).startGatewayRole,
  agent: async () => (await import("./roles/agent.ts")).startAgentRole,
};

async function run(argv: readonly string[]): Promise<void> {
  const [mark, role, id] = argv;
  if (mark === "--as-role" && isRoleName(role)) {
    const { runRole } = await import("./roles/role-context.ts");
    await runRole({ role, id: id ?? role }, ROLES[role]);
    return;
  }
  const { obey } = await import("./supervise.ts");
  await obey(argv);
}

run(process.argv.slice(2)).catch((error: unknown) => {
  const known = PlatformError.is(error) ? error : undefined;
  const { code, message, hint } = PlatformError.from(error);
  process.stderr.write(`skerry: ${message}\n${hint === "" ? "" : `  ${hint}\n`}`);
  if (known === undefined) process.stderr.write(`${String((error as Error).stack ?? error)}\n`);
  process.exit(exitCodeOf(code));
});

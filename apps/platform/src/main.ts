/**
 * The one composition root. Without `--as-role` it is the supervisor; with it, one of the roles.
 * Start order: ports, then gateway, control and agent at once; stop order: gateway, agent, control.
 */
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { exitCodeOf, PlatformError, systemClock } from "@skerry/base";
import { lockHome, type HomeLock } from "./home-lock.ts";
import { layoutOf, prepareHome } from "./layout.ts";
import { isRoleName, type RoleName } from "./messages.ts";
import { openPlatformLog } from "./platform-log.ts";
import { runRole, type LoadRole } from "./roles/role-context.ts";
import { helpText, readSettings, type Invocation } from "./settings.ts";
import { DONE, Supervisor, type SupervisorOptions } from "./supervisor.ts";

/** A process loads the role that it is, and nothing of the others. */
const ROLES: Readonly<Record<RoleName, LoadRole>> = {
  control: async (context) => {
    const store = (await import("./roles/control-store.ts")).prepareStore(context);
    const { startControlRole } = await import("./roles/control.ts");
    return () => startControlRole(context, store);
  },
  gateway: async () => (await import("./roles/gateway.ts")).startGatewayRole,
  agent: async () => (await import("./roles/agent.ts")).startAgentRole,
};
const PORTS_FREE_WITHIN_MS = 10_000;
const PORT_LOOK_MS = 50;

async function run(argv: readonly string[]): Promise<void> {
  const [mark, role, id] = argv;
  if (mark === "--as-role" && isRoleName(role)) {
    await runRole({ role, id: id ?? role }, ROLES[role]);
    return;
  }
  const invocation = readSettings(argv, process.env);
  if (invocation.help) process.stdout.write(helpText());
  else if (invocation.words.length > 0) await askSupervisor(invocation);
  else await supervise(invocation);
}

async function supervise({ config }: Invocation): Promise<void> {
  const layout = layoutOf(config.home);
  prepareHome(layout);
  const lock = lockHome(layout.home, layout.lockFile);
  const log = openPlatformLog({ file: layout.logFile, level: config.logLevel, role: "supervisor" });
  // What was started, so that the roles are composed the way the supervisor is.
  const main = process.argv[1] ?? fileURLToPath(import.meta.url);
  const supervisor = await bindSupervisor(
    { clock: systemClock(), config, layout, log, main },
    lock,
  );
  const stop = stopOnSignals(supervisor, config.drainDeadlineMs, lock);
  // Loaded while the roles start.
  const firstRun = import("./first-run.ts");
  try {
    await supervisor.start();
  } catch (error) {
    if (supervisor.stopping) return;
    await stop(0);
    throw error;
  }
  if (supervisor.stopping) return;
  const facts = { ...supervisor.factsOf("control"), ...supervisor.factsOf("agent") };
  const { apiPort, gatewayPort, gatewayTlsPort } = supervisor;
  const ports = { apiPort, gatewayPort, gatewayTlsPort };
  const { banner, deployExample, signInUrl } = await firstRun;
  const [hasExample, signIn] = await Promise.all([
    config.example && deployExample({ config, layout, log, ...ports }),
    signInUrl({ config, layout, log, ...ports }),
  ]);
  // Since this process began.
  const readyMs = performance.now();
  process.stdout.write(banner({ config, layout, facts, hasExample, signIn, readyMs, ...ports }));
}

/** After a kill the roles of the one before hold the ports until they have noticed. */
async function bindSupervisor(options: SupervisorOptions, lock: HomeLock): Promise<Supervisor> {
  const endMs = performance.now() + (lock.isTakenOver ? PORTS_FREE_WITHIN_MS : 0);
  for (;;) {
    try {
      return new Supervisor(options);
    } catch (error) {
      const isTaken = PlatformError.is(error) && error.reason === "PORT_IN_USE";
      if (isTaken && performance.now() < endMs) {
        await new Promise((resolve) => setTimeout(resolve, PORT_LOOK_MS));
        continue;
      }
      lock.giveBack();
      throw error;
    }
  }
}

/** The first signal drains; a second one ends everything at once. */
function stopOnSignals(
  supervisor: Supervisor,
  drainDeadlineMs: number,
  lock: HomeLock,
): (deadlineMs: number) => Promise<void> {
  let stopping: Promise<void> | undefined;
  const stop = (deadlineMs: number): Promise<void> => {
    stopping ??= supervisor.stop(deadlineMs).finally(() => lock.giveBack());
    return stopping;
  };
  const onSignal = (): void => {
    if (stopping !== undefined) {
      supervisor.killAll();
      return;
    }
    process.stdout.write(
      "\nStopping: running requests are finished first. Ctrl-C again ends at once.\n",
    );
    void stop(drainDeadlineMs).then(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return stop;
}

async function askSupervisor({ config, words }: Invocation): Promise<void> {
  const socket = connect(layoutOf(config.home).supervisorSocket);
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => (text += part));
    socket.once("error", reject);
    socket.once("end", () => resolve(text.trim()));
    socket.end(`${words.join(" ")}\n`);
  });
  if (answer !== DONE) throw PlatformError.fromWire(parseJson(answer));
  process.stdout.write(`${answer}\n`);
}

/** A supervisor that ended meanwhile has answered nothing. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

run(process.argv.slice(2)).catch((error: unknown) => {
  const known = PlatformError.is(error) ? error : undefined;
  const { code, message, hint } = PlatformError.from(error);
  process.stderr.write(`skerry: ${message}\n${hint === "" ? "" : `  ${hint}\n`}`);
  if (known === undefined) process.stderr.write(`${String((error as Error).stack ?? error)}\n`);
  process.exit(exitCodeOf(code));
});

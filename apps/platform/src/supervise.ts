/**
 * What the platform's program does but for being a role: it supervises them, or asks who does.
 * Start order: ports, then gateway, control and agent at once; stop order: gateway, agent, control.
 */
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { PlatformError, systemClock } from "@skerry/base";
import type { PlatformConfig } from "@skerry/contracts/platform-config";
import { fail } from "./errors.ts";
import { banner, expectExample, openExample, signInUrl } from "./first-run.ts";
import { lockHome, type HomeLock } from "./home-lock.ts";
import { layoutOf, prepareHome, type Layout } from "./layout.ts";
import { openPlatformLog } from "./platform-log.ts";
import { helpText, readSettings, type Invocation } from "./settings.ts";
import { DONE, Supervisor, type SupervisorOptions } from "./supervisor.ts";

const PORTS_FREE_WITHIN_MS = 10_000;
const PORT_LOOK_MS = 50;
/** More than a role takes at most that is left alone; one that hangs is killed then. */
const LEAVE_WITHIN_MS = 6_000;

/** Does what the words of the command line and the environment say. */
export async function obey(argv: readonly string[]): Promise<void> {
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
  const main = process.argv[1] ?? fileURLToPath(new URL("main.ts", import.meta.url));
  const supervisor = await bindSupervisor(
    { clock: systemClock(), config, layout, log, main },
    lock,
  );
  const stop = stopOnSignals(supervisor, config, { layout, lock });
  const starting = supervisor.start();
  if (config.example) expectExample(layout);
  try {
    await starting;
  } catch (error) {
    if (supervisor.stopping) return;
    await stop(0);
    throw error;
  }
  if (supervisor.stopping) return;
  const facts = { ...supervisor.factsOf("control"), ...supervisor.factsOf("agent") };
  const { apiPort, gatewayPort, gatewayTlsPort } = supervisor;
  const ports = { apiPort, gatewayPort, gatewayTlsPort };
  const started = { config, layout, log, ...ports };
  const [hasExample, signIn] = await Promise.all([
    config.example && openExample(started),
    signInUrl(started),
  ]);
  // Since this process began.
  const readyMs = performance.now();
  process.stdout.write(banner({ ...started, facts, hasExample, signIn, readyMs }));
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

/**
 * The first signal drains; a second one ends everything at once, and a third one without a look.
 */
function stopOnSignals(
  supervisor: Supervisor,
  { drainDeadlineMs }: PlatformConfig,
  { layout, lock }: { readonly layout: Layout; readonly lock: HomeLock },
): (deadlineMs: number) => Promise<void> {
  let stopping: Promise<void> | undefined;
  let leaving: NodeJS.Timeout | undefined;
  const stop = (deadlineMs: number): Promise<void> => {
    stopping ??= supervisor.stop(deadlineMs).finally(() => {
      // One that was not drained leaves its socket where it was.
      rmSync(layout.controlSocket, { force: true });
      lock.giveBack();
    });
    return stopping;
  };
  const onSignal = (): void => {
    if (leaving !== undefined) {
      supervisor.killAll();
      return;
    }
    if (stopping !== undefined) {
      supervisor.letGo();
      leaving = setTimeout(() => supervisor.killAll(), LEAVE_WITHIN_MS);
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
  const { home, supervisorSocket } = layoutOf(config.home);
  const order = words.join(" ");
  const socket = connect(supervisorSocket);
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => (text += part));
    socket.once("error", (error) => {
      reject(fail("SUPERVISOR_UNREACHABLE", { home, order, why: error.message }, error));
    });
    socket.once("end", () => resolve(text.trim()));
    socket.end(`${order}\n`);
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

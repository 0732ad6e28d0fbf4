/**
 * Specialises the runtime to a program: starts it beside this process and makes its web server, or
 * the events that it fetches, the function's handler. The instance ends when the program does.
 */
import { join } from "node:path";
import type { ProgramManifest } from "@skerry/contracts";
import type { LoadDeps } from "../load-deps.ts";
import type { LoadedCode } from "../runtime.ts";
import { EventsApi } from "./events-api.ts";
import { choosePort, startProgram, untilListening, type Program } from "./program.ts";
import { WebServer } from "./web-server.ts";

/** Rejects with PROGRAM_ENDED, or with what the program said of its failed start. */
export async function loadProgram(
  deps: LoadDeps,
  manifest: ProgramManifest,
  directory: string,
): Promise<LoadedCode> {
  const startedMs = deps.clock.monotonicMs();
  const { handler, program } = await (manifest.serves === "http"
    ? startWebServer(deps, manifest, directory)
    : startBootstrap(deps, manifest, directory));
  const initUs = Math.round((deps.clock.monotonicMs() - startedMs) * 1_000);
  const preStop = (): Promise<void> => program.stop();
  const none = { codeUs: 0, codeCacheUsed: false, createCodeCache: () => undefined };
  return { handler, initUs, preStop, ...none };
}

interface Started {
  readonly handler: LoadedCode["handler"];
  readonly program: Program;
}

async function startWebServer(
  deps: LoadDeps,
  { command, port: wanted }: ProgramManifest,
  directory: string,
): Promise<Started> {
  const port = await choosePort(wanted, command);
  const env = { ...deps.env, ...portNames(port) };
  const program = startProgram({ command, directory, env });
  await untilListening({ clock: deps.clock, program }, port);
  endWith(program, deps);
  return { program, handler: webHandler(deps, port) };
}

/**
 * In SCF and Lambda such a file fetches its events, in Function Compute it is a web server: what it
 * does first says which.
 */
async function startBootstrap(
  deps: LoadDeps,
  { command, port: wanted }: ProgramManifest,
  directory: string,
): Promise<Started> {
  const api = new EventsApi();
  const [apiPort, port] = [await api.listen(), await choosePort(wanted, command)];
  const told = { ...portNames(port), ...eventsEnvironment(apiPort, directory) };
  const env = { ...namesOf(deps.env), ...deps.env, ...told };
  const program = startProgram({ command, directory, env });
  void program.ended.then(() => api.close());
  let asks = false;
  const asked = api.ready.finally(() => (asks = true));
  const listens = untilListening({ clock: deps.clock, program, isOver: () => asks }, port);
  await Promise.race([asked, listens]);
  endWith(program, deps);
  if (asks) return { program, handler: { kind: "event", call: api.handle } };
  api.close();
  return { program, handler: webHandler(deps, port) };
}

function webHandler(deps: LoadDeps, port: number): LoadedCode["handler"] {
  const server = new WebServer(deps, port);
  return { kind: "web", pass: (call) => server.pass(call) };
}

/** By all names that custom runtimes of Function Compute know it. */
function portNames(port: number): Readonly<Record<string, string>> {
  const told = String(port);
  return { PORT: told, FC_SERVER_PORT: told, FC_CUSTOM_LISTEN_PORT: told };
}

/** What SCF's and Lambda's clients say of the function, which they are not told with an event. */
function namesOf(env: LoadDeps["env"]): LoadDeps["env"] {
  const [name, version] = [env["SKERRY_FUNCTION"], env["SKERRY_VERSION"]];
  return {
    ...{ AWS_LAMBDA_FUNCTION_NAME: name, AWS_LAMBDA_FUNCTION_VERSION: version },
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: env["SKERRY_MEMORY_MB"],
    ...{ SCF_FUNCTIONNAME: name, SCF_FUNCTIONVERSION: version, SCF_NAMESPACE: env["SKERRY_APP"] },
  };
}

/** The names by which SCF's and Lambda's clients find the API. */
function eventsEnvironment(port: number, directory: string): Readonly<Record<string, string>> {
  return {
    SCF_RUNTIME_API: "127.0.0.1",
    SCF_RUNTIME_API_PORT: String(port),
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    LAMBDA_TASK_ROOT: join(directory),
    _HANDLER: "handler",
  };
}

function endWith(program: Program, { log, exit }: LoadDeps): void {
  void program.ended.then(({ how, code }) => {
    if (program.isStopping) return;
    log("error", `The program ended: ${how}.`);
    // An instance without its program has failed, however the program sees it.
    exit(code === 0 ? 1 : code);
  });
}

/** Turns the process into an instance of one revision: environment, working directory, code. */
import type { FolderManifest, SpecialiseHead } from "@skerry/contracts";
import { findHandler } from "./handler.ts";
import { findHooks, instanceContextOf } from "./hooks.ts";
import { compileCode, readManifest } from "./load-code.ts";
import type { LoadDeps } from "./load-deps.ts";
import type { LoadCode, LoadedCode } from "./runtime.ts";
import { mapStackTraces } from "./stack-traces.ts";

/** The loader that a bootstrap gives to the runtime. */
export function createLoader(deps: LoadDeps): LoadCode {
  const { clock, runtimePath, env, changeDirectory } = deps;
  return async (head) => {
    const startMs = clock.monotonicMs();
    await deps.prepare(head);
    fillEnv(env, head);
    const manifest = readManifest(head.codeDirectory);
    changeDirectory(head.codeDirectory);
    if (manifest.format === 2) return await loadFolder(deps, manifest, head.codeDirectory);
    const code = compileCode(head.codeDirectory, manifest);
    mapStackTraces({ path: code.bundlePath, runtimePath });
    const compiledMs = clock.monotonicMs();
    const loaded = await code.run();
    const found = findHandler(loaded, head.handler);
    if (found.kind === "missing") return { missing: found.message };
    const hooks = findHooks(loaded);
    if (head.noInit !== true) await hooks.init?.(instanceContextOf(head));
    const readyMs = clock.monotonicMs();
    const { preStop } = hooks;
    return {
      preStop: preStop === undefined ? undefined : () => preStop(instanceContextOf(head)),
      handler: found,
      codeUs: Math.round((compiledMs - startMs) * 1000),
      initUs: Math.round((readyMs - compiledMs) * 1000),
      codeCacheUsed: code.codeCacheUsed,
      createCodeCache: () => code.createCodeCache(),
    };
  };
}

/** Its code is loaded only here: an instance without a program has no need of an HTTP client. */
async function loadFolder(
  deps: LoadDeps,
  { program }: FolderManifest,
  directory: string,
): Promise<LoadedCode | { readonly missing: string }> {
  if (program === null) return { missing: "This runtime starts programs; the artefact has none." };
  const { loadProgram } = await import("./program/load-program.ts");
  return await loadProgram(deps, program, directory);
}

/**
 * By it the sandbox driver finds what code starts and leaves behind, where no namespace holds it;
 * bubblewrap passes it to nobody.
 */
const MARKER = "SKERRY_SANDBOX";

/**
 * Names that the surroundings may set and user code sees; everything else of the blank's
 * environment is removed.
 */
const KEPT: readonly string[] = ["PATH", "HOME", "TMPDIR", "TZ", MARKER];
const DEFAULTS: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/tmp",
  TZ: "UTC",
  NODE_ENV: "production",
};

/** Leaves a blank's environment with what any function may see. */
export function scrubEnv(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) if (!KEPT.includes(name)) delete env[name];
  for (const [name, value] of Object.entries(DEFAULTS)) env[name] ??= value;
}

function fillEnv(env: NodeJS.ProcessEnv, head: SpecialiseHead): void {
  for (const [name, value] of Object.entries(head.env)) env[name] = value;
  env["SKERRY_APP"] = head.names.app;
  env["SKERRY_FUNCTION"] = head.names.fn;
  env["SKERRY_REVISION"] = head.names.revision;
  env["SKERRY_INSTANCE_ID"] = head.instanceId;
  env["SKERRY_MEMORY_MB"] = String(head.memoryMb);
}

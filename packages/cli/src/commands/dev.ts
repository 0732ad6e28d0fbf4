/**
 * `skerry dev`: one terminal for a folder that is being worked on. What fails is told and waited
 * over; only Ctrl-C ends it.
 */
import { resolve } from "node:path";
import { PlatformError } from "@skerry/base";
import { logLineText } from "@skerry/commands";
import { followLogs } from "@skerry/sdk";
import { durationText, errorText } from "@skerry/terminal";
import type { Command, CommandCall } from "../command.ts";
import { planProject } from "../deployment.ts";
import { resultLines } from "../deployment-view.ts";
import { readProject, type Project, type ProjectChoice } from "../project.ts";
import { WatchedFolders } from "../watched-folders.ts";

/** An editor saves in several steps; a change counts once it has been quiet this long. */
const QUIET_MS = 25;

export const dev: Command = {
  name: "dev",
  summary: "Work on a folder: deploy every change, and show its log",
  about: [
    "Deploys the folder as `skerry deploy` does, again after every change, and shows what its functions write. " +
      "When no platform answers, one is started with its defaults, and stopped at the end. Ctrl-C ends it; what " +
      "is deployed stays deployed.",
  ],
  args: [{ name: "DIR", isOptional: true, description: "The folder; this one when absent." }],
  flags: [
    { name: "app", value: "APP", description: "The app to deploy into." },
    { name: "name", value: "FN", description: "Name of the function." },
  ],
  examples: [
    { line: "dev", says: "The current folder." },
    { line: "dev ./resize --app images", says: "One function, images/resize." },
  ],
  async run(call) {
    const { args, flag, host, screen } = call;
    const folder = resolve(host.cwd, args[0] ?? ".");
    const choice = { app: flag("app"), name: flag("name") };
    // What is no project at all is told before anything is started.
    await readProject(folder, choice);
    const stopPlatform = await ensurePlatform(call);
    try {
      await work(call, { folder, choice });
    } finally {
      if (stopPlatform !== undefined) screen.note("Stopping the platform …");
      await stopPlatform?.();
    }
    return 0;
  },
};

/** Starts a platform when none answers; resolves with how to stop it. */
async function ensurePlatform(call: CommandCall): Promise<(() => Promise<void>) | undefined> {
  const { host, screen } = call;
  try {
    await call.client().getPlatform({ signal: host.signal });
    return undefined;
  } catch (error) {
    const { reason } = PlatformError.from(error);
    if (reason !== "PLATFORM_UNREACHABLE" && reason !== "KEY_FILE_MISSING") throw error;
    screen.note("No platform answers; starting one …");
    return await host.startPlatform();
  }
}

interface Folder {
  readonly folder: string;
  readonly choice: ProjectChoice;
}

async function work(call: CommandCall, at: Folder): Promise<void> {
  const { host } = call;
  const changes = new Changes();
  using watched = new WatchedFolders((folder) => host.watch(folder, (path) => changes.saw(path)));
  watched.set([at.folder]);
  const following = new Map<string, Promise<void>>();
  try {
    while (!host.signal.aborted) {
      const project = await deployOnce(call, { ...at, watched });
      for (const { name } of project?.functions ?? []) {
        const path = { app: project?.app ?? "", fn: name };
        if (!following.has(name)) following.set(name, follow(call, path));
      }
      await changes.next(call);
    }
  } finally {
    await Promise.allSettled(following.values());
  }
}

async function deployOnce(
  call: CommandCall,
  at: Folder & { readonly watched: WatchedFolders },
): Promise<Project | undefined> {
  const { host, screen } = call;
  const startedMs = host.clock.monotonicMs();
  try {
    const project = await readProject(at.folder, at.choice);
    at.watched.set([at.folder, ...foldersOf(project)]);
    const { perform } = await planProject(call, project);
    const outcome = await perform();
    const elapsedMs = host.clock.monotonicMs() - startedMs;
    const isNew = outcome.plan.functions.some(({ change }) => change === "create");
    if (isNew || outcome.deployment === undefined)
      screen.print(...resultLines(outcome, screen.style));
    else screen.print(`${screen.style.green("✓")} Live in ${durationText(elapsedMs)}.`);
    return project;
  } catch (error) {
    if (!host.signal.aborted) {
      screen.note(errorText(PlatformError.from(error), screen.errorStyle));
    }
    return undefined;
  }
}

function foldersOf({ functions }: Project): readonly string[] {
  return functions.flatMap(({ folder, layers }) => [folder, ...layers]);
}

async function follow(
  call: CommandCall,
  path: { readonly app: string; readonly fn: string },
): Promise<void> {
  const { host, screen } = call;
  const { clock, signal } = host;
  try {
    for await (const line of followLogs(call.client(), { ...path, clock, signal })) {
      screen.print(...logLineText(line, screen));
    }
  } catch (error) {
    if (signal.aborted) return;
    screen.note(errorText(PlatformError.from(error), screen.errorStyle));
  }
}

/** What a build or an editor leaves; nothing of it is code. */
const NO_SOURCE = /(?:^|\/)(?:\.git|node_modules|__pycache__)(?:\/|$)|~$|\.sw[a-z]$/;

/** Files that changed, gathered until they are quiet. */
class Changes {
  #seen = 0;
  #wake: (() => void) | undefined;

  saw(path: string): void {
    if (NO_SOURCE.test(path)) return;
    this.#seen += 1;
    this.#wake?.();
  }

  /** Resolves when something has changed and is quiet, or at Ctrl-C. */
  async next({ host }: CommandCall): Promise<void> {
    const { clock, signal } = host;
    while (this.#seen === 0 && !signal.aborted) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
        signal.addEventListener("abort", () => wake(), { once: true });
      });
    }
    for (let before = -1; before !== this.#seen && !signal.aborted;) {
      before = this.#seen;
      await new Promise<void>((wake) => void clock.schedule(QUIET_MS, wake));
    }
    this.#seen = 0;
  }
}

/**
 * Folders in which entries of the store are made before they get their name. A process that is
 * killed leaves its workspaces behind; whoever opens the store next removes them. Several processes
 * may have one store open (one adds sources while another adds artefacts), so a workspace carries
 * the process it belongs to, by id and start time, and is only swept when that process is gone. All
 * of them must share one process id namespace.
 */
import { chmod, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log, Random } from "@skerry/base";
import { makeFolder, removeTree } from "./durable.ts";
import { isErrno } from "./errors.ts";

const NAME = /^([1-9][0-9]*)-([0-9]+)-[0-9a-f]+$/;
/**
 * Position of `starttime` in /proc/PID/stat, counted from the state that follows the program's name
 * (proc(5)).
 */
const START_TIME_FIELD = 19;
/** A build may run as another user and must reach its folder, but nobody else may list them. */
const TRAVERSABLE_MODE = 0o711;

export interface Workspaces {
  /** Makes an empty folder of this process. */
  open(): Promise<string>;
  /** Removes a folder with all below it. What resists is logged and left for the next sweep. */
  close(path: string): Promise<void>;
}

/**
 * Removes what dead processes left in `directory`, which is made if missing, and hands out new
 * workspaces there.
 */
export async function openWorkspaces(
  deps: { readonly random: Random; readonly log: Log },
  directory: string,
): Promise<Workspaces> {
  const { random, log } = deps;
  const owner = `${process.pid}-${(await startTimeOf(process.pid)) ?? "0"}`;
  const close = async (path: string): Promise<void> => {
    try {
      await removeTree(path);
    } catch (error) {
      log.warn("a workspace of the code store could not be removed", { path, error });
    }
  };
  await mkdir(directory, { recursive: true });
  await chmod(directory, TRAVERSABLE_MODE);
  for (const name of await readdir(directory)) {
    if (!(await isOwned(name))) await close(join(directory, name));
  }
  return {
    close,
    async open() {
      const token = Buffer.from(random.bytes(12)).toString("hex");
      const path = join(directory, `${owner}-${token}`);
      await makeFolder(path);
      return path;
    },
  };
}

async function isOwned(name: string): Promise<boolean> {
  const [, pid, startTime] = NAME.exec(name) ?? [];
  return pid !== undefined && (await startTimeOf(Number(pid))) === startTime;
}

/**
 * When the process started, in the kernel's own ticks; "0" where only its being alive can be told;
 * else undefined.
 */
async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie writes nothing any more; it only waits for its parent to look.
    return fields[0] === "Z" ? undefined : fields[START_TIME_FIELD];
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ESRCH")) throw error;
    return process.platform === "linux" || !isAlive(pid) ? undefined : "0";
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return isErrno(error, "EPERM");
  }
}

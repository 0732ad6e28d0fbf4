/** The processes of instances, as the machine shows them. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Random } from "@skerry/base";
import { until, type Platform } from "@skerry/testkit";

/**
 * Kills all processes of one instance that the platform lists, with SIGKILL, and resolves once it
 * is listed no more.
 */
export async function killInstance(platform: Platform, random: Random): Promise<void> {
  const victim = await until("an instance to kill", async () => {
    const { items } = await platform.client.listInstances();
    const one = items[Math.floor(random.float() * items.length)];
    const pids = one === undefined ? [] : processesOf(one.id);
    for (const pid of pids) killQuietly(pid);
    return pids.length > 0 && one?.id;
  });
  await until("the killed instance to be gone", async () => {
    const { items } = await platform.client.listInstances();
    return items.every(({ id }) => id !== victim);
  });
}

/** Its control group, its mounts, its directory or its environment names it. */
function processesOf(instance: string): readonly number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const shown = [
      read(() => readFileSync(`/proc/${name}/cgroup`, "utf8")),
      read(() => readlinkSync(`/proc/${name}/cwd`)),
      read(() => readFileSync(`/proc/${name}/mountinfo`, "utf8")),
    ];
    return shown.some((text) => text.includes(instance)) ? [Number(name)] : [];
  });
}

function read(look: () => string): string {
  try {
    return look();
  } catch {
    return "";
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

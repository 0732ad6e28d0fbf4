/** Memory of idle instances: proportional set size of each tree, with its neighbours alive. */
import { startPlatform, until } from "@skerry/testkit";
import { median, round } from "./figures.ts";
import { pssBytesOf } from "./process-tree.ts";
import { HELLO } from "./sources.ts";

export interface DensityFigure {
  readonly instances: number;
  readonly pssMb: number;
  readonly perGb: number;
}

const INSTANCES = 20;

export async function benchDensity(): Promise<DensityFigure> {
  const platform = await startPlatform();
  try {
    const config = {
      auth: "none",
      provisionedInstances: INSTANCES,
      maxInstances: INSTANCES,
    } as const;
    await platform.deploy({ app: "bench", fn: "idle", files: HELLO, config });
    const resting = async (): Promise<boolean> => {
      const { items } = await platform.client.listInstances();
      return items.filter(({ state }) => state === "resting").length === INSTANCES;
    };
    await until("every instance rests", resting);
    const { items } = await platform.client.listInstances();
    const pssMb = median(items.map(({ pid }) => pssBytesOf(pid) / 2 ** 20));
    return { instances: INSTANCES, pssMb: round(pssMb), perGb: Math.floor(1_024 / pssMb) };
  } finally {
    await platform.stop();
  }
}

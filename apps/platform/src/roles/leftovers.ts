/** What an earlier agent left in the home: processes, directories, things in the making. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "@skerry/node-agent";
import type { SandboxDriver } from "@skerry/sandbox";
import type { RoleContext } from "./role-context.ts";

/** Ends everything that is not this agent's own; no other agent may be there. */
export async function sweepLeftovers(
  context: Pick<RoleContext, "id" | "layout" | "log">,
  sandboxes: Pick<SandboxDriver, "sweep">,
): Promise<void> {
  const { id, layout, log } = context;
  const swept = await sandboxes.sweep();
  if (swept.processes > 0) log.warn("ended what an earlier run left", { ...swept });
  const removeAll = async (directory: string, isLeft: (name: string) => boolean): Promise<void> => {
    for (const name of (await readdir(directory)).filter(isLeft)) {
      const path = join(directory, name);
      // It must keep nobody from starting.
      if (!(await removeTree(path))) log.error("a leftover was not removed", { path });
    }
  };
  await removeAll(layout.run, (name) => /^agent-.*\.sock$/.test(name) && !name.includes(id));
  await removeAll(layout.instances, (name) => name !== id);
  await removeAll(layout.builds, (name) => name !== id);
  const isUnfinished = (name: string): boolean => IN_THE_MAKING.test(name) && !isOurs(name);
  await removeAll(layout.runtimes, isUnfinished);
  await removeAll(layout.tools, isUnfinished);
  await removeAll(layout.dependencies, isUnfinished);
  // What is ours gets its name meanwhile, and is not there any more by the old one.
  for (const tool of (await readdir(layout.tools)).filter((name) => !isOurs(name))) {
    await removeAll(join(layout.tools, tool), isUnfinished);
  }
}

/** What is laid down or installed gets its own name when it is whole. */
const IN_THE_MAKING = /\.new-/;

/** This process lays its runtimes and tools down, and may be installing, while it sweeps. */
function isOurs(name: string): boolean {
  return new RegExp(`\\.new-${process.pid}(?:-|$)`).test(name);
}

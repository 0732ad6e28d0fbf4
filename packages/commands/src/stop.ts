import { isId } from "@skerry/base";
import { YES_FLAG, confirm, failCommand } from "@skerry/terminal";
import type { Command } from "./command.ts";

export const stop: Command = {
  name: "stop",
  summary: "Stop one live instance",
  about: [
    "The requests that it is serving fail; the next request of its function starts another. " +
      "Needs a key whose role is operator or admin.",
  ],
  args: [{ name: "INSTANCE", description: "As `skerry ps` shows it." }],
  flags: [YES_FLAG],
  examples: [
    { line: "stop inst_01…", says: "After asking." },
    { line: "stop inst_01… --yes", says: "Without asking." },
  ],
  async run(call) {
    const { args, screen, client } = call;
    const instance = readInstanceId(args[0]);
    const question = `Stop ${instance}? Requests that it is serving fail.`;
    await confirm(call, { what: instance, question });
    await client().stopInstance({ params: { instance } });
    screen.printDone({ stopped: instance }, `Stopped ${instance}.`);
    return 0;
  },
};

/** Throws ARGUMENT_INVALID. */
function readInstanceId(value = ""): string {
  if (isId("inst", value)) return value;
  const hint = "Instances have ids such as inst_01…; `skerry ps` lists those that are alive.";
  throw failCommand("ARGUMENT_INVALID", { value, expected: "the id of an instance", hint });
}

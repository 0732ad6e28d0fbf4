import { isId } from "@skerry/base";
import type { Command } from "../command.ts";
import { confirm, YES_FLAG } from "../confirm.ts";
import { fail } from "../errors.ts";

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
    if (screen.json) screen.printJson({ stopped: instance });
    else screen.print(`${screen.style.green("✓")} Stopped ${instance}.`);
    return 0;
  },
};

/** Throws ARGUMENT_INVALID. */
function readInstanceId(value = ""): string {
  if (isId("inst", value)) return value;
  const hint = "Instances have ids such as inst_01…; `skerry ps` lists those that are alive.";
  throw fail("ARGUMENT_INVALID", { value, expected: "the id of an instance", hint });
}

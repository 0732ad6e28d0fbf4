import { concurrencyOf, type FunctionResource } from "@skerry/contracts";
import type { Command } from "../command.ts";
import { fieldLines, type Field } from "../fields.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "../function-path.ts";
import { durationText } from "../text.ts";

export const describe: Command = {
  name: "describe",
  summary: "Show one function: URLs, revision and configuration",
  args: [FUNCTION_ARGUMENT],
  flags: [],
  examples: [{ line: "describe shop/checkout", says: "Everything about one function." }],
  async run({ args, screen, client }) {
    const described = await client().getFunction({ params: readFunctionPath(args[0]) });
    if (screen.json) screen.printJson(described);
    else {
      screen.print(
        screen.style.bold(`${described.app}/${described.name}`),
        ...fieldLines(fieldsOf(described), screen.style),
      );
    }
    return 0;
  },
};

function fieldsOf({ id, urls, latest, createdAt, updatedAt }: FunctionResource): readonly Field[] {
  const { config } = latest;
  const concurrency = concurrencyOf(config, latest.handlerKind);
  const envNames = Object.keys(config.env);
  return [
    ["URLs", urls],
    ["Called by", config.auth === "none" ? "everyone" : "holders of a key"],
    ["Handler", `${latest.handlerKind} · ${config.runtime} · ${latest.runtimeBuild}`],
    ["Memory", `${config.memoryMb} MiB`],
    [
      "Timeout",
      `${durationText(config.timeoutMs)} · loading ${durationText(config.initTimeoutMs)}`,
    ],
    ["Requests", `${concurrency} at once in one instance`],
    ["Instances", instancesText(config)],
    ["Waiting", `at most ${durationText(config.queueTimeoutMs)} for a free instance`],
    ["Env", envNames.length === 0 ? "" : `${envNames.join(", ")} (values with --json)`],
    ["Revision", latest.id],
    ["Source", latest.sourceDigest],
    ["Function", id],
    ["Created", createdAt],
    ["Changed", updatedAt],
  ];
}

function instancesText(config: FunctionResource["latest"]["config"]): string {
  const { provisionedInstances, maxInstances, idleTimeoutMs, rest } = config;
  const resting = rest === "freeze" ? "frozen" : "running";
  return (
    `${provisionedInstances} to ${maxInstances}, ${resting} without requests, ` +
    `stopped after ${durationText(idleTimeoutMs)}`
  );
}

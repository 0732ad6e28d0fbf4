import type { FunctionLane, FunctionResource } from "@skerry/api-schema";
import { concurrencyOf, type FunctionConfig } from "@skerry/contracts";
import { countText, durationText, fieldLines, type Field } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { FUNCTION_ARGUMENT, readFunctionPath } from "./function-path.ts";

export const describe: Command = {
  name: "describe",
  summary: "Show one function: URLs, revision and configuration",
  args: [FUNCTION_ARGUMENT],
  flags: [],
  examples: [{ line: "describe shop/checkout", says: "Everything about one function." }],
  async run({ args, screen, client }) {
    const params = readFunctionPath(args[0]);
    const [described, lane] = await Promise.all([
      client().getFunction({ params }),
      client().getFunctionLane({ params }),
    ]);
    if (screen.json) screen.printJson({ ...described, lane });
    else {
      screen.print(
        screen.style.bold(`${described.app}/${described.name}`),
        ...fieldLines(fieldsOf(described, lane), screen.style),
      );
    }
    return 0;
  },
};

function fieldsOf(described: FunctionResource, lane: FunctionLane): readonly Field[] {
  const { id, urls, latest, createdAt, updatedAt } = described;
  const { config } = latest;
  const concurrency = concurrencyOf(config, latest.handlerKind);
  const envNames = Object.keys(config.env);
  return [
    ["URLs", urls],
    ["Called by", [config.auth === "none" ? "everyone" : "holders of a key", callersText(config)]],
    ["Handler", `${latest.handlerKind} · ${config.runtime} · ${latest.runtimeBuild}`],
    ["Memory", `${config.memoryMb} MiB`],
    [
      "Timeout",
      `${durationText(config.timeoutMs)} · loading ${durationText(config.initTimeoutMs)}`,
    ],
    ["Requests", `${concurrency} at once in one instance`],
    ["Instances", instancesText(config)],
    ["Kept ready", readyText(described)],
    ["Limits", limitsText(config)],
    ["Waiting", `at most ${durationText(config.queueTimeoutMs)} for a free instance`],
    ["Streams", streamsText(config)],
    ["Run later", laterText(config)],
    ["Accepted", laneText(lane)],
    ["Breaker", breakerText(lane)],
    ["Egress", egressText(config)],
    ["Connects to", connectText(config)],
    ["Env", envNames.length === 0 ? "" : `${envNames.join(", ")} (values with --json)`],
    ["Secrets", secretsText(config)],
    ["Revision", latest.id],
    ["Source", latest.sourceDigest],
    ["Layers", config.layers ?? []],
    ["Function", id],
    ["Created", createdAt],
    ["Changed", updatedAt],
  ];
}

const CALLERS = {
  app: "functions of its app",
  account: "functions of its account",
  any: "every function",
};

function callersText({ callers = "account" }: FunctionConfig): string {
  return `${CALLERS[callers]}, by context.call`;
}

/** Only where it is set, as with what is run later. */
function streamsText({ streams }: FunctionConfig): string {
  if (streams === undefined) return "";
  const { idleTimeoutMs, maxDurationMs } = streams;
  return `at most ${durationText(maxDurationMs)} · ${durationText(idleTimeoutMs)} without a byte`;
}

function laterText({ async: policy }: FunctionConfig): readonly string[] {
  if (policy === undefined) return [];
  const { attempts, retryDelayMs, retryDelayMsMax, retryOn, maxAgeMs, concurrency } = policy;
  const { ratePerSecond, openInvocationsMax, breaker, giveUpOn = [] } = policy;
  const delays = `${durationText(retryDelayMs)} to ${durationText(retryDelayMsMax)} apart`;
  return [
    `${countText(attempts, "attempt")}, ${delays}, after ${retryOn.join(", ") || "no failure"}`,
    giveUpOn.length === 0 ? "" : `given up on ${giveUpOn.join(", ")}`,
    `expires after ${durationText(maxAgeMs)}`,
    concurrency === undefined ? "" : `${concurrency} at once`,
    ratePerSecond === undefined ? "" : `${ratePerSecond} a second`,
    openInvocationsMax === undefined ? "" : `${openInvocationsMax} accepted and not ended`,
    breaker === undefined ? "" : `left alone after ${breaker.failures} failures in a row`,
  ];
}

/** Only where something was accepted and has not ended. */
function laneText({ open, running, atOnce }: FunctionLane): string {
  if (open === 0 && running === 0) return "";
  return `${open} open · ${running} run${atOnce === null ? "" : ` of ${atOnce} at once`}`;
}

function breakerText({ breaker }: FunctionLane): string {
  if (breaker === null) return "";
  return `open: its attempts failed; one tries it at ${breaker.until}`;
}

function egressText({ egress = "web", egressAllow }: FunctionConfig): string {
  if (egress !== "web") return egress === "none" ? "nothing" : egress;
  const where = egressAllow === undefined ? "public addresses" : egressAllow.join(", ");
  return `HTTP and HTTPS to ${where || "nothing"}`;
}

function connectText({ connect = {} }: FunctionConfig): readonly string[] {
  return Object.entries(connect).map(([name, target]) => `${name} at ${target}`);
}

/** Names alone: nobody is shown a value. */
function secretsText({ secrets = {} }: FunctionConfig): string {
  return Object.entries(secrets)
    .map(([variable, name]) => `${variable} from ${name}`)
    .join(", ");
}

/** Only where schedules change it. */
function readyText({ latest, provisioned }: FunctionResource): readonly string[] {
  const { provisionedSchedules = [] } = latest.config;
  if (provisionedSchedules.length === 0 || provisioned === undefined) return [];
  const { instances, until } = provisioned;
  return [
    `${instances} now${until === null ? "" : `, until ${until}`}`,
    ...provisionedSchedules.map(
      (one) => `${one.instances} from ${one.cron} (${one.timezone}) for ${one.durationMinutes} min`,
    ),
  ];
}

function limitsText({ limits = {} }: FunctionConfig): string {
  const { ratePerSecond, burst, concurrency, logKbPerMinute } = limits;
  const rate = ratePerSecond === undefined ? [] : [`${ratePerSecond} requests a second`];
  return [
    ...rate,
    ...(burst === undefined ? [] : [`${burst} at once`]),
    ...(concurrency === undefined ? [] : [`${concurrency} under way`]),
    ...(logKbPerMinute === undefined ? [] : [`${logKbPerMinute} KiB of log a minute`]),
  ].join(" · ");
}

function instancesText(config: FunctionConfig): string {
  const { provisionedInstances, maxInstances, idleTimeoutMs, rest } = config;
  const resting = rest === "freeze" ? "frozen" : "running";
  return (
    `${provisionedInstances} to ${maxInstances}, ${resting} without requests, ` +
    `stopped after ${durationText(idleTimeoutMs)}`
  );
}

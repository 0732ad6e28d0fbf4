import type { RuleRequest, RuleResource } from "@skerry/api-schema";
import { EVENT_FORMATS } from "@skerry/api-schema/client";
import { YES_FLAG, ageText, confirm, type Column, type Flag, type Screen } from "@skerry/terminal";
import { APP_FLAG, printRemoved } from "./app-scope.ts";
import type { Command, CommandCall } from "./command.ts";
import { printList } from "./print-list.ts";
import { readPayload, readWritten } from "./invoke.ts";
import { IF_MATCH_FLAG, ifMatchOf } from "./secrets.ts";

const PAGE = 1_000;
const NAME = { name: "NAME", description: "The rule's name within its app." };
const PATTERN_FLAG: Flag = {
  name: "pattern",
  value: "JSON",
  description: "What events must be like: JSON, @FILE, or -.",
};

const FORMAT_FLAG: Flag = {
  name: "event-format",
  value: "FORMAT",
  description: `What the function gets: ${EVENT_FORMATS.join(", ")}. Default cloudevents.`,
};

const list: Command = {
  name: "rules ls",
  summary: "List the rules of an app",
  args: [],
  flags: [APP_FLAG],
  examples: [{ line: "rules ls --app shop", says: "What each hears, and what it has heard." }],
  async run(call) {
    const { screen, client, host } = call;
    const params = { app: call.required("app") };
    return await printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listRules({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const set: Command = {
  name: "rules set",
  summary: "Let events that match a pattern run a function, or go to a topic",
  about: [
    "Each event that matches becomes one invocation of the ledger, or one message.",
    "What a rule had is replaced as a whole: flags that are left out fall back.",
  ],
  args: [NAME],
  flags: [
    APP_FLAG,
    PATTERN_FLAG,
    { name: "function", value: "FN", description: "Function of the app. Or --topic." },
    { name: "topic", value: "TOPIC", description: "Topic that each event is published to." },
    FORMAT_FLAG,
    { name: "paused", description: "It hears of nothing until it is resumed." },
    IF_MATCH_FLAG,
  ],
  examples: [
    {
      line: `rules set paid --app shop --function thank --pattern @paid.json`,
      says: "By a pattern in a file.",
    },
    {
      line: `rules set bad --app shop --topic bad --pattern '{"type": ["bad"]}'`,
      says: "Into a topic.",
    },
    {
      line: `rules set aws --app crm --function f --event-format lambda --pattern @p`,
      says: "For a handler that was written for EventBridge and Lambda.",
    },
  ],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const body = await requestOf(call);
    const made = await client().putRule({ params, body, ...ifMatchOf(call) });
    show(screen, made, `Set ${made.name}, version ${made.version}`);
    return 0;
  },
};

const remove: Command = {
  name: "rules rm",
  summary: "Remove a rule",
  args: [NAME],
  flags: [APP_FLAG, IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "rules rm large --app shop --yes", says: "Without asking." }],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const question = `Remove the rule ${params.rule} of ${params.app}? It hears no more events.`;
    await confirm(call, { what: params.rule, question });
    await client().deleteRule({ params, ...ifMatchOf(call) });
    printRemoved(screen, params.app, params.rule);
    return 0;
  },
};

const test: Command = {
  name: "rules test",
  summary: "Say whether an event would match a pattern",
  about: ["The event is put nowhere. It exits with 1 when it does not match."],
  args: [{ ...NAME, isOptional: true, description: "A rule whose pattern it is; needs --app." }],
  flags: [
    { ...APP_FLAG, description: "The app of the rule." },
    PATTERN_FLAG,
    { name: "data", short: "d", value: "JSON", description: "A CloudEvent: JSON, @FILE, or -." },
  ],
  examples: [
    {
      line: `rules test --pattern '{"type": [{"prefix": "order."}]}' -d @event.json`,
      says: "Any pattern.",
    },
    { line: "rules test large --app shop -d @event.json", says: "The pattern of a rule." },
  ],
  async run(call) {
    const { screen, client } = call;
    call.required("data");
    const event = (await readPayload({ ...call, args: [] })) as never;
    const pattern = await testedPattern(call);
    const found = await client().testPattern({ body: { pattern, event } });
    if (screen.json) screen.printJson(found);
    else screen.print(found.matches ? "matches" : "does not match");
    return found.matches ? 0 : 1;
  },
};

async function testedPattern(call: CommandCall): Promise<RuleRequest["pattern"]> {
  if (call.args.length === 0) return await patternOf(call);
  return (await call.client().getRule({ params: paramsOf(call) })).pattern;
}

const pause = switchCommand("pause", "Let a rule hear of nothing until it is resumed");
const resume = switchCommand("resume", "Let a paused rule go on");

function switchCommand(word: "pause" | "resume", summary: string): Command {
  const name = `rules ${word}`;
  return {
    ...{ name, summary, args: [NAME], flags: [APP_FLAG, IF_MATCH_FLAG] },
    about: ["Events of the time in which it was paused are not made up for."],
    examples: [{ line: `${name} large --app shop`, says: "It says so in `rules ls`." }],
    async run(call) {
      const params = paramsOf(call);
      const body = { enabled: word === "resume" };
      const made = await call.client().setRuleEnabled({ params, body, ...ifMatchOf(call) });
      show(call.screen, made, `${word === "resume" ? "Resumed" : "Paused"} ${made.name}`);
      return 0;
    },
  };
}

/** The platform says what of it is not valid. Throws ARGUMENT_MISSING. */
async function requestOf(call: CommandCall): Promise<RuleRequest> {
  const { flag, isOn } = call;
  const [fn, topic] = [flag("function"), flag("topic")];
  if (fn === undefined && topic === undefined) call.required("function");
  return {
    pattern: await patternOf(call),
    ...(fn === undefined ? {} : { function: fn }),
    ...(topic === undefined ? {} : { topic }),
    enabled: !isOn("paused"),
    eventFormat: flag("event-format"),
  } as RuleRequest;
}

async function patternOf(call: CommandCall): Promise<RuleRequest["pattern"]> {
  const written = call.required("pattern");
  return (await readWritten(call.host, written, "--pattern")) as RuleRequest["pattern"];
}

/** Throws ARGUMENT_MISSING. */
function paramsOf(call: CommandCall) {
  return { app: call.required("app"), rule: call.args[0] ?? "" };
}

function show(screen: Screen, rule: RuleResource, what: string): void {
  screen.printDone(rule, `${what}: ${targetOf(rule)}, ${stateOf(rule)}.`);
}

function targetOf({ app, function: fn, topic }: RuleResource): string {
  return fn === null ? `topic ${topic ?? ""}` : `${app}/${fn}`;
}

function stateOf({ enabled, pausedBecause }: RuleResource): string {
  if (pausedBecause === "function_removed") return "paused: no function";
  return enabled ? "on" : "paused";
}

function columns(nowMs: number): readonly Column<RuleResource>[] {
  return [
    { title: "RULE", text: ({ name }) => name },
    { title: "TO", text: targetOf },
    { title: "PATTERN", text: ({ pattern }) => JSON.stringify(pattern), flexible: true },
    { title: "STATE", text: stateOf },
    { title: "MATCHED", text: ({ matched }) => String(matched) },
    { title: "REFUSED", text: ({ refused }) => String(refused) },
    {
      title: "LAST",
      text: ({ lastMatchedAt: at }) => (at === null ? "-" : ageText(at, nowMs)),
    },
  ];
}

export const RULE_COMMANDS: readonly Command[] = [list, set, remove, test, pause, resume];

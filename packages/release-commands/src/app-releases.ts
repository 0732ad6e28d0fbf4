/** Releases of apps: start one and watch it, list, show, approve, pause, resume, abort. */
import type { CreateReleaseRequest, ReleaseGuard, ReleaseResource } from "@skerry/api-schema";
import { RELEASE_GUARDS } from "@skerry/api-schema/client";
import { readAppName } from "@skerry/contracts";
import {
  ageText,
  failCommand,
  followReads,
  readDuration,
  type Column,
  type Flag,
  type Screen,
} from "@skerry/terminal";
import {
  type Command,
  type CommandCall,
  printList,
  IF_MATCH_FLAG,
  ifMatchOf,
} from "@skerry/commands";
import {
  approvalHint,
  changeLine,
  liveLines,
  placeText,
  leftOutLines,
  releaseLines,
  stateText,
} from "./release-view.ts";

const PAGE = 1_000;
const EXIT_NOT_DONE = 1;
const APP = { name: "APP", description: "The app." };
const ID = { name: "ID", description: "The release, as `skerry releases ls` shows it." };

const PLAN_FLAGS: readonly Flag[] = [
  { name: "stages", value: "NAMES", description: "Aliases, in order: test,prepub,release." },
  { name: "from-stage", value: "NAME", description: "What stands there goes on to the next." },
  { name: "steps", value: "PERCENTS", description: "Shares of the last stage: 1,10,50,100." },
  { name: "step-wait", value: "TIME", description: "How long each share is held: 5m." },
  { name: "sample-wait", value: "TIME", description: "How long it waits for requests: 1h." },
  { name: "samples", value: "N", description: "Requests that each version needs in a step: 100." },
  { name: "without-samples", description: "Go on when there were too few requests to tell." },
  {
    name: "guards",
    value: "NAMES",
    description: `What is compared: error-rate,p95; others of ${RELEASE_GUARDS.join(", ")}; or none.`,
  },
  { name: "max-error-rate", value: "PERCENT", description: "Go back above it." },
  { name: "max-p95", value: "TIME", description: "Go back above it." },
  { name: "no-apis", description: "Leave the routes of the app's gateway APIs as they are." },
];

const release: Command = {
  name: "release",
  summary: "Release what is deployed of an app, step by step, and go back by itself if it fails",
  about: [
    "Every function is published and moves together: to the test stage, behind an approval to the " +
      "pre-release, and then through growing shares of the callers. At each share both versions are " +
      "compared by Fisher's exact test; one that fails more often, or is slower, goes back at once.",
    "Routes of the app's gateway APIs go along: a stage gets them, and gives them back, together " +
      "with the last of its callers.",
    "The platform carries it out. Ctrl-C only ends the looking.",
  ],
  args: [APP],
  flags: [
    { name: "plan", description: "Only show what it would do." },
    { name: "yes", short: "y", description: "Approve it from the beginning." },
    ...PLAN_FLAGS,
    { name: "description", value: "TEXT", description: "What is new, for people." },
    { name: "reason", value: "TEXT", description: "Why, for the history." },
    { name: "detach", description: "Print its id, and do not wait." },
  ],
  examples: [
    { line: "release shop --plan", says: "What it would do." },
    { line: "release shop --yes --step-wait 10m", says: "Ten minutes at 1, 10, 50 and 100 %." },
    { line: "release shop --from-stage test --max-p95 300ms", says: "What was tested goes on." },
  ],
  async run(call) {
    const { args, screen, client, isOn } = call;
    const app = readAppName(args[0] ?? "");
    const params = { app };
    const made = await client().createRelease({ params, body: bodyOf(call) });
    if (isOn("plan") || isOn("detach")) {
      if (screen.json) screen.printJson(made);
      else if (isOn("detach") && !isOn("plan")) screen.print(made.id);
      else screen.print(...releaseLines(made, screen.style));
      return 0;
    }
    screen.note(`Release ${made.id} of ${app}.`, ...leftOutLines(made));
    const ended = await follow(call, { app, release: made.id });
    if (screen.json) screen.printJson(ended);
    return exitCodeOf(call, ended);
  },
};

function bodyOf(call: CommandCall): CreateReleaseRequest {
  const { flag, isOn } = call;
  const [steps, guards] = [flag("steps"), flag("guards")];
  const wait = (name: string): number | undefined => {
    const value = flag(name);
    return value === undefined
      ? undefined
      : readDuration(value, { command: "release", flag: `--${name}` });
  };
  const samples = call.count("samples", { min: 0, max: 1_000_000, otherwise: -1 });
  const given = {
    ...{ stages: flag("stages")?.split(","), fromStage: flag("from-stage") },
    steps: steps?.split(",").map((text) => number(text, "steps")),
    ...{ stepWaitMs: wait("step-wait"), sampleWaitMs: wait("sample-wait") },
    samplesMin: samples < 0 ? undefined : samples,
    guards: guards === "none" ? [] : guards?.split(",").map(guardOf),
    maxErrorRate: numberOf(flag("max-error-rate"), "max-error-rate"),
    ...{ maxP95Ms: wait("max-p95"), description: flag("description"), reason: flag("reason") },
  };
  return {
    ...given,
    ...{ withoutSamples: isOn("without-samples"), approved: isOn("yes"), dryRun: isOn("plan") },
    apis: !isOn("no-apis"),
  };
}

function guardOf(text: string): ReleaseGuard {
  const found = RELEASE_GUARDS.find((guard) => guard === text);
  if (found !== undefined) return found;
  throw wrong("guards", text, `write some of ${RELEASE_GUARDS.join(", ")}, with commas, or none`);
}

function numberOf(text: string | undefined, flag: string): number | undefined {
  return text === undefined ? undefined : number(text, flag);
}

function number(text: string, flag: string): number {
  if (/^\d{1,3}(?:\.\d{1,3})?$/.test(text)) return Number(text);
  throw wrong(flag, text, "write percents, such as 0.5 or 10");
}

function wrong(flag: string, value: string, why: string): Error {
  return failCommand("FLAG_VALUE_INVALID", { command: "release", flag: `--${flag}`, value, why });
}

const list: Command = {
  name: "releases ls",
  summary: "List the releases of an app, newest first",
  args: [APP],
  flags: [],
  examples: [{ line: "releases ls shop", says: "Where each is, or how it ended." }],
  run: ({ args, screen, client, host }) => {
    const params = { app: readAppName(args[0] ?? "") };
    return printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listReleases({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function columns(nowMs: number): readonly Column<ReleaseResource>[] {
  return [
    { title: "ID", text: ({ id }) => id },
    { title: "AGE", text: ({ createdAt }) => ageText(createdAt, nowMs), alignRight: true },
    { title: "AT", text: (one) => placeText(one).replace(/ +/g, " ") },
    { title: "STATE", text: stateText, flexible: true },
  ];
}

const showOne: Command = {
  name: "releases show",
  summary: "Show a release: its stages, and what both versions do",
  args: [APP, ID],
  flags: [
    {
      name: "follow",
      short: "f",
      description: "Until it has ended; with --json a line for each change.",
    },
  ],
  examples: [{ line: "releases show shop ID --follow", says: "To its end." }],
  async run(call) {
    const { screen, client, isOn } = call;
    const params = paramsOf(call);
    if (isOn("follow")) return exitCodeOf(call, await follow(call, params, screen.printJsonLine));
    const one = await client().getRelease({ params });
    if (screen.json) screen.printJson(one);
    else screen.print(...releaseLines(one, screen.style));
    return 0;
  },
};

type Params = { readonly app: string; readonly release: string };
type Turn = (call: CommandCall, params: Params) => Promise<ReleaseResource>;

/** `approve`, `pause`, `resume` and `abort`. */
function verb(
  word: string,
  how: {
    readonly summary: string;
    readonly says: string;
    readonly done: string;
    readonly flags?: readonly Flag[];
  },
  turn: Turn,
): Command {
  const name = `releases ${word}`;
  return {
    ...{ name, summary: how.summary, args: [APP, ID] },
    flags: [...(how.flags ?? []), IF_MATCH_FLAG],
    examples: [{ line: `${name} shop ID`, says: how.says }],
    async run(call) {
      const one = await turn(call, paramsOf(call));
      call.screen.printDone(one, `${how.done} ${one.id}: ${stateText(one)}.`);
      return 0;
    },
  };
}

const approve = verb(
  "approve",
  { summary: "Let a release go on behind its first stage", says: "To all.", done: "Approved" },
  (call, params) => call.client().approveRelease({ params, body: {}, ...ifMatchOf(call) }),
);
const pause = verb(
  "pause",
  { summary: "Hold a release where it is", says: "Until resumed.", done: "Paused" },
  (call, params) => call.client().pauseRelease({ params, body: {}, ...ifMatchOf(call) }),
);
const resume = verb(
  "resume",
  {
    ...{ summary: "Let a paused release go on", says: "From where it is.", done: "Resumed" },
    flags: [
      { name: "without-samples", description: "Leave this share with the requests that it has." },
    ],
  },
  (call, params) => {
    const body = { withoutSamples: call.isOn("without-samples") };
    return call.client().resumeRelease({ params, body, ...ifMatchOf(call) });
  },
);
const abort = verb(
  "abort",
  {
    summary: "End a release and go back to what was before",
    ...{ says: "In force everywhere when it is answered.", done: "Aborted" },
  },
  (call, params) => call.client().abortRelease({ params, body: {}, ...ifMatchOf(call) }),
);

function paramsOf({ args }: CommandCall): Params {
  return { app: readAppName(args[0] ?? ""), release: args[1] ?? "" };
}

/** Until it has ended or is paused; live where somebody watches, else a line for each change. */
async function follow(
  call: CommandCall,
  params: Params,
  changed: (one: ReleaseResource) => void = () => undefined,
): Promise<ReleaseResource> {
  const { screen, host, client } = call;
  const show = screen.watched ? livePicture(call) : plainLines(screen);
  return await followReads(
    { host, screen: { ...screen, watched: false } },
    {
      ...{ label: "releasing", read: () => client().getRelease({ params, signal: host.signal }) },
      changed: (one) => {
        changed(one);
        show(one);
      },
      standOf: ({ state, endedAt }) => {
        const isLast = endedAt !== null || state === "paused";
        return { done: 0, total: 1, remark: "", isLast };
      },
      goesOn: goesOnHint(params),
    },
  );
}

function goesOnHint({ app, release: id }: Params): string {
  const show = `skerry releases show ${app} ${id} --follow`;
  return `It goes on; see it with \`${show}\`, or end it with \`skerry releases abort ${app} ${id}\`.`;
}

function livePicture({ screen, host }: CommandCall): (one: ReleaseResource) => void {
  let drawn = 0;
  return (one) => {
    const lines = liveLines(one, screen.errorStyle);
    const up = drawn === 0 ? "" : `\r\u001b[${drawn}A\u001b[J`;
    host.stderr.write(`${up}${lines.join("\n")}\n`);
    drawn = lines.length;
  };
}

/** A line whenever it is elsewhere; figures alone are no change. */
function plainLines(screen: Screen): (one: ReleaseResource) => void {
  let told = "";
  return (one) => {
    const at = `${placeText(one)} ${one.state}`;
    if (at !== told && !screen.json) screen.print(changeLine(one));
    if (at !== told && one.state === "waiting") screen.note(approvalHint(one.app, one.id));
    told = at;
  };
}

function exitCodeOf({ screen }: CommandCall, one: ReleaseResource): number {
  const { state, app, id } = one;
  if (state === "done") return 0;
  if (!screen.json && screen.watched) screen.print(stateText(one));
  if (state === "paused") {
    screen.note(`Go on with \`skerry releases resume ${app} ${id}\`, or back with \`… abort\`.`);
  }
  return EXIT_NOT_DONE;
}

export const APP_RELEASE_COMMANDS: readonly Command[] = [
  ...[release, list, showOne],
  ...[approve, pause, resume, abort],
];

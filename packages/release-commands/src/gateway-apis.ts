/** Gateway APIs: their routes, and what each stage serves of them. */
import type {
  GatewayApiListed,
  GatewayApiRequest,
  PublicationRequest,
  PublicationResource,
  StageResource,
} from "@skerry/api-schema";
import { readAppName } from "@skerry/contracts";
import { everyItem } from "@skerry/sdk";
import {
  ageText,
  collect,
  confirm,
  countText,
  failCommand,
  fieldLines,
  readInputFile,
  YES_FLAG,
  type Column,
  type Flag,
} from "@skerry/terminal";
import {
  noteBehind,
  type Command,
  type CommandCall,
  printList,
  IF_MATCH_FLAG,
  ifMatchOf,
} from "@skerry/commands";
import { fail } from "./errors.ts";
import { purge } from "./gateway-api-cache.ts";
import { diff } from "./gateway-api-diff.ts";
import { logs } from "./gateway-api-log.ts";
import {
  API_ARGUMENT,
  readApiPath,
  STAGE_FLAG,
  stageParamsOf,
  type ApiPath,
} from "./gateway-api-path.ts";
import { ROUTE_COLUMNS } from "./gateway-api-view.ts";

const PAGE = 1_000;
const NUMBER_MAX = 999_999_999;
const REASON: Flag = { name: "reason", value: "TEXT", description: "Why, for the history." };

const list: Command = {
  name: "apis ls",
  summary: "List the gateway APIs of an app",
  args: [{ name: "APP", description: "The app." }],
  flags: [],
  examples: [{ line: "apis ls shop", says: "With what each stage serves." }],
  run: ({ args, screen, client, host }) => {
    const params = { app: readAppName(args[0] ?? "") };
    return printList(screen, apiColumns(host.clock.wallMs()), (cursor) =>
      client().listGatewayApis({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function apiColumns(nowMs: number): readonly Column<GatewayApiListed>[] {
  return [
    { title: "API", text: ({ name }) => name },
    { title: "ROUTES", text: ({ routeCount }) => String(routeCount), alignRight: true },
    { title: "STAGES", text: stagesText, flexible: true },
    { title: "CHANGED", text: ({ updatedAt }) => ageText(updatedAt, nowMs), alignRight: true },
  ];
}

/** Of those that serve something, the number of what they serve. */
function stagesText({ stages }: GatewayApiListed): string {
  const serving = stages.filter(({ publication }) => publication !== null);
  return serving.map(({ stage, publication }) => `${stage} ${publication}`).join(", ") || "none";
}

const show: Command = {
  name: "apis show",
  summary: "Show a gateway API: its stages, and the routes that are worked on",
  args: [API_ARGUMENT],
  flags: [{ ...STAGE_FLAG, description: "What that stage serves." }],
  examples: [
    { line: "apis show shop/web", says: "Stages with their URLs, and the routes." },
    { line: "apis show shop/web --stage release", says: "The routes that callers meet." },
  ],
  run: (call) => (call.flag("stage") === undefined ? showApi(call) : showStage(call)),
};

async function showApi({ args, screen, client }: CommandCall): Promise<number> {
  const params = readApiPath(args[0]);
  const api = await client().getGatewayApi({ params });
  const stages = await stagesOf({ client }, params);
  if (screen.json) screen.printJson({ ...api, stages });
  else {
    screen.print(screen.style.bold(`${params.app}/${params.api}`), "");
    screen.printTable(STAGE_COLUMNS, stages);
    screen.print("");
    screen.printTable(ROUTE_COLUMNS, api.routes);
  }
  return 0;
}

function stagesOf(
  { client }: Pick<CommandCall, "client">,
  params: ApiPath,
): Promise<readonly StageResource[]> {
  return collect(
    everyItem((cursor) => client().listStages({ params, query: { limit: PAGE, cursor } })),
  );
}

const STAGE_COLUMNS: readonly Column<StageResource>[] = [
  { title: "STAGE", text: ({ stage }) => stage },
  { title: "SERVES", text: ({ publication: one }) => String(one?.number ?? "-"), alignRight: true },
  { title: "LEADS TO", text: ({ qualifier }) => qualifier },
  { title: "FOLLOWS", text: ({ follows }) => (follows ? "yes" : "no") },
  { title: "URL", text: ({ urls }) => urls[0] ?? "", flexible: true },
];

async function showStage(call: CommandCall): Promise<number> {
  const { screen, client } = call;
  const params = stageParamsOf(call);
  const stage = await client().getStage({ params });
  const number = stage.publication?.number;
  const at = { params: { ...params, publication: String(number) } };
  const served = number === undefined ? undefined : await client().getPublication(at);
  const routes = served?.routes ?? [];
  if (screen.json) {
    screen.printJson({ ...stage, routes });
    return 0;
  }
  const { urls, qualifier, follows, publication, variables } = stage;
  const variablesText = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  screen.print(
    screen.style.bold(`${stage.app}/${stage.api} ${stage.stage}`),
    ...fieldLines(
      [
        ["URLs", urls],
        ["Leads to", qualifier],
        ["Variables", variablesText],
        ["Follows", follows ? "each change of the routes" : ""],
        ["Serves", publication === null ? "nothing" : `publication ${publication.number}`],
        ["Since", publication?.at ?? ""],
        ["Why", publication?.reason ?? ""],
      ],
      screen.style,
    ),
  );
  if (served !== undefined) screen.printTable(ROUTE_COLUMNS, routes);
  return 0;
}

const put: Command = {
  name: "apis put",
  summary: "Replace the routes of a gateway API that are worked on",
  about: [
    "The file has `routes`, and `stages` if their settings are to change, as `apis:` of skerry.yaml has " +
      "them; or a list of routes alone. JSON is YAML, too.",
    "Stages that follow serve them at once, as `test` does; others get them by `skerry apis publish`.",
  ],
  args: [API_ARGUMENT, { name: "FILE", description: "YAML or JSON, or - for the standard input." }],
  flags: [REASON, IF_MATCH_FLAG],
  examples: [{ line: "apis put shop/web web.yaml", says: "In force on test when it is answered." }],
  async run(call) {
    const { args, screen, client, flag } = call;
    const params = readApiPath(args[0]);
    const body = { ...(await readRoutes(call)), reason: flag("reason") ?? "" };
    const made = await client().putGatewayApi({ params, body, ...ifMatchOf(call) });
    const served = made.published.map(({ stage, number }) => `${stage} serves them as ${number}`);
    const says = served.length === 0 ? "no stage follows" : served.join(", ");
    screen.printDone(
      made,
      `${params.app}/${params.api} has ${countText(made.routeCount, "route")}: ${says}.`,
    );
    noteBehind(screen, made);
    return 0;
  },
};

/** The platform says what of it is not valid. Throws FILE_UNREADABLE, INPUT_NOT_YAML. */
async function readRoutes({ args, host }: CommandCall): Promise<GatewayApiRequest> {
  const [, file = ""] = args;
  const bytes = file === "-" ? await host.readStdin() : readInputFile(host, file);
  // Most commands read none.
  const { parse } = await import("yaml");
  try {
    const read = parse(bytes.toString("utf8"), { maxAliasCount: 100 }) as unknown;
    const isList = Array.isArray(read);
    return (isList ? { routes: read as unknown } : read) as GatewayApiRequest;
  } catch (error) {
    const [why = ""] = (error as Error).message.split("\n");
    throw fail("INPUT_NOT_YAML", { source: file, why: why.replace(/:$/, "") }, error);
  }
}

const publish: Command = {
  name: "apis publish",
  summary: "Have a stage serve the routes that are worked on, or those of another stage",
  about: ["All of it or nothing, in force everywhere when it is answered. No request fails by it."],
  args: [API_ARGUMENT],
  flags: [
    STAGE_FLAG,
    { name: "from", value: "STAGE", description: "What that stage serves; else the draft." },
    { name: "var", value: "NAME=VALUE", description: "Sets a variable; may be given again." },
    {
      name: "qualifier",
      value: "QUALIFIER",
      description: "What routes lead to that name none: $LATEST, an alias or a version.",
    },
    REASON,
    { name: "dry-run", description: "Only say what it would be." },
    IF_MATCH_FLAG,
  ],
  examples: [
    { line: "apis publish shop/web --stage prepub --from test", says: "What was tested." },
    {
      line: "apis publish shop/web --stage release --var theme=winter --reason snow",
      says: "With another value.",
    },
  ],
  async run(call) {
    const { screen, client, flag, isOn } = call;
    const params = stageParamsOf(call);
    const told = await variablesOf(call, params);
    const body: PublicationRequest = {
      ...{ from: flag("from"), qualifier: flag("qualifier"), variables: told.variables },
      ...{ reason: flag("reason") ?? "", dryRun: isOn("dry-run") },
    };
    const made = await client().createPublication({ params, body, ...told.ifMatch });
    const text = isOn("dry-run") ? wouldText(made) : publishedText(made);
    screen.printDone(made, text);
    noteBehind(screen, made);
    return 0;
  },
};

/** All that the stage has with what was given, and the tag that it had then. */
async function variablesOf(
  call: CommandCall,
  params: ReturnType<typeof stageParamsOf>,
): Promise<{
  readonly variables: Readonly<Record<string, string>> | undefined;
  readonly ifMatch: { readonly ifMatch?: string };
}> {
  const given = call.every("var").map(readVariable);
  const ifMatch = ifMatchOf(call);
  if (given.length === 0) return { variables: undefined, ifMatch };
  const { variables, etag } = await call.client().getStage({ params });
  const all = { ...variables, ...Object.fromEntries(given) };
  return { variables: all, ifMatch: { ifMatch: etag, ...ifMatch } };
}

function readVariable(value: string): readonly [string, string] {
  const at = value.indexOf("=");
  if (at > 0) return [value.slice(0, at), value.slice(at + 1)];
  const why = "write a name, = and a value, as in theme=winter";
  throw failCommand("FLAG_VALUE_INVALID", { command: "apis publish", flag: "--var", value, why });
}

type Made = PublicationResource & { readonly isNew: boolean };

function publishedText({ stage, number, routeCount, isNew, restores }: Made): string {
  if (!isNew) return `${stage} serves exactly that already, as publication ${number}.`;
  const what =
    restores === null ? countText(routeCount, "route") : `what publication ${restores} had`;
  return `${stage} serves ${what}, as publication ${number}.`;
}

function wouldText({ stage, number, routeCount, isNew }: Made): string {
  if (!isNew) return `${stage} would stay as it is: it serves exactly that.`;
  return `${stage} would serve ${countText(routeCount, "route")}, as publication ${number}.`;
}

const history: Command = {
  name: "apis history",
  summary: "Show what a stage served, newest first: who published it, when and why",
  args: [API_ARGUMENT],
  flags: [STAGE_FLAG],
  examples: [
    { line: "apis history shop/web --stage release", says: "The first is what it serves." },
  ],
  run: (call) => {
    const { screen, client, host } = call;
    const params = stageParamsOf(call);
    return printList(screen, publicationColumns(host.clock.wallMs()), (cursor) =>
      client().listPublications({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function publicationColumns(nowMs: number): readonly Column<PublicationResource>[] {
  return [
    { title: "NUMBER", text: ({ number }) => String(number), alignRight: true },
    { title: "ROUTES", text: ({ routeCount }) => String(routeCount), alignRight: true },
    { title: "LEADS TO", text: ({ qualifier }) => qualifier },
    { title: "FROM", text: ({ from, restores }) => from ?? `back to ${restores ?? "-"}` },
    { title: "AGE", text: ({ at }) => ageText(at, nowMs), alignRight: true },
    { title: "BY", text: ({ publishedBy }) => publishedBy, spare: true },
    { title: "WHY", text: ({ reason }) => reason, flexible: true },
  ];
}

const switchBack: Command = {
  name: "apis switch-back",
  summary: "Have a stage serve again what it did before",
  about: ["Itself a publication of the history: doing it twice leads back to where it began."],
  args: [API_ARGUMENT],
  flags: [
    STAGE_FLAG,
    { name: "to", value: "NUMBER", description: "That publication; else the one before." },
    REASON,
    IF_MATCH_FLAG,
  ],
  examples: [
    { line: "apis switch-back shop/web --stage release", says: "What it served before." },
    { line: "apis switch-back shop/web --stage release --to 3", says: "As publication 3 had it." },
  ],
  async run(call) {
    const { screen, client, flag, count } = call;
    const params = stageParamsOf(call);
    const to = count("to", { min: 1, max: NUMBER_MAX, otherwise: 0 });
    const stage = await client().getStage({ params });
    const restore = to === 0 ? (stage.publication?.number ?? 0) - 1 : to;
    if (restore < 1) throw fail("PUBLICATION_NONE_BEFORE", { stage: params.stage });
    const body = { restore, reason: flag("reason") ?? "" };
    // What was looked at is what is left.
    const tag = { ifMatch: stage.etag, ...ifMatchOf(call) };
    const made = await client().createPublication({ params, body, ...tag });
    screen.printDone(made, publishedText(made));
    noteBehind(screen, made);
    return 0;
  },
};

const openapi: Command = {
  name: "apis openapi",
  summary: "Print an OpenAPI 3.1 document of a gateway API",
  args: [API_ARGUMENT],
  flags: [{ ...STAGE_FLAG, description: "What it serves; else the routes worked on." }],
  examples: [
    { line: "apis openapi shop/web --stage release", says: "For tools that make clients." },
  ],
  async run({ args, screen, client, flag }) {
    const query = { stage: flag("stage") };
    const found = await client().getGatewayApiDocument({ params: readApiPath(args[0]), query });
    screen.printJson(found);
    return 0;
  },
};

const remove: Command = {
  name: "apis rm",
  summary: "Remove a gateway API with its stages and their history",
  args: [API_ARGUMENT],
  flags: [IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "apis rm shop/old --yes", says: "Without asking." }],
  async run(call) {
    const params = readApiPath(call.args[0]);
    const what = `${params.app}/${params.api}`;
    const question = `Remove the gateway API ${what} for good? Its URLs stop answering.`;
    await confirm(call, { what, question });
    await call.client().deleteGatewayApi({ params, ...ifMatchOf(call) });
    call.screen.printDone({ removed: what }, `Removed ${what}.`);
    return 0;
  },
};

export const GATEWAY_API_COMMANDS: readonly Command[] = [
  ...[list, show, put, publish, history, diff, switchBack, openapi, logs, purge, remove],
];

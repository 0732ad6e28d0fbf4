/** Versions and aliases: publish, list, set, roll back, remove. */
import type {
  AliasChangeResource,
  AliasResource,
  ChangedAlias,
  PublishVersionRequest,
  VersionResource,
} from "@skerry/api-schema";
import {
  LIMITS,
  parseQualifiedPath,
  readAppName,
  readFunctionName,
  versionsOfAlias,
} from "@skerry/contracts";
import { everyItem } from "@skerry/sdk";
import {
  ageText,
  collect,
  confirm,
  countText,
  failCommand,
  fieldLines,
  YES_FLAG,
} from "@skerry/terminal";
import type { Argument, Column, Field, Flag } from "@skerry/terminal";
import { FOLLOWING_FLAGS, readFollowing } from "./alias-following.ts";
import {
  partText,
  readTarget,
  ruleText,
  TARGET_ABOUT,
  TARGET_FLAGS,
  targetText,
} from "./alias-target.ts";
import {
  type Command,
  type CommandCall,
  noteBehind,
  FUNCTION_ARGUMENT,
  readAppOrFunction,
  readFunctionPath,
  printList,
  IF_MATCH_FLAG,
  ifMatchOf,
} from "@skerry/commands";

const PAGE = 1_000;
const { versionsPerFunctionMax: VERSIONS_MAX } = LIMITS;
const ALIAS: Argument = { name: "APP/FN:ALIAS", description: "The alias of a function." };
const REASON: Flag = { name: "reason", value: "TEXT", description: "Why, for the history." };

const publish: Command = {
  name: "publish",
  summary: "Give what is deployed the next version number",
  about: [
    "A version never changes. What has not changed since it was published keeps the number that it has. A whole " +
      "app is published at once, or not at all.",
  ],
  args: [{ name: "APP[/FN]", description: "A function, or all of an app." }],
  flags: [
    { name: "description", value: "TEXT", description: "What is new, for people." },
    { name: "alias", value: "NAME", description: "Alias that leads to it from then on." },
    REASON,
    { ...IF_MATCH_FLAG, description: "Of a function: only if its tag is still this one." },
  ],
  examples: [
    { line: "publish shop/buy --description 'Cheaper shipping'", says: "One function." },
    { line: "publish shop --alias live", says: "All of an app; `live` of each leads to it." },
  ],
  async run(call) {
    const { args, flag } = call;
    const { app, fn } = readAppOrFunction(args[0]);
    const [description, reason] = [flag("description") ?? "", flag("reason") ?? ""];
    const body = { description, reason, alias: flag("alias") };
    if (fn !== undefined) return await publishOne(call, { app, fn }, body);
    refuseFlag(call, "publish", { flags: ["if-match"], form: "APP/FN" });
    const { screen, client } = call;
    const made = await client().publishApp({ params: { app }, body });
    if (screen.json) screen.printJson(made);
    else {
      screen.printTable(PUBLISHED, made.functions);
      if (made.alias !== null) screen.note(`The alias ${made.alias} of each leads to it.`);
    }
    noteBehind(screen, made);
    return 0;
  },
};

async function publishOne(
  call: CommandCall,
  params: { readonly app: string; readonly fn: string },
  body: PublishVersionRequest,
): Promise<number> {
  const { screen, client } = call;
  const made = await client().publishVersion({ params, body, ...ifMatchOf(call) });
  const { version, isNew, alias } = made;
  if (screen.json) screen.printJson(made);
  else {
    const what = `${params.app}/${params.fn}`;
    screen.print(isNew ? `Published ${what}:${version}.` : `It is ${what}:${version} already.`);
    if (alias !== null) screen.print(`${what}:${alias} leads to it.`);
  }
  noteBehind(screen, made);
  return 0;
}

/** Throws FLAG_VALUE_INVALID for flags that are of one function alone. */
function refuseFlag(
  { flag }: CommandCall,
  command: string,
  { flags, form }: { readonly flags: readonly string[]; readonly form: string },
): void {
  const only = flags.find((name) => flag(name) !== undefined);
  if (only === undefined) return;
  const told = { command, flag: `--${only}`, value: flag(only) ?? "" };
  throw failCommand("FLAG_VALUE_INVALID", { ...told, why: `name a function: ${form}` });
}

interface Published {
  readonly function: string;
  readonly version: number;
  readonly isNew: boolean;
}
const PUBLISHED: readonly Column<Published>[] = [
  { title: "FUNCTION", text: (one) => one.function },
  { title: "VERSION", text: ({ version }) => String(version), alignRight: true },
  { title: "", text: ({ isNew }) => (isNew ? "new" : "as before") },
];

const versions: Command = {
  name: "versions",
  summary: "List the versions of a function, newest first",
  args: [FUNCTION_ARGUMENT],
  flags: [],
  examples: [{ line: "versions shop/buy", says: "With the aliases that lead to each." }],
  async run({ args, screen, client, host }) {
    const params = readFunctionPath(args[0]);
    const aliases = await collect(
      everyItem((cursor) => client().listAliases({ params, query: { limit: PAGE, cursor } })),
    );
    return await printList(screen, versionColumns(aliases, host.clock.wallMs()), (cursor) =>
      client().listVersions({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function versionColumns(
  aliases: readonly AliasResource[],
  nowMs: number,
): readonly Column<VersionResource>[] {
  const leading = (version: number): string =>
    aliases
      .filter(({ target }) => versionsOfAlias(target).includes(version))
      .map(({ name }) => name)
      .join(", ");
  return [
    { title: "VERSION", text: ({ version }) => String(version), alignRight: true },
    { title: "ALIASES", text: ({ version }) => leading(version) },
    { title: "AGE", text: ({ createdAt }) => ageText(createdAt, nowMs) },
    { title: "DESCRIPTION", text: ({ description }) => description, flexible: true },
  ];
}

const removeVersion: Command = {
  name: "versions rm",
  summary: "Remove a version to which no alias leads",
  about: ["Its number is not given out again."],
  args: [{ name: "APP/FN:VERSION", description: "The version." }],
  flags: [YES_FLAG],
  examples: [{ line: "versions rm shop/buy:3 --yes", says: "Without asking." }],
  async run(call) {
    const { args, screen, client } = call;
    const { app, fn, qualifier } = readQualified(args[0], "APP/FN:VERSION");
    const what = `${app}/${fn}:${qualifier}`;
    await confirm(call, { what, question: `Remove the version ${what} for good?` });
    await client().deleteVersion({ params: { app, fn, version: qualifier } });
    screen.printDone({ removed: what }, `Removed ${what}.`);
    return 0;
  },
};

const pruneVersions: Command = {
  name: "versions prune",
  summary: "Remove old versions to which no alias leads",
  about: ["Their numbers are not given out again; what an alias led to before goes, too."],
  args: [FUNCTION_ARGUMENT],
  flags: [
    { name: "keep", value: "N", description: "So many of the newest stay; required." },
    { name: "dry-run", description: "Only show what would be removed." },
    YES_FLAG,
  ],
  examples: [
    { line: "versions prune shop/buy --keep 20 --dry-run", says: "What would go?" },
    { line: "versions prune shop/buy --keep 20 --yes", says: "Without asking." },
  ],
  async run(call) {
    const { args, screen, client, isOn } = call;
    const params = readFunctionPath(args[0]);
    call.required("keep");
    const keep = call.count("keep", { min: 1, max: VERSIONS_MAX, otherwise: VERSIONS_MAX });
    const prune = (dryRun: boolean) => client().pruneVersions({ params, body: { keep, dryRun } });
    const what = `${params.app}/${params.fn}`;
    if (isOn("dry-run")) {
      const plan = await prune(true);
      if (screen.json) screen.printJson(plan);
      else screen.print(`Would remove ${numbersText(plan.removed)} of ${what}.`);
      return 0;
    }
    await confirm(call, {
      what,
      question: `Remove all but the newest ${keep} of ${what} for good?`,
    });
    const done = await prune(false);
    screen.printDone(done, `Removed ${numbersText(done.removed)} of ${what}.`);
    noteBehind(screen, done);
    return 0;
  },
};

function numbersText(numbers: readonly number[]): string {
  if (numbers.length === 0) return "no version";
  return `${countText(numbers.length, "version")} (${numbers.join(", ")})`;
}

const aliases: Command = {
  name: "aliases",
  summary: "List the aliases of a function and where they lead",
  args: [FUNCTION_ARGUMENT],
  flags: [],
  examples: [{ line: "aliases shop/buy", says: "Versions, shares and rules." }],
  async run({ args, screen, client, host }) {
    const params = readFunctionPath(args[0]);
    return await printList(screen, aliasColumns(host.clock.wallMs()), (cursor) =>
      client().listAliases({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function aliasColumns(nowMs: number): readonly Column<AliasResource>[] {
  return [
    { title: "ALIAS", text: ({ name }) => name },
    { title: "LEADS TO", text: ({ target }) => targetText(target), flexible: true },
    { title: "CHANGE", text: ({ change }) => String(change), alignRight: true },
    { title: "CHANGED", text: ({ updatedAt }) => ageText(updatedAt, nowMs) },
  ];
}

const showAlias: Command = {
  name: "aliases show",
  summary: "Show one alias: where it leads, by which rules, and what follows it",
  args: [ALIAS],
  flags: [],
  examples: [{ line: "aliases show shop/buy:live", says: "Everything about one alias." }],
  async run(call) {
    const { screen, client } = call;
    const alias = await client().getAlias({ params: aliasParamsOf(call) });
    const { app, function: fn, name } = alias;
    if (screen.json) screen.printJson(alias);
    else {
      const title = nameOf({ app, fn, alias: name });
      screen.print(screen.style.bold(title), ...fieldLines(fieldsOf(alias), screen.style));
    }
    return 0;
  },
};

function fieldsOf({ target, urls, change, updatedAt }: AliasResource): readonly Field[] {
  const { version, shares, rules, stickyBy, provisionedInstances = 0, env = {} } = target;
  const names = Object.keys(env).join(", ");
  return [
    ["URLs", urls],
    ["Rules", rules.map(ruleText)],
    ["Shares", shares.map((share) => `${share.perMille / 10} % to ${share.version}`)],
    ["Leads to", `${version}`],
    ["Sticky by", stickyBy === undefined ? "" : partText(stickyBy)],
    ["Kept ready", provisionedInstances === 0 ? "" : countText(provisionedInstances, "instance")],
    ["Env", names === "" ? "" : `${names} (values with --json)`],
    ["Change", `${change}`],
    ["Changed", updatedAt],
  ];
}

const setAlias: Command = {
  name: "aliases set",
  summary: "Have an alias lead to a version, or to several",
  about: [
    "In force everywhere when it is answered. Versions, shares and rules are replaced as a whole; what " +
      "follows the alias, instances that are kept ready and variables, stays unless it is given anew.",
    TARGET_ABOUT,
  ],
  args: [ALIAS, { name: "VERSION", description: "Takes what nothing sends elsewhere." }],
  flags: [...TARGET_FLAGS, ...FOLLOWING_FLAGS, REASON, IF_MATCH_FLAG],
  examples: [
    { line: "aliases set shop/buy:live 3", says: "All of it." },
    {
      line: "aliases set shop/buy:live 3 --share 4=10 --sticky-by cookie:id",
      says: "A tenth of the users to version 4, always the same ones.",
    },
    {
      line: "aliases set shop/buy:live 3 --rule 'header:x-ring=inner -> 4'",
      says: "Those who send that header to version 4.",
    },
    {
      line: "aliases set shop/buy:live 3 --env LOG_LEVEL=warn --env-file live.env",
      says: "With variables of its own, whichever version it leads to from then on.",
    },
  ],
  async run(call) {
    const params = aliasParamsOf(call);
    const leads = readTarget(call.args[1] ?? "", call);
    const { following, takenFrom } = await readFollowing(call, params);
    const target = { ...leads, ...following };
    const body = { target, reason: call.flag("reason") ?? "" };
    const seen = takenFrom === undefined ? {} : { ifMatch: takenFrom };
    const set = await call.client().putAlias({ params, body, ...seen, ...ifMatchOf(call) });
    show(call, set);
    return 0;
  },
};

const removeAlias: Command = {
  name: "aliases rm",
  summary: "Remove an alias with its history",
  args: [ALIAS],
  flags: [IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "aliases rm shop/buy:old --yes", says: "Without asking." }],
  async run(call) {
    const params = aliasParamsOf(call);
    const what = nameOf(params);
    await confirm(call, { what, question: `Remove the alias ${what}? Its URLs stop answering.` });
    await call.client().deleteAlias({ params, ...ifMatchOf(call) });
    call.screen.printDone({ removed: what }, `Removed ${what}.`);
    return 0;
  },
};

const history: Command = {
  name: "aliases history",
  summary: "Show where an alias led, newest first: who changed it, when and why",
  args: [ALIAS],
  flags: [],
  examples: [{ line: "aliases history shop/buy:live", says: "The first is where it leads." }],
  async run(call) {
    const { screen, client, host } = call;
    const params = aliasParamsOf(call);
    return await printList(screen, changeColumns(host.clock.wallMs()), (cursor) =>
      client().listAliasHistory({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

function changeColumns(nowMs: number): readonly Column<AliasChangeResource>[] {
  return [
    { title: "CHANGE", text: ({ number }) => String(number), alignRight: true },
    { title: "LED TO", text: ({ target }) => targetText(target), flexible: true },
    { title: "AGE", text: ({ at }) => ageText(at, nowMs) },
    { title: "BY", text: ({ changedBy }) => changedBy, spare: true },
    { title: "WHY", text: whyOf, flexible: true },
  ];
}

function whyOf({ reason, restores }: AliasChangeResource): string {
  const back = restores === null ? [] : [`back to change ${restores}`];
  return [...back, ...(reason === "" ? [] : [reason])].join(": ");
}

const rollback: Command = {
  name: "rollback",
  summary: "Have an alias lead where it did before its last change",
  about: [
    "A rollback is itself a change: doing it twice leads back to where it began. Of a whole app it " +
      "undoes the last change of that alias in all functions that were changed together.",
  ],
  args: [{ name: "APP[/FN]:ALIAS", description: "The alias of a function, or of a whole app." }],
  flags: [
    {
      name: "to",
      value: "CHANGE",
      description: "Of a function: the change whose state is restored, as its history has it.",
    },
    REASON,
    IF_MATCH_FLAG,
  ],
  examples: [
    { line: "rollback shop/buy:live", says: "One function." },
    { line: "rollback shop/buy:live --to 3", says: "As it was after the change 3." },
    { line: "rollback shop:live --reason 'orders fail'", says: "What was released together." },
  ],
  async run(call) {
    const { args, client, count, flag } = call;
    const reason = flag("reason") ?? "";
    if (!(args[0] ?? "").includes("/")) return await rollbackApp(call, reason);
    const params = aliasParamsOf(call);
    const to = count("to", { min: 1, max: 999_999_999, otherwise: 0 });
    const body = { reason, ...(to === 0 ? {} : { to }) };
    show(call, await client().rollbackAlias({ params, body, ...ifMatchOf(call) }));
    return 0;
  },
};

async function rollbackApp(call: CommandCall, reason: string): Promise<number> {
  const { args, screen, client } = call;
  refuseFlag(call, "rollback", { flags: ["to", "if-match"], form: "APP/FN:ALIAS" });
  const [appText, aliasText] = (args[0] ?? "").split(":");
  if (aliasText === undefined) throw notQualified(args[0] ?? "", "APP[/FN]:ALIAS");
  const app = readAppName(appText ?? "");
  const alias = readFunctionName(aliasText, "alias");
  const done = await client().rollbackApp({ params: { app, alias }, body: { reason } });
  if (screen.json) screen.printJson(done);
  else screen.printTable(ROLLED_BACK, done.functions);
  noteBehind(screen, done);
  return 0;
}

const ROLLED_BACK: readonly Column<
  Pick<AliasResource, "target"> & { readonly function: string }
>[] = [
  { title: "FUNCTION", text: (one) => one.function },
  { title: "LEADS TO", text: ({ target }) => targetText(target), flexible: true },
];

/** Throws ARGUMENT_INVALID. */
function aliasParamsOf({ args }: CommandCall) {
  const { app, fn, qualifier: alias } = readQualified(args[0], "APP/FN:ALIAS");
  return { app, fn, alias };
}

function nameOf(alias: { readonly app: string; readonly fn: string; readonly alias: string }) {
  return `${alias.app}/${alias.fn}:${alias.alias}`;
}

/** Throws ARGUMENT_INVALID. */
function readQualified(text: string | undefined, expected: string) {
  const path = parseQualifiedPath(text ?? "");
  if (path?.qualifier === undefined) throw notQualified(text ?? "", expected);
  return { ...path, qualifier: path.qualifier };
}

function notQualified(value: string, expected: string): Error {
  const hint = "Write the app, a slash, the function, a colon and the name, as in shop/buy:live.";
  return failCommand("ARGUMENT_INVALID", { value, expected, hint });
}

function show({ screen }: CommandCall, alias: ChangedAlias): void {
  const { app, function: fn, name, target, change } = alias;
  const what = nameOf({ app, fn, alias: name });
  screen.printDone(alias, `${what} leads to ${targetText(target)} (change ${change}).`);
  noteBehind(screen, alias);
}

export const RELEASE_COMMANDS: readonly Command[] = [
  publish,
  versions,
  removeVersion,
  pruneVersions,
  aliases,
  showAlias,
  setAlias,
  removeAlias,
  history,
  rollback,
];

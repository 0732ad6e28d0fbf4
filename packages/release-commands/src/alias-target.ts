/** Where an alias leads, as it is written on a command line and as it is shown. */
import {
  PER_MILLE,
  type AliasMatcher,
  type AliasTarget,
  type RequestPart,
  VERSION_NUMBER_MAX,
} from "@skerry/contracts";
import { countText, failCommand, type Flag } from "@skerry/terminal";
import type { CommandCall } from "@skerry/commands";

type Rule = AliasTarget["rules"][number];
type Share = AliasTarget["shares"][number];

export const ALIAS_COMMAND = "aliases set";

export const TARGET_FLAGS: readonly Flag[] = [
  {
    name: "share",
    value: "VERSION=PERCENT",
    description: "So many of a hundred requests go to another version; may be given again.",
  },
  {
    name: "rule",
    value: "'PART IS -> VERSION'",
    description: "What fits goes to a version before shares count; may be given again, in order.",
  },
  {
    name: "sticky-by",
    value: "PART",
    description: "Requests alike in header:NAME, cookie:NAME, query:NAME or path share a version.",
  },
];

/** What help says of these flags. */
export const TARGET_ABOUT =
  "A rule is a part, what it must be, an arrow and a version: `header:x-ring=inner -> 3`, " +
  "`path^=/beta/ -> 3` for a prefix, `path~=^/v[23]/ -> 3` for a regular expression, `query:level in 10..20 -> 3` for numbers, " +
  "`cookie:id 5% -> 3` for so many of a hundred values, always the same ones.";

/** Reads the flags around a main version. Throws ARGUMENT_INVALID, FLAG_VALUE_INVALID. */
export function readTarget(main: string, { flag, every }: CommandCall): AliasTarget {
  const version = versionOf(main);
  if (version === undefined) {
    const hint = "Versions are numbers; `skerry versions APP/FN` lists them.";
    throw failCommand("ARGUMENT_INVALID", { value: main, expected: "VERSION", hint });
  }
  const sticky = flag("sticky-by");
  return {
    version,
    shares: every("share").map(readShare),
    rules: every("rule").map(readRule),
    ...(sticky === undefined ? {} : { stickyBy: readPart(sticky, "--sticky-by", sticky) }),
  };
}

function versionOf(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= VERSION_NUMBER_MAX ? number : undefined;
}

const SHARE = /^(\d+)=(\d{1,3}(?:\.\d)?)%?$/;

function readShare(value: string): Share {
  const [, number = "", percent = ""] = SHARE.exec(value) ?? [];
  const [version, perMille] = [versionOf(number), Math.round(Number(percent) * 10)];
  if (version !== undefined && perMille <= PER_MILLE) return { version, perMille };
  const why = "it is a version, `=` and a percentage with one decimal at most, as in 4=0.5";
  throw failCommand("FLAG_VALUE_INVALID", { command: ALIAS_COMMAND, flag: "--share", value, why });
}

const RULE = /^(.*?)\s*(\^=|~=|=|\sin\s|\s(?=[\d.]+%\s*->))\s*(.*)->\s*(\d+)$/s;

function readRule(value: string): Rule {
  const [, part = "", sign = "", is = "", number = ""] = RULE.exec(value.trim()) ?? [];
  const [version, matcher] = [versionOf(number), matcherOf(sign.trim(), is.trim())];
  if (version !== undefined && matcher !== undefined) {
    return { part: readPart(part, "--rule", value), is: matcher, version };
  }
  const why = "it is like `header:x-ring=inner -> 3`, or as `skerry aliases set --help` shows";
  throw failCommand("FLAG_VALUE_INVALID", { command: ALIAS_COMMAND, flag: "--rule", value, why });
}

function matcherOf(sign: string, text: string): AliasMatcher | undefined {
  if (sign === "=") return { exact: text };
  if (sign === "^=") return { prefix: text };
  if (sign === "~=") return text === "" ? undefined : { pattern: text };
  if (sign === "in") {
    const [, from, to] = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(text) ?? [];
    const range = { from: Number(from), to: Number(to) };
    return range.from <= range.to ? range : undefined;
  }
  const percent = Number(/^([\d.]+)%$/.exec(text)?.[1]);
  return percent <= 100 ? { percent } : undefined;
}

const PART = /^(?:(path)|(header|cookie|query):(.+))$/;

function readPart(text: string, flag: string, value: string): RequestPart {
  const [, path, from, name] = PART.exec(text.trim()) ?? [];
  if (path !== undefined) return { from: "path" };
  if (from !== undefined && name !== undefined) {
    return { from: from as Exclude<RequestPart["from"], "path">, name };
  }
  const why = "a part is header:NAME, cookie:NAME, query:NAME or path";
  throw failCommand("FLAG_VALUE_INVALID", { command: ALIAS_COMMAND, flag, value, why });
}

/** In one line, as tables show it. */
export function targetText(target: AliasTarget): string {
  const { version, shares, rules, stickyBy, provisionedInstances = 0, env = {} } = target;
  const variables = Object.keys(env).length;
  return [
    String(version),
    ...shares.map((share) => `${share.perMille / 10} % to ${share.version}`),
    ...(rules.length === 0 ? [] : [countText(rules.length, "rule")]),
    ...(stickyBy === undefined ? [] : [`sticky by ${partText(stickyBy)}`]),
    ...(provisionedInstances === 0 ? [] : [`${provisionedInstances} kept ready`]),
    ...(variables === 0 ? [] : [countText(variables, "variable")]),
  ].join(", ");
}

/** As a rule is written on a command line. */
export function ruleText({ part, is, version }: Rule): string {
  return `${partText(part)}${matcherText(is)} -> ${version}`;
}

function matcherText(is: AliasMatcher): string {
  if ("exact" in is) return `=${is.exact}`;
  if ("prefix" in is) return `^=${is.prefix}`;
  if ("pattern" in is) return `~=${is.pattern}`;
  return "percent" in is ? ` ${is.percent}%` : ` in ${is.from}..${is.to}`;
}

export function partText({ from, name }: RequestPart): string {
  return name === undefined ? from : `${from}:${name}`;
}

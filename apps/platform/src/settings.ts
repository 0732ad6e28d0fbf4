/**
 * Reads the platform's configuration once: defaults < file < environment < flags. Every problem is
 * told at once, with where it was set.
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { nearestWord, PlatformError } from "@skerry/base";
import {
  envNameOf,
  flagOf,
  platformConfig,
  type PlatformConfig,
} from "@skerry/contracts/platform-config";
import { parseInput } from "@skerry/contracts/problems";
import { fail } from "./errors.ts";
import { defaultHome, layoutOf } from "./layout.ts";

const KEYS = Object.keys(platformConfig.shape);

export interface Invocation {
  readonly config: PlatformConfig;
  readonly help: boolean;
  /** `restart ROLE`, or nothing. */
  readonly words: readonly string[];
}

/** Throws SETTINGS_INVALID. */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation {
  const { flags, words, help, problems } = parseFlags(argv);
  const fromEnv = readEnv(env);
  const named = flags["home"] ?? fromEnv["home"];
  const home = typeof named === "string" && named !== "" ? resolve(named) : defaultHome();
  const file = readFile(layoutOf(home).configFile);
  const merged = { ...file.values, ...fromEnv, ...flags, home };
  const parsed = parse(merged);
  const sourceOf = (key: string): string => {
    if (key in flags) return flagOf(key);
    if (key in fromEnv) return envNameOf(key);
    return key in file.values ? layoutOf(home).configFile : "";
  };
  const all = [
    ...problems,
    ...file.problems,
    ...parsed.problems.map((text) => withSource(text, sourceOf)),
  ];
  if (parsed.config === undefined || all.length > 0)
    throw fail("SETTINGS_INVALID", { problems: all.join(" · "), problemList: all });
  return { config: Object.freeze(parsed.config), help, words };
}

const HALF_A_CERTIFICATE = "gatewayTlsCert: it and gatewayTlsKey are set together";

function parse(merged: object): {
  readonly config: PlatformConfig | undefined;
  readonly problems: readonly string[];
} {
  try {
    const config = parseInput(platformConfig, merged, "platform configuration");
    const isHalf = (config.gatewayTlsCert === "") !== (config.gatewayTlsKey === "");
    return { config, problems: isHalf ? [HALF_A_CERTIFICATE] : [] };
  } catch (error) {
    const { reason, details } = PlatformError.from(error);
    if (reason !== "INPUT_INVALID") throw error;
    return { config: undefined, problems: details["problemList"] as readonly string[] };
  }
}

/** A problem begins with its key, or names an unknown one, which only the file can have. */
function withSource(text: string, sourceOf: (key: string) => string): string {
  const key = /^(\w+): /.exec(text)?.[1];
  const source = key === undefined ? "" : sourceOf(key);
  return source === "" ? text : `${source}: ${text}`;
}

function readEnv(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const text = env[envNameOf(key)];
      return text === undefined || text === "" ? [] : [[key, typed(key, text)]];
    }),
  );
}

/** The text of `--help`, from the schema. */
export function helpText(): string {
  const rows = KEYS.map((key) => {
    const { description = "" } = platformConfig.shape[key as keyof typeof platformConfig.shape];
    return `  ${flagOf(key).padEnd(22)} ${envNameOf(key).padEnd(24)} ${description}`;
  });
  return [
    "Starts Skerry on this machine.",
    "",
    "  npm start                          all roles, embedded engines",
    "  npm start -- --gateway-port 8080   another port",
    "  npm start -- restart gateway       replace one role of the running platform",
    "",
    ...rows,
    "",
  ].join("\n");
}

/** Values that are not text; anything else is left for the schema to judge. */
function typed(key: string, text: string): unknown {
  const { def } = platformConfig.shape[key as keyof typeof platformConfig.shape];
  const inner = "innerType" in def ? (def.innerType as { def: { type: string } }).def : def;
  if (inner.type === "number") return /^[-+]?[\d.]+$/.test(text) ? Number(text) : text;
  if (inner.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}

interface Flags {
  readonly flags: Record<string, unknown>;
  readonly words: string[];
  readonly problems: string[];
  help: boolean;
}

function parseFlags(argv: readonly string[]): Flags {
  const read: Flags = { flags: {}, words: [], problems: [], help: false };
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--help" || word === "-h") read.help = true;
    else if (word.startsWith("-")) readFlag(word, rest, read);
    else read.words.push(word);
  }
  return read;
}

function readFlag(word: string, rest: string[], { flags, problems }: Flags): void {
  const [name = word, inline] = word.split(/=(.*)/s, 2);
  const key = KEYS.find((known) => flagOf(known) === name);
  if (key === undefined) {
    const nearest = nearestWord(name, KEYS.map(flagOf));
    const did = nearest === undefined ? "" : `, did you mean ${nearest}?`;
    problems.push(`there is no flag ${name}${did}`);
    return;
  }
  // The next word is the value unless it is a flag itself; a number may be negative.
  const isNext = rest[0] !== undefined && !/^-(?!\d)/.test(rest[0]);
  const value = inline ?? (isNext ? rest.shift() : undefined);
  if (value === undefined || value === "") problems.push(`${name} needs a value`);
  else flags[key] = typed(key, value);
}

interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
}

function readFile(path: string): ConfigFile {
  if (!existsSync(path)) return { values: {}, problems: [] };
  try {
    const values = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> | null;
    if (typeof values !== "object" || values === null || Array.isArray(values))
      return { values: {}, problems: [`${path}: it is not an object of keys and values`] };
    const hasHome = Object.hasOwn(values, "home");
    const problems = hasHome ? [`${path}: home cannot be set in the file that lies in it`] : [];
    return { values, problems };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { values: {}, problems: [`${path}: it cannot be read as JSON: ${why}`] };
  }
}

/**
 * Reads the platform's configuration once: defaults < file < environment < flags; every problem is
 * told at once.
 */
import { existsSync, readFileSync } from "node:fs";
import { nearestWord } from "@skerry/base";
import {
  envNameOf,
  flagOf,
  parseInput,
  platformConfig,
  type PlatformConfig,
} from "@skerry/contracts";
import { fail } from "./errors.ts";
import { defaultHome, layoutOf } from "./layout.ts";

const KEYS = Object.keys(platformConfig.shape);

export interface Invocation {
  readonly config: PlatformConfig;
  readonly help: boolean;
  /** `restart ROLE`, or nothing. */
  readonly words: readonly string[];
}

export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation {
  const { flags, words, help } = parseFlags(argv);
  const fromEnv = Object.fromEntries(
    KEYS.flatMap((key) => {
      const text = env[envNameOf(key)];
      return text === undefined || text === "" ? [] : [[key, typed(key, text)]];
    }),
  );
  const named = flags["home"] ?? fromEnv["home"];
  const home = typeof named === "string" ? named : defaultHome();
  const merged = { ...readFile(layoutOf(home).configFile), ...fromEnv, ...flags, home };
  const config = Object.freeze(parseInput(platformConfig, merged, "platform configuration"));
  return { config, help, words };
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
  if (inner.type === "number") return text.trim() === "" ? text : Number(text);
  if (inner.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}

function parseFlags(argv: readonly string[]): {
  readonly flags: Record<string, unknown>;
  readonly words: readonly string[];
  readonly help: boolean;
} {
  const flags: Record<string, unknown> = {};
  const words: string[] = [];
  let help = false;
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--help" || word === "-h") help = true;
    else if (word.startsWith("--")) readFlag(word, rest, flags);
    else words.push(word);
  }
  return { flags, words, help };
}

function readFlag(word: string, rest: string[], flags: Record<string, unknown>): void {
  const [name = word, inline] = word.split(/=(.*)/s, 2);
  const key = KEYS.find((known) => flagOf(known) === name);
  if (key === undefined) {
    const nearest = nearestWord(name, KEYS.map(flagOf));
    const did = nearest === undefined ? "" : `, did you mean ${nearest}?`;
    throw fail("FLAG_UNKNOWN", { problem: `There is no flag ${name}${did}` });
  }
  const value = inline ?? rest.shift();
  if (value === undefined) throw fail("FLAG_UNKNOWN", { problem: `${name} needs a value.` });
  flags[key] = typed(key, value);
}

function readFile(path: string): object {
  if (!existsSync(path)) return {};
  const text = readFileSync(path, "utf8");
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fail("FLAG_UNKNOWN", { problem: `${path} is not JSON: ${why}` }, error);
  }
}

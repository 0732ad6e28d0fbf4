/**
 * Planted values and the search for them: in every file below a home, in answers of the API, and in
 * what another user of the machine sees of its processes.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { fetchOnce, type Platform, type SourceFiles } from "@skerry/testkit";

/** The forms in which a value would be recognised. */
export function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [value, bytes.toString("base64").replace(/=+$/, ""), bytes.toString("hex")];
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Files below the home that hold the value, whatever they are. */
export async function filesWith(home: string, value: string): Promise<readonly string[]> {
  const patterns = formsOf(value).flatMap((form) => ["-e", form]);
  const args = ["-rlaF", "--devices=skip", ...patterns, home];
  const found = promisify(execFile)("grep", args, { maxBuffer: 16 << 20 });
  const { stdout } = await found.catch((error: { readonly code?: unknown; stdout: string }) => {
    // 1: nothing was found. 2: a file went away meanwhile.
    assert.ok(error.code === 1 || error.code === 2, JSON.stringify(error));
    return error;
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Command lines of the machine that hold the value, and environments that `nobody` can read. */
export function processesWith(value: string): readonly string[] {
  const script = 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"';
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const seen = spawnSync("sh", ["-c", script], { ...user, maxBuffer: 256 << 20 }).stdout;
  const lines = seen.toString("latin1").split("\n");
  return process.getuid?.() === 0
    ? lines.filter((line) => line.includes(value))
    : commandLines().filter((line) => line.includes(value));
}

function commandLines(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        return "";
      }
    });
}

/** Everything that the API tells about an app, in one text. */
export async function answersOf(platform: Platform, app: string): Promise<string> {
  const { apiUrl, key } = platform;
  const ask = async (path: string): Promise<string> => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetchOnce(`${apiUrl}${path}`, { headers });
    return `${path}\n${JSON.stringify([...response.headers])}\n${await response.text()}`;
  };
  const { items } = await platform.client.listFunctions({ params: { app } });
  const functions = items.flatMap(({ name }) => {
    const path = `/v1/apps/${app}/functions/${name}`;
    return [path, `${path}/logs?limit=1000`, `${path}/invocations?limit=1000`, `${path}/events`];
  });
  const paths = [
    ...["/v1/platform", "/v1/apps", `/v1/apps/${app}/functions`, "/v1/instances", "/v1/traffic"],
    ...["/v1/keys", "/v1/audit?limit=1000", "/v1/secrets", `/v1/apps/${app}/secrets`, "/metrics"],
    ...[`/v1/apps/${app}/configs`, `/v1/apps/${app}/secrets/db-password`],
    ...functions,
  ];
  return (await Promise.all(paths.map(ask))).join("\n");
}

/**
 * Functions that use a secret, print it and fail with it, in each language. What they answer when
 * all is well is a digest.
 */
export const LEAKY: Readonly<Record<string, SourceFiles>> = {
  node26: {
    "index.js": `
const { createHash } = require("node:crypto");
const value = process.env.DB_PASSWORD;
if (process.env.FAILS_AT_LOAD && !value.startsWith("not-a-secret")) throw new Error("with " + value);
exports.handler = async ({ how }, context) => {
  if (how === "print") {
    console.log("console", value, { nested: { value } });
    process.stderr.write("raw " + value + "\\n");
  }
  if (how === "throw") throw new Error("refused: " + value);
  if (how === "name") { const error = new Error("x"); error.name = value; throw error; }
  if (how === "bad") return { toJSON() { throw new Error(value); } };
  if (how === "exit") { console.error("dying with " + value); process.exit(3); }
  if (how === "config") return require("node:fs").readFileSync("/config/one.json", "utf8");
  return { digest: createHash("sha256").update(value).digest("hex"), pid: context.requestId };
};`,
  },
  python3: {
    "main.py": `
import hashlib, os, sys
value = os.environ["DB_PASSWORD"]
def handler(event, context):
    how = event.get("how")
    if how == "print":
        print("printed", value)
        sys.stderr.write("raw " + value + "\\n")
    if how == "throw":
        raise ValueError("refused: " + value)
    return {"digest": hashlib.sha256(value.encode()).hexdigest()}
`,
  },
  php8: {
    "index.php": `<?php
function handler(array $event, $context) {
    $value = getenv("DB_PASSWORD");
    $how = $event["how"] ?? "";
    if ($how === "print") { echo "printed $value\\n"; error_log("raw $value"); }
    if ($how === "throw") { throw new RuntimeException("refused: $value"); }
    return ["digest" => hash("sha256", $value)];
}
`,
  },
};

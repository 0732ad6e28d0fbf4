/**
 * Finds the platform and the key: flags first, then the environment, then this machine's own
 * platform.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createIdSource } from "@skerry/base";
import { namedRunOf } from "@skerry/commands";
import { createClient, type Client } from "@skerry/sdk";
import { fail } from "./errors.ts";
import type { Host } from "./host.ts";

const API_DEFAULT = "http://127.0.0.1:4400";
const GATEWAY_DEFAULT = "http://127.0.0.1:4480";
/** Visible ASCII: what fits into a header. */
const KEY_TEXT = /^[\x21-\x7e]{1,512}$/;

type FlagOf = (name: string) => string | undefined;

/** A client with the key that applies. Throws ADDRESS_INVALID and the reasons KEY_…. */
export function connect(host: Host, flag: FlagOf): Client {
  const { fetch, clock, random } = host;
  const place = { flag, env: host.env };
  return createClient({
    apiUrl: addressOf(place, { name: "api", otherwise: API_DEFAULT }),
    gatewayUrl: addressOf(place, { name: "gateway", otherwise: GATEWAY_DEFAULT }),
    key: findKey(host, flag),
    idempotencyKey: runIdOf(host, flag),
    fetch,
    clock,
    random,
  });
}

function addressOf(
  { flag, env }: { readonly flag: FlagOf; readonly env: Host["env"] },
  { name, otherwise }: { readonly name: string; readonly otherwise: string },
): string {
  const variable = `SKERRY_${name.toUpperCase()}`;
  const flagged = flag(name);
  const value = flagged ?? nonEmpty(env[variable]) ?? otherwise;
  const source = flagged === undefined ? variable : `--${name}`;
  const url = URL.parse(value);
  const fits = url !== null && (url.protocol === "http:" || url.protocol === "https:");
  if (!fits) throw fail("ADDRESS_INVALID", { source, value });
  return url.origin;
}

/** A fresh one, too, lets an error tell how to run the command again. */
function runIdOf(host: Host, flag: FlagOf): string {
  const { clock, random } = host;
  return namedRunOf(host, flag) ?? createIdSource({ clock, random }).requestId();
}

function findKey(host: Host, flag: FlagOf): string {
  const flagged = flag("key");
  if (flagged !== undefined) return checked(flagged, "--key");
  const named = nonEmpty(host.env["SKERRY_KEY"]);
  if (named !== undefined) return checked(named, "SKERRY_KEY");
  const path = join(nonEmpty(host.env["SKERRY_HOME"]) ?? host.defaultHome, "admin.key");
  return checked(readKeyFile(path), path);
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw fail("KEY_FILE_MISSING", { path }, error);
    throw fail("KEY_FILE_UNREADABLE", { path, why: code ?? message }, error);
  }
}

function checked(text: string, source: string): string {
  const key = text.trim();
  if (!KEY_TEXT.test(key)) throw fail("KEY_MALFORMED", { source });
  return key;
}

/** An empty variable is as good as none. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

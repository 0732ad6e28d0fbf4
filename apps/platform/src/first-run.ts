/**
 * What a person meets first: an example that answers, and the lines that say where everything is.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Log } from "@skerry/base";
import type { FunctionResource, PlatformConfig } from "@skerry/contracts";
import { createClient } from "@skerry/sdk";
import type { Layout } from "./layout.ts";

export interface Ports {
  readonly apiPort: number;
  readonly gatewayPort: number;
}

const EXAMPLE = new URL("../../../examples/hello", import.meta.url);
const CLI = new URL("../../../packages/cli/src/main.ts", import.meta.url);
const DEPLOY_TIMEOUT_MS = 60_000;

/**
 * Deploys `examples/hello` as a user would, when there is no app at all. Resolves to whether it is
 * there and open to all, so that nobody is shown an address that does not answer. A failure is
 * told, not fatal.
 */
export async function deployExample(
  options: Ports & { readonly config: PlatformConfig; readonly layout: Layout; readonly log: Log },
): Promise<boolean> {
  try {
    const { items } = (await cli(options, ["ls", "--json"])) as { items: FunctionResource[] };
    if (items.length > 0) return items.some(isOpenExample);
    await cli(options, ["deploy", fileURLToPath(EXAMPLE), "--json"]);
    return true;
  } catch (error) {
    options.log.error("the example was not deployed", { error: String(error) });
    return false;
  }
}

/**
 * A link that signs in at the start page, once and for a quarter of an hour; undefined when it
 * could not be made, which is told, not fatal.
 */
export async function signInUrl(
  options: Ports & { readonly config: PlatformConfig; readonly layout: Layout; readonly log: Log },
): Promise<string | undefined> {
  const { config, layout, log, apiPort, gatewayPort } = options;
  try {
    const client = createClient({
      apiUrl: `http://${config.host}:${apiPort}`,
      gatewayUrl: `http://${config.host}:${gatewayPort}`,
      key: (await readFile(layout.adminKeyFile, "utf8")).trim(),
    });
    return (await client.createSignInLink({ body: {} })).url;
  } catch (error) {
    log.error("the sign-in link was not made", { error: String(error) });
    return undefined;
  }
}

function isOpenExample({ app, name, latest }: FunctionResource): boolean {
  return app === "examples" && name === "hello" && latest.config.auth === "none";
}

async function cli(
  { config, apiPort, gatewayPort }: Ports & { readonly config: PlatformConfig },
  args: readonly string[],
): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(CLI), ...args], {
    timeout: DEPLOY_TIMEOUT_MS,
    env: {
      ...process.env,
      SKERRY_HOME: config.home,
      SKERRY_API: `http://${config.host}:${apiPort}`,
      SKERRY_GATEWAY: `http://${config.host}:${gatewayPort}`,
    },
  });
  return JSON.parse(stdout);
}

/** The lines that say where everything is, with one command that works as it stands. */
export function banner(
  facts: Ports & {
    readonly config: PlatformConfig;
    readonly layout: Layout;
    readonly facts: Readonly<Record<string, string>>;
    /** Whether the example answers. */
    readonly hasExample: boolean;
    /** Where a browser signs in; works once. */
    readonly signIn: string | undefined;
    readonly readyMs: number;
  },
): string {
  const { config, layout, apiPort, gatewayPort, hasExample, signIn, readyMs } = facts;
  const gateway = `http://${config.host}:${gatewayPort}`;
  const raise = facts.facts["raise"] ?? "";
  const lines = [
    `Skerry is ready (${(readyMs / 1_000).toFixed(1)} s).`,
    "",
    `  Gateway   ${gateway}`,
    `  API       http://${config.host}:${apiPort}`,
    `  Key       ${layout.adminKeyFile}`,
    `  Sandbox   ${facts.facts["sandbox"] ?? "unknown"}`,
    ...raise
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => `            for ${line}`),
    "",
    ...(signIn === undefined
      ? []
      : [
          "Look at it in a browser (the link works once; `npx skerry console` makes another):",
          "",
          `  ${signIn}`,
          "",
        ]),
    ...(hasExample
      ? ["Try it:", "", `  curl '${gateway}/-/examples/hello/?name=you'`, ""]
      : ["Deploy a folder:", "", "  npx skerry deploy DIR", ""]),
    "Stop with Ctrl-C.",
    "",
  ];
  return lines.join("\n");
}

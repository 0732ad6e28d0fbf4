/**
 * What a person meets first: an example that answers, and the lines that say where everything is.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { PlatformError, type Log } from "@skerry/base";
import { type PlatformConfig, platformConfig } from "@skerry/contracts/platform-config";
import { defaultHome, type Layout } from "./layout.ts";
import { ask, OWN_CALLS, type OwnApi } from "./own-api.ts";

export interface Ports {
  readonly apiPort: number;
  readonly gatewayPort: number;
  /** Undefined without one. */
  readonly gatewayTlsPort?: number | undefined;
}

export interface FirstRun extends Ports {
  readonly config: PlatformConfig;
  readonly layout: Layout;
  readonly log: Log;
}

/** Where the command line looks for a platform. */
const USUAL = platformConfig.parse({ home: "/" });
/**
 * Whether `examples/hello` is there and open to all, so that nobody is shown an address that does
 * not answer; where there is no app at all, it is deployed. A failure is told, not fatal.
 */
export async function openExample(options: FirstRun): Promise<boolean> {
  try {
    const api = await ownApi(options);
    const { items: apps } = (await ask(api, OWN_CALLS.listApps)) as { items: readonly unknown[] };
    if (apps.length > 0) return await hasOpenExample(api);
    // Most starts find apps and need none of this.
    const { deployExample } = await import("./example.ts");
    await deployExample({ ...api, gatewayUrl: urlOf(options.config, options.gatewayPort) });
    return true;
  } catch (error) {
    options.log.error("the example was not deployed", { error: String(error) });
    return false;
  }
}

/** Begins to load what deploys the example, for a home that has none yet. */
export function expectExample({ adminKeyFile }: Layout): void {
  // Who needs it learns of its failure.
  if (!existsSync(adminKeyFile)) import("./example.ts").catch(() => undefined);
}

/**
 * A link that signs in at the start page, once and for a quarter of an hour; undefined when it
 * could not be made, which is told, not fatal.
 */
export async function signInUrl(options: FirstRun): Promise<string | undefined> {
  try {
    const made = await ask(await ownApi(options), OWN_CALLS.createSignInLink);
    return (made as { url: string }).url;
  } catch (error) {
    options.log.error("the sign-in link was not made", { error: String(error) });
    return undefined;
  }
}

async function ownApi({ config, layout, apiPort }: FirstRun): Promise<OwnApi> {
  const key = (await readFile(layout.adminKeyFile, "utf8")).trim();
  return { apiUrl: urlOf(config, apiPort), key };
}

function urlOf({ host }: PlatformConfig, port: number): string {
  return `http://${host}:${port}`;
}

async function hasOpenExample(api: OwnApi): Promise<boolean> {
  try {
    const found = await ask(api, OWN_CALLS.getExample);
    return (found as { latest: { config: { auth: string } } }).latest.config.auth === "none";
  } catch (error) {
    if (PlatformError.is(error) && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

/** The lines that say where everything is; the commands in them work as they stand. */
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
  const { config, layout, apiPort, gatewayPort, gatewayTlsPort, hasExample, signIn } = facts;
  const gateway = `http://${config.host}:${gatewayPort}`;
  const raise = facts.facts["raise"] ?? "";
  const skerry = `${whereabouts(facts)}npx skerry`;
  const lines = [
    `Skerry is ready (${(facts.readyMs / 1_000).toFixed(1)} s).`,
    "",
    `  Gateway   ${gateway}`,
    ...(gatewayTlsPort === undefined
      ? []
      : [`            https://${config.host}:${gatewayTlsPort}`]),
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
          `Look at it in a browser (the link works once; \`${skerry} console\` makes another):`,
          "",
          `  ${signIn}`,
          "",
        ]),
    ...(hasExample
      ? ["Try it:", "", `  curl '${gateway}/-/examples/hello/?name=you'`, ""]
      : ["Deploy a folder:", "", `  ${skerry} deploy DIR`, ""]),
    "Stop with Ctrl-C.",
    "",
  ];
  return lines.join("\n");
}

/** What the command line must be told; nothing where it looks by itself. */
function whereabouts({
  config,
  layout,
  apiPort,
  gatewayPort,
}: Ports & { readonly config: PlatformConfig; readonly layout: Layout }): string {
  const { host } = config;
  const { home } = layout;
  const isUsual = host === USUAL.host;
  return [
    home === defaultHome() ? "" : `SKERRY_HOME=${shellWord(home)} `,
    isUsual && apiPort === USUAL.apiPort ? "" : `SKERRY_API=http://${host}:${apiPort} `,
    isUsual && gatewayPort === USUAL.gatewayPort
      ? ""
      : `SKERRY_GATEWAY=http://${host}:${gatewayPort} `,
  ].join("");
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

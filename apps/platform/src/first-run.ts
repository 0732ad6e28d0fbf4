/**
 * What a person meets first: an example that answers, and the lines that say where everything is.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PlatformError, type Log } from "@skerry/base";
import { deploymentMark } from "@skerry/api-schema";
import { type PlatformConfig, platformConfig } from "@skerry/contracts";
import { createClient, type Client } from "@skerry/sdk";
import { defaultHome, type Layout } from "./layout.ts";

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

/** What `skerry deploy examples/hello` means; its skerry.yaml says the same. */
export const EXAMPLE = {
  folder: new URL("../../../examples/hello", import.meta.url),
  params: { app: "examples", fn: "hello" },
  config: { auth: "none" },
} as const;
/** Where the command line looks for a platform. */
const USUAL = platformConfig.parse({ home: "/" });
const DEPLOY_TIMEOUT_MS = 60_000;
/** How long one request waits for news of the deployment. */
const WAIT_MS = 10_000;

/**
 * Deploys `examples/hello` as the command line would, when there is no app at all. Resolves to
 * whether it is there and open to all, so that nobody is shown an address that does not answer. A
 * failure is told, not fatal.
 */
export async function deployExample(options: FirstRun): Promise<boolean> {
  try {
    const client = await clientOf(options);
    const { items: apps } = await client.listApps({ query: { limit: 1 } });
    if (apps.length > 0) return await hasOpenExample(client);
    await deploy(client);
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
export async function signInUrl(options: FirstRun): Promise<string | undefined> {
  try {
    return (await (await clientOf(options)).createSignInLink({ body: {} })).url;
  } catch (error) {
    options.log.error("the sign-in link was not made", { error: String(error) });
    return undefined;
  }
}

async function clientOf({ config, layout, apiPort, gatewayPort }: FirstRun): Promise<Client> {
  return createClient({
    apiUrl: `http://${config.host}:${apiPort}`,
    gatewayUrl: `http://${config.host}:${gatewayPort}`,
    key: (await readFile(layout.adminKeyFile, "utf8")).trim(),
  });
}

async function hasOpenExample(client: Client): Promise<boolean> {
  try {
    const { latest } = await client.getFunction({ params: EXAMPLE.params });
    return latest.config.auth === "none";
  } catch (error) {
    if (PlatformError.is(error) && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

async function deploy(client: Client): Promise<void> {
  const { app, fn } = EXAMPLE.params;
  // Most starts find apps and need none of this.
  const { packFolder } = await import("@skerry/sdk/pack");
  const source = await packFolder(fileURLToPath(EXAMPLE.folder));
  const { digest } = source;
  const body = { functions: [{ name: fn, sourceDigest: digest, config: EXAMPLE.config }] };
  const signal = AbortSignal.timeout(DEPLOY_TIMEOUT_MS);
  await client.putPackage({ params: { app, digest }, archive: () => source.archive(), signal });
  let deployment = await client.createDeployment({ params: { app }, body, signal });
  while (deployment.state !== "succeeded") {
    if (deployment.error !== null) throw PlatformError.fromWire(deployment.error);
    const query = { waitMs: WAIT_MS, state: deploymentMark(deployment) };
    const params = { app, deployment: deployment.id };
    deployment = await client.getDeployment({ params, query, signal });
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

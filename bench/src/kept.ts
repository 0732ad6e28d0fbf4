/**
 * Answers that the response cache keeps: bare `node:http` that has the same bytes at hand = 1.00, a
 * gateway that answers with what it keeps, two of them on one socket, and the route without a
 * cache. The same over TLS against bare `node:https`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouteInput } from "@skerry/contracts";
import { makeAuthority, startPlatform, type Platform } from "@skerry/testkit";
import {
  contest,
  peerContestant,
  startPeer,
  stopPeer,
  warmUp,
  type ContestFigure,
  type Contestant,
} from "./contest.ts";
import { PAGE, PAGE_HEADERS } from "./page.ts";
import type { RunOptions } from "./run-options.ts";

const APP = "bench";
const CODE = `const page = ${JSON.stringify(PAGE)};
const headers = ${JSON.stringify(PAGE_HEADERS)};
export default { fetch: () => new Response(page, { headers }) };`;
const TO = { to: { function: "page" }, auth: "none" } as const;
const ROUTES: readonly RouteInput[] = [
  { ...TO, path: "/kept", cache: {} },
  { ...TO, path: "/made" },
];
/** The host that leads to the stage, as users have it. */
const HOST = `test.web.${APP}.apis.localhost`;

export async function benchKept(options: RunOptions): Promise<readonly ContestFigure[]> {
  const folder = mkdtempSync(join(tmpdir(), "bench-tls-"));
  const { cert, key } = makeAuthority().issue(["localhost", "127.0.0.1", HOST]);
  const files = { gatewayTlsCert: join(folder, "cert"), gatewayTlsKey: join(folder, "key") };
  writeFileSync(files.gatewayTlsCert, cert);
  writeFileSync(files.gatewayTlsKey, key);
  const settings = { gatewayTlsPort: 0, ...files };
  const module = new URL("bare-page.ts", import.meta.url);
  const bare = await startPeer(module);
  const bareTls = await startPeer(module, { BENCH_KEY: key, BENCH_CERT: cert });
  const one = await startPlatform({ settings });
  const two = await startPlatform({ settings: { gateways: 2 } });
  try {
    for (const platform of [one, two]) await publish(platform);
    const tls = peerContestant("bare node:https", bareTls, "");
    const bareUrl = tls.target.url.replace("http:", "https:");
    return [
      ...(await compare(options, [
        peerContestant("bare node:http", bare, ""),
        stageOf(one, { name: "a kept answer", url: `${one.gatewayUrl}/kept` }),
        stageOf(two, { name: "a kept answer, two gateways", url: `${two.gatewayUrl}/kept` }),
        stageOf(one, { name: "the function's answer", url: `${one.gatewayUrl}/made` }),
      ])),
      ...(await compare(options, [
        { ...tls, target: { url: bareUrl, body: "" } },
        stageOf(one, { name: "a kept answer, TLS", url: `${tlsUrl(one)}/kept` }),
        stageOf(one, { name: "the function's answer, TLS", url: `${tlsUrl(one)}/made` }),
      ])),
    ];
  } finally {
    for (const peer of [bare, bareTls]) stopPeer(peer);
    for (const platform of [one, two]) await platform.stop();
    rmSync(folder, { recursive: true });
  }
}

async function compare(
  options: RunOptions,
  contestants: readonly Contestant[],
): Promise<readonly ContestFigure[]> {
  await warmUp(contestants, options.warmUpSeconds);
  const figures: ContestFigure[] = [];
  for (const connections of [64, 1])
    figures.push(...(await contest(contestants, { connections, ...options })));
  return figures;
}

async function publish(platform: Platform): Promise<void> {
  const config = { auth: "none", concurrency: 64, maxInstances: 1 } as const;
  await platform.deploy({ app: APP, fn: "page", files: { "index.ts": CODE }, config });
  await platform.client.putGatewayApi({
    params: { app: APP, api: "web" },
    body: { routes: [...ROUTES] },
  });
}

function tlsUrl(platform: Platform): string {
  return `https://127.0.0.1:${platform.gatewayTlsPort}`;
}

function stageOf(
  platform: Platform,
  { name, url }: { readonly name: string; readonly url: string },
): Contestant {
  const target = { url, body: "", headers: { Host: HOST } };
  return { name, target, roots: () => [platform.supervisorPid] };
}

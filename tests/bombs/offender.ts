/** Sets one bomb off and measures, from the host, how long its processes outlive its limit. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { systemClock } from "@skerry/base";
import { callHttp, type Platform } from "@skerry/testkit";
import { BOMBS, OFFENDER, type BombKind } from "./sources.ts";
import type { Seen } from "./watcher.ts";

const clock = systemClock();
const APP = "offenders";
const WATCHER = new URL("watcher.ts", import.meta.url);

export interface Detonation {
  /** From passing the limit until none of its processes was left. */
  readonly outlivedMs: number;
  readonly processesMax: number;
  /** What the caller was told. */
  readonly told: string;
}

export async function detonate(
  { platform, watcher }: { readonly platform: Platform; readonly watcher: Worker },
  kind: BombKind,
): Promise<Detonation> {
  const path = `/-/${APP}/${kind}/`;
  const armed = await callHttp({ port: platform.gatewayPort, path });
  if (armed.status !== 200) throw new TypeError(`not armed: ${armed.text}`);
  const { items } = await platform.client.listInstances();
  const root = items.find(({ app, function: fn }) => app === APP && fn === kind)?.pid;
  if (root === undefined) throw new TypeError(`no instance of ${kind}`);
  const watching = watch(watcher, root);
  const askedMs = clock.wallMs();
  const answer = callHttp({ port: platform.gatewayPort, path: `${path}?bomb=${kind}` }).then(
    ({ status, headers }) => `${status} ${String(headers["x-skerry-error"])}`,
    String,
  );
  const seen = await watching;
  const limitMs = Math.min(askedMs + OFFENDER.timeoutMs, limitOf(kind, seen));
  return {
    outlivedMs: Math.max(0, seen.goneMs - limitMs),
    processesMax: seen.processesMax,
    told: await answer,
  };
}

function limitOf(kind: BombKind, { nearMs }: Seen): number {
  return BOMBS[kind].includes("memory") ? nearMs : Number.POSITIVE_INFINITY;
}

/** In a thread of its own, so that looking delays none of the calls that are sent from this one. */
async function watch(watcher: Worker, root: number): Promise<Seen> {
  watcher.postMessage(root);
  const [seen] = (await once(watcher, "message")) as [Seen];
  return seen;
}

export function startWatcher(): Worker {
  return new Worker(WATCHER);
}

/**
 * A thousand callers who ask at once for a page that nobody has asked for yet: with the response
 * cache one of them has it made and the others wait for that; without it each has it made.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { RouteInput } from "@skerry/contracts";
import { startPlatform, type Platform } from "@skerry/testkit";
import { median, round } from "./figures.ts";
import { renderTable } from "./table.ts";

const APP = "bench";
const CALLERS = 1_000;
/** How long the function works on a page, as a template takes. */
const WORK_MS = 5;
export const BURSTS = 5;

/** Says how many pages this instance has made; CPU is what a page costs, so waiting will not do. */
const CODE = `let made = 0;
export default { fetch(request) {
  const endMs = performance.now() + ${WORK_MS};
  while (performance.now() < endMs);
  made += 1;
  const headers = { "cache-control": "public, max-age=3600", "x-made": String(made) };
  return new Response("a page of a course ".repeat(100), { headers });
} };`;
const TO = { to: { function: "page" }, auth: "none" } as const;
const ROUTES: readonly RouteInput[] = [
  { ...TO, path: "/kept/{page}", cache: {} },
  { ...TO, path: "/made/{page}" },
];

export interface BurstFigure {
  readonly name: string;
  readonly callers: number;
  /** Pages that the function made for one burst. */
  readonly made: number;
  readonly workMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Burst {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly made: number;
}

export async function benchBurst(): Promise<readonly BurstFigure[]> {
  const platform = await startPlatform();
  try {
    const config = {
      auth: "none",
      concurrency: CALLERS,
      maxInstances: 1,
      timeoutMs: 60_000,
    } as const;
    await platform.deploy({ app: APP, fn: "page", files: { "index.ts": CODE }, config });
    await platform.client.putGatewayApi({
      params: { app: APP, api: "web" },
      body: { routes: [...ROUTES] },
    });
    return [
      await measure(platform, { name: "with the cache", under: "kept" }),
      await measure(platform, { name: "without", under: "made" }),
    ];
  } finally {
    await platform.stop();
  }
}

async function measure(
  platform: Platform,
  { name, under }: { readonly name: string; readonly under: string },
): Promise<BurstFigure> {
  const bursts: Burst[] = [];
  // The first is not counted: it starts the instance.
  for (let page = 0; page <= BURSTS; page += 1) {
    const burst = await askAtOnce(platform, `/~/${APP}/web/test/${under}/${page}`);
    if (page > 0) bursts.push(burst);
  }
  const of = (key: keyof Burst): number => round(median(bursts.map((burst) => burst[key])), 1);
  const figures = { made: of("made"), firstMs: of("firstMs"), lastMs: of("lastMs") };
  return { name, callers: CALLERS, workMs: WORK_MS, ...figures };
}

/** Each on a connection of its own that stands before the first asks. */
async function askAtOnce(platform: Platform, path: string): Promise<Burst> {
  const sockets = await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      const socket = connect(platform.gatewayPort, "127.0.0.1").setNoDelay();
      await once(socket, "connect");
      return socket;
    }),
  );
  const beganMs = performance.now();
  const answers = await Promise.all(sockets.map((socket) => askOn(socket, path, beganMs)));
  const times = answers.map(({ ms }) => ms);
  const numbers = answers.map(({ number }) => number);
  const made = Math.max(...numbers) - Math.min(...numbers) + 1;
  return { firstMs: Math.min(...times), lastMs: Math.max(...times), made };
}

/** Rejects when it is not answered with 200. */
async function askOn(
  socket: Socket,
  path: string,
  beganMs: number,
): Promise<{ readonly ms: number; readonly number: number }> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const text = (await socket.setEncoding("latin1").toArray()).join("");
  const number = /^x-made: (\d+)\r$/im.exec(text)?.[1];
  if (!text.startsWith("HTTP/1.1 200 ") || number === undefined)
    throw new Error(text.slice(0, 300));
  return { ms: performance.now() - beganMs, number: Number(number) };
}

export function burstTable(figures: readonly BurstFigure[]): string {
  return renderTable(
    ["what", "callers", "pages made", "work ms", "first ms", "last ms"],
    figures.map((f) => [f.name, f.callers, f.made, f.workMs, f.firstMs, f.lastMs]),
  );
}

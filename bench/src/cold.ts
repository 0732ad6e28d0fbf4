/**
 * Cold starts as a caller sees them: from sending the request, over a connection that stands, to
 * having the answer, the instance stopped before each. Pool hit, pool miss (no blanks are kept) and
 * a plain `node` that is spawned and asked over a unix socket, in turn.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPlatform, type Platform, type SourceFiles } from "@skerry/testkit";
import { startCold, type ColdStart } from "./cold-start.ts";
import { quantile, round } from "./figures.ts";
import type { RunOptions } from "./run-options.ts";
import { openPlain } from "./plain-caller.ts";
import { HELLO, pageSource } from "./sources.ts";
import { renderTable } from "./table.ts";

export interface ColdFigure {
  readonly name: string;
  readonly code: string;
  readonly starts: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  /** Medians of the parts that the platform tells. */
  readonly partsMs: Readonly<Record<string, number>>;
}

interface Way {
  readonly name: string;
  start(): Promise<ColdStart>;
}

export async function benchCold(options: RunOptions): Promise<readonly ColdFigure[]> {
  const hits = await startPlatform();
  const misses = await startPlatform({ settings: { blanks: 0 } });
  const directory = mkdtempSync(join(tmpdir(), "bench-cold-"));
  try {
    const figures: ColdFigure[] = [];
    const codes: Readonly<Record<string, SourceFiles>> = { hello: HELLO, page: await pageSource() };
    for (const [code, files] of Object.entries(codes)) {
      const ways = [
        await platformWay("pool hit", hits, { code, files }),
        await platformWay("pool miss", misses, { code, files }),
        spawnWay(directory, { code, files }),
      ];
      figures.push(...(await alternate(ways, code, options.coldStarts)));
    }
    return figures;
  } finally {
    await hits.stop();
    await misses.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function alternate(
  ways: readonly Way[],
  code: string,
  count: number,
): Promise<readonly ColdFigure[]> {
  const taken = ways.map((): ColdStart[] => []);
  for (let turn = 0; turn < count; turn += 1) {
    for (const [index, way] of ways.entries()) taken[index]?.push(await way.start());
  }
  return ways.map(({ name }, index) => {
    const starts = taken[index] ?? [];
    const values = starts.map(({ tookMs }) => tookMs);
    return {
      name,
      code,
      starts: starts.length,
      p50Ms: round(quantile(values, 0.5)),
      p95Ms: round(quantile(values, 0.95)),
      maxMs: round(Math.max(...values)),
      partsMs: medianParts(starts),
    };
  });
}

function medianParts(starts: readonly ColdStart[]): Readonly<Record<string, number>> {
  const names = Object.keys(starts[0]?.parts ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      round(
        quantile(
          starts.map((s) => s.parts[name] ?? 0),
          0.5,
        ),
      ),
    ]),
  );
}

async function platformWay(
  name: string,
  platform: Platform,
  { code, files }: { readonly code: string; readonly files: SourceFiles },
): Promise<Way> {
  await platform.deploy({ app: "bench", fn: code, files, config: { auth: "none" } });
  const { apiUrl, gatewayUrl, key } = platform;
  const start = (): Promise<ColdStart> =>
    startCold({ apiUrl, gatewayUrl, key, path: `/-/bench/${code}/` });
  await start();
  return { name, start };
}

/** What a team has without a platform: a process that listens on a unix socket. */
function spawnWay(
  directory: string,
  { code, files }: { readonly code: string; readonly files: SourceFiles },
): Way {
  const [source = ""] = Object.values(files);
  const module = join(directory, `${code}.${"index.ts" in files ? "ts" : "cjs"}`);
  const main = join(directory, `${code}-main.mjs`);
  writeFileSync(module, source);
  writeFileSync(
    main,
    `import { createServer } from "node:http";
import * as code from ${JSON.stringify(module)};
const handler = code.handler ?? code.default.handler;
createServer((q, r) => r.end(JSON.stringify(handler({})))).listen(process.argv[2]);`,
  );
  let count = 0;
  return {
    name: "plain spawn",
    start: async () => {
      const path = join(directory, `${code}-${(count += 1)}.sock`);
      const startedMs = performance.now();
      const child = spawn(process.execPath, [main, path], { stdio: "ignore" });
      await answered(path);
      const tookMs = performance.now() - startedMs;
      child.kill("SIGKILL");
      return { tookMs, parts: {} };
    },
  };
}

async function answered(path: string): Promise<void> {
  for (;;) {
    try {
      using caller = await openPlain({ path });
      await caller.ask("GET / HTTP/1.1\r\nhost: bench\r\n\r\n");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 0.5));
    }
  }
}

export function coldTable(figures: readonly ColdFigure[]): string {
  return renderTable(
    ["code", "start", "n", "p50 ms", "p95 ms", "max ms", "of these, ms"],
    figures.map((f) => [
      ...[f.code, f.name, f.starts, f.p50Ms, f.p95Ms, f.maxMs],
      Object.entries(f.partsMs)
        .map(([name, ms]) => `${name} ${ms}`)
        .join(" "),
    ]),
  );
}

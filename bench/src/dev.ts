/**
 * `skerry dev` on a folder: from a changed file, as an editor writes it, to the first answer of the
 * new code.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { callHttp, startPlatform, until } from "@skerry/testkit";
import { quantile, round } from "./figures.ts";

export interface DevFigure {
  readonly edits: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

const EDITS = 30;
/** The figure is up to so much above what it took. */
const LOOK_EVERY_MS = 3;
const CLI = fileURLToPath(new URL("../../packages/cli/bin/skerry.mjs", import.meta.url));

export async function benchDev(): Promise<DevFigure> {
  const platform = await startPlatform();
  const folder = mkdtempSync(join(tmpdir(), "bench-dev-"));
  chmodSync(folder, 0o755);
  const write = (version: number): void =>
    writeFileSync(join(folder, "index.ts"), `export const handler = () => ${version};\n`);
  const isLive = async (version: number): Promise<boolean> =>
    (await callHttp({ port: platform.gatewayPort, path: "/-/dev/word/" })).text === String(version);
  writeFileSync(join(folder, "skerry.yaml"), "app: dev\nfunctions:\n  word: { auth: none }\n");
  write(0);
  const { apiUrl, gatewayUrl, key } = platform;
  const env = { SKERRY_API: apiUrl, SKERRY_GATEWAY: gatewayUrl, SKERRY_KEY: key };
  const dev = spawn(process.execPath, [CLI, "dev", folder], {
    ...{ stdio: "ignore", env: { PATH: process.env["PATH"], HOME: folder, ...env } },
  });
  const ended = once(dev, "exit");
  try {
    await until("the first answer", () => isLive(0), { deadlineMs: 120_000 });
    const taken: number[] = [];
    for (let edit = 1; edit <= EDITS; edit += 1) {
      const startedMs = performance.now();
      write(edit);
      await until(`edit ${edit}`, () => isLive(edit), { everyMs: LOOK_EVERY_MS });
      taken.push(performance.now() - startedMs);
    }
    const [p50Ms, p95Ms] = [quantile(taken, 0.5), quantile(taken, 0.95)];
    return { edits: EDITS, p50Ms: round(p50Ms), p95Ms: round(p95Ms) };
  } finally {
    dev.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
    await platform.stop();
  }
}

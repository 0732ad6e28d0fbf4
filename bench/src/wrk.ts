/** Runs wrk for one round and reads its figures. Load goes to loopback only. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface WrkRound {
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly requests: number;
  /** Answers that were not 2xx, and connections that broke. */
  readonly errors: number;
}

export interface WrkTarget {
  readonly url: string;
  /** Posted as JSON; empty is asked for with GET. */
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function runWrk(
  target: WrkTarget,
  options: { readonly connections: number; readonly seconds: number },
): Promise<WrkRound> {
  const directory = mkdtempSync(join(tmpdir(), "bench-wrk-"));
  const script = join(directory, "post.lua");
  writeFileSync(script, luaScript(target));
  const args = [
    "-t1",
    `-c${options.connections}`,
    `-d${options.seconds}s`,
    "--latency",
    "-s",
    script,
  ];
  const timeout = (options.seconds + 20) * 1_000;
  const { stdout } = await promisify(execFile)("wrk", [...args, target.url], { timeout }).finally(
    () => rmSync(directory, { recursive: true }),
  );
  const line = stdout.split("\n").find((text) => text.startsWith("figures "));
  const [requests = 0, durationUs = 1, p50Us = 0, p99Us = 0, errors = 0] = (line ?? "")
    .slice("figures ".length)
    .split(" ")
    .map(Number);
  return { requestsPerSecond: requests / (durationUs / 1e6), p50Us, p99Us, requests, errors };
}

function luaScript({ body, headers }: WrkTarget): string {
  const posted = { "content-type": "application/json" };
  const all = Object.entries({ ...(body === "" ? {} : posted), ...headers });
  const lines = all.map(([name, value]) => `wrk.headers[${asLua(name)}] = ${asLua(value)}`);
  if (body !== "") lines.push(`wrk.method = "POST"`, `wrk.body = ${asLua(body)}`);
  return `${lines.join("\n")}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

function asLua(text: string): string {
  return JSON.stringify(text);
}

/**
 * A function that calls another, both warm: the time that `context.call` takes inside the caller's
 * sandbox, and, for comparison, a request to the same function from outside.
 */
import { Agent } from "node:http";
import { callHttp, startPlatform } from "@skerry/testkit";
import { quantile, round } from "./figures.ts";

export interface CallsFigure {
  readonly calls: number;
  readonly p50Us: number;
  readonly p95Us: number;
  /** The same function, asked over HTTP on a connection that is kept. */
  readonly httpP50Us: number;
}

const CALLS = 2_000;
const WARM_UP = 500;

const CALLER = {
  "index.js": `exports.handler = async ({ calls, target }, context) => {
    const tookUs = [];
    for (let i = 0; i < calls; i += 1) {
      const startMs = performance.now();
      await context.call(target, { n: i });
      tookUs.push((performance.now() - startMs) * 1000);
    }
    return tookUs;
  };`,
};
const CALLED = { "index.js": "exports.handler = (event) => event;" };

export async function benchCalls(): Promise<CallsFigure> {
  const platform = await startPlatform();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const config = { timeoutMs: 60_000 };
    await platform.deploy({ app: "bench", fn: "caller", files: CALLER, config });
    await platform.deploy({ app: "bench", fn: "called", files: CALLED, config });
    const headers = { "x-skerry-key": platform.key, "x-skerry-invoke": "event" };
    const call = { port: platform.gatewayPort, method: "POST", headers, agent };
    const body = JSON.stringify({ calls: CALLS + WARM_UP, target: "bench/called" });
    const inside = await callHttp({ ...call, path: "/-/bench/caller/", body });
    const tookUs = (JSON.parse(inside.text) as number[]).slice(WARM_UP);
    const httpUs: number[] = [];
    for (let i = 0; i < WARM_UP + CALLS; i += 1) {
      const startMs = performance.now();
      await callHttp({ ...call, path: "/-/bench/called/", body: `{"n":${i}}` });
      httpUs.push((performance.now() - startMs) * 1_000);
    }
    return {
      calls: CALLS,
      p50Us: round(quantile(tookUs, 0.5), 0),
      p95Us: round(quantile(tookUs, 0.95), 0),
      httpP50Us: round(quantile(httpUs.slice(WARM_UP), 0.5), 0),
    };
  } finally {
    agent.destroy();
    await platform.stop();
  }
}

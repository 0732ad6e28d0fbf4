/**
 * Large bodies both ways: one fetch handler that answers what it was sent, behind the gateway and
 * on bare `node:http` in one process, which is 1.00. The pipe that no handler touches says what the
 * machine can do at best.
 */
import { startPlatform } from "@skerry/testkit";
import {
  contest,
  peerContestant,
  startPeer,
  stopPeer,
  type ContestFigure,
  type Contestant,
} from "./contest.ts";
import type { RunOptions } from "./run-options.ts";
import { PASS_FETCH } from "./sources.ts";

const SIZES: readonly [string, number][] = [
  ["64 KB", 64 << 10],
  ["1 MB", 1 << 20],
];
/** Enough to keep two cores busy; more only makes queues. */
const CONNECTIONS = 8;

export async function benchBodies(options: RunOptions): Promise<readonly ContestFigure[]> {
  const bare = await startPeer(new URL("bare-fetch.ts", import.meta.url));
  const platform = await startPlatform();
  try {
    const config = { auth: "none", concurrency: 64, maxInstances: 1 } as const;
    await platform.deploy({ app: "bench", fn: "pass", files: PASS_FETCH, config });
    const figures: ContestFigure[] = [];
    for (const [label, bytes] of SIZES) {
      const body = "x".repeat(bytes);
      const piped = peerContestant(`${label}, a pipe`, bare, body);
      const contestants: readonly Contestant[] = [
        peerContestant(`${label}, bare node:http`, bare, body),
        {
          name: `${label}, fetch function`,
          target: { url: `${platform.gatewayUrl}/-/bench/pass/`, body },
          roots: () => [platform.supervisorPid],
        },
        { ...piped, target: { ...piped.target, url: `${piped.target.url}pipe` } },
      ];
      // One round for V8.
      await contest(contestants, { ...options, connections: CONNECTIONS, rounds: 1 });
      figures.push(...(await contest(contestants, { ...options, connections: CONNECTIONS })));
    }
    return figures;
  } finally {
    stopPeer(bare);
    await platform.stop();
  }
}

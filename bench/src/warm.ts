/**
 * Warm requests: bare `node:http` with the handler in the same process = 1.00; the same with the
 * handler in a second process, which is the least that any gateway costs on this machine; and the
 * same work as functions behind the gateway, in sandboxes, metered: in Node, as web servers, in
 * Python and in PHP. With `--peers` what else runs functions on one machine stands beside them.
 */
import type { FunctionConfigInput } from "@skerry/contracts";
import { startPlatform, type Platform, type SourceFiles } from "@skerry/testkit";
import {
  contest,
  peerContestant,
  SMALL_BODY,
  startPeer,
  stopPeer,
  warmUp,
  type ContestFigure,
  type Contestant,
} from "./contest.ts";
import { whilePolling } from "./halt-poll.ts";
import { startPeers, type PeerProgram } from "./peers.ts";
import type { RunOptions } from "./run-options.ts";
import { ECHO, ECHO_FETCH, ECHO_PHP, ECHO_PYTHON, ECHO_SERVER, expressSource } from "./sources.ts";

interface Code {
  readonly fn: string;
  readonly name: string;
  readonly files: SourceFiles;
  readonly config?: FunctionConfigInput;
}

const SHARED: FunctionConfigInput = { auth: "none", concurrency: 64, maxInstances: 1 };
const SERVER: FunctionConfigInput = { command: "node server.js" };

export interface WarmFigures {
  readonly warm: readonly ContestFigure[];
  /** At one connection, on processors that poll before they halt; where that can be set. */
  readonly polling: readonly ContestFigure[] | undefined;
}

/** The first so many contestants are measured while processors poll, too. */
const POLLED = 3;

export async function benchWarm(options: RunOptions): Promise<WarmFigures> {
  const bare = await startPeer(new URL("bare-server.ts", import.meta.url));
  const hop = await startPeer(new URL("hop-server.ts", import.meta.url));
  const programs: readonly PeerProgram[] = options.peers ? await startPeers() : [];
  const platform = await startPlatform();
  try {
    const contestants = [
      peerContestant("bare node:http", bare, SMALL_BODY),
      peerContestant("bare with one hop", hop, SMALL_BODY),
      ...(await deployAll(platform)),
      ...programs.map(({ name, url, pid }) => ({
        name,
        target: { url, body: SMALL_BODY },
        roots: () => [pid],
      })),
    ];
    await warmUp(contestants, options.warmUpSeconds);
    const warm: ContestFigure[] = [];
    for (const connections of [64, 1]) {
      warm.push(...(await contest(contestants, { connections, ...options })));
    }
    const polling = await whilePolling(() =>
      contest(contestants.slice(0, POLLED), { connections: 1, ...options }),
    );
    return { warm, polling };
  } finally {
    for (const peer of [bare, hop]) stopPeer(peer);
    for (const program of programs) await program.stop();
    await platform.stop();
  }
}

async function deployAll(platform: Platform): Promise<readonly Contestant[]> {
  const codes: readonly Code[] = [
    { fn: "echo", name: "event function", files: ECHO },
    { fn: "fetch", name: "fetch function", files: ECHO_FETCH },
    { fn: "server", name: "node:http by command", files: ECHO_SERVER, config: SERVER },
    { fn: "express", name: "Express", files: await expressSource(), config: SERVER },
    {
      fn: "python",
      name: "Python event function",
      files: ECHO_PYTHON,
      config: { runtime: "python3" },
    },
    { fn: "php", name: "PHP event function", files: ECHO_PHP, config: { runtime: "php8" } },
  ];
  const contestants: Contestant[] = [];
  for (const { fn, name, files, config: own } of codes) {
    const config: FunctionConfigInput = { ...SHARED, ...own };
    await platform.deploy({ app: "bench", fn, files, config });
    const target = { url: `${platform.gatewayUrl}/-/bench/${fn}/`, body: SMALL_BODY };
    contestants.push({ name, target, roots: () => [platform.supervisorPid] });
  }
  return contestants;
}

/** What two checkouts are compared by; each row belongs to a part of the bench. */
import { APP, type Checkout, type CheckoutFunction } from "./checkout.ts";
import { startCold } from "./cold-start.ts";
import { SMALL_BODY } from "./contest.ts";
import { median } from "./figures.ts";
import type { RunOptions } from "./run-options.ts";
import { ECHO, HELLO, NOTHING, PASS_FETCH } from "./sources.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import { runWrk, type WrkRound, type WrkTarget } from "./wrk.ts";

export interface Taken {
  readonly value: number;
  readonly errors: number;
  /** Of all of the platform's processes, for each request; absent where no load is measured. */
  readonly cpuUs?: number;
}

export interface AgainstRow {
  readonly part: "warm" | "bodies" | "cold" | "ledger" | "deploy";
  readonly name: string;
  readonly unit: string;
  /** Less is better. */
  readonly isTime: boolean;
  /**
   * False where a checkout is too old for this row; without it every one has what the row needs.
   */
  isThere?(checkout: Checkout): Promise<boolean>;
  warmUp(checkout: Checkout, options: RunOptions): Promise<unknown>;
  measure(checkout: Checkout, options: RunOptions): Promise<Taken>;
}

const SHARED = { auth: "none", concurrency: 64, maxInstances: 1 };
const FUNCTIONS: readonly CheckoutFunction[] = [
  { fn: "echo", files: ECHO, config: SHARED },
  { fn: "pass", files: PASS_FETCH, config: SHARED },
  { fn: "nothing", files: NOTHING, config: SHARED },
  { fn: "hello", files: HELLO, config: { auth: "none" } },
];
const COLD_PATH = `/-/${APP}/hello/`;
/** Enough to keep two cores busy with large bodies. */
const BODY_CONNECTIONS = 8;
/** Deploys that one round takes the median of. */
const DEPLOYS = 3;

/** Deploys all that the rows call. */
export async function prepare(checkout: Checkout): Promise<void> {
  await checkout.deploy(FUNCTIONS);
}

export const AGAINST_ROWS: readonly AgainstRow[] = [
  warmRow(1),
  warmRow(64),
  bodyRow("64 KB", 64 << 10),
  bodyRow("1 MB", 1 << 20),
  acceptRow(1),
  acceptRow(64),
  {
    ...{ part: "cold", name: "cold start from the pool", unit: "ms", isTime: true },
    warmUp: (checkout) => startCold({ ...checkout, path: COLD_PATH }),
    measure: async (checkout, { coldStarts, rounds }) => {
      const tookMs: number[] = [];
      for (let i = 0; i < Math.ceil(coldStarts / rounds); i += 1)
        tookMs.push((await startCold({ ...checkout, path: COLD_PATH })).tookMs);
      return { value: median(tookMs), errors: 0 };
    },
  },
  {
    ...{ part: "deploy", name: "deploy to first answer", unit: "ms", isTime: true },
    warmUp: deployAnew,
    measure: async (checkout) => {
      const tookMs: number[] = [];
      for (let i = 0; i < DEPLOYS; i += 1) tookMs.push(await deployAnew(checkout));
      return { value: median(tookMs), errors: 0 };
    },
  },
];

/** At one connection how long a request takes counts, at many how many are answered. */
function loadRow(
  row: Pick<AgainstRow, "part" | "name" | "isThere">,
  connections: number,
  targetOf: (checkout: Checkout) => WrkTarget,
): AgainstRow {
  const isTime = connections === 1;
  const run = (checkout: Checkout, seconds: number): Promise<WrkRound> =>
    runWrk(targetOf(checkout), { connections, seconds });
  return {
    ...{ ...row, isTime, unit: isTime ? "µs" : "a second" },
    warmUp: (checkout, { warmUpSeconds }) => run(checkout, warmUpSeconds),
    measure: async (checkout, { seconds }) => {
      const cpuBefore = cpuSecondsOf([checkout.pid]);
      const { p50Us, requestsPerSecond, requests, errors } = await run(checkout, seconds);
      const cpuUs = ((cpuSecondsOf([checkout.pid]) - cpuBefore) * 1e6) / requests;
      return { value: isTime ? p50Us : requestsPerSecond, errors, cpuUs };
    },
  };
}

function warmRow(connections: number): AgainstRow {
  const row = { part: "warm", name: `warm requests, ${said(connections)}` } as const;
  return loadRow(row, connections, (checkout) => ({
    url: `${checkout.gatewayUrl}/-/${APP}/echo/`,
    body: SMALL_BODY,
  }));
}

function bodyRow(size: string, bytes: number): AgainstRow {
  const row = { part: "bodies", name: `echo of ${size}, ${said(BODY_CONNECTIONS)}` } as const;
  const body = "x".repeat(bytes);
  return loadRow(row, BODY_CONNECTIONS, (checkout) => ({
    url: `${checkout.gatewayUrl}/-/${APP}/pass/`,
    body,
  }));
}

/** What is accepted is for later, so that nothing runs beside. */
function acceptRow(connections: number): AgainstRow {
  const targetOf = ({ gatewayUrl, key }: Checkout): WrkTarget => ({
    url: `${gatewayUrl}/-/${APP}/nothing/`,
    body: '{"n":1}',
    headers: {
      prefer: "respond-async",
      "x-skerry-key": key,
      "x-skerry-delay-ms": "3600000",
    },
  });
  const isThere = async (checkout: Checkout): Promise<boolean> => {
    const { url, body, headers = {} } = targetOf(checkout);
    const answer = await fetch(url, { method: "POST", body, headers });
    await answer.arrayBuffer();
    return answer.status === 202;
  };
  const name = `durable accepts, ${said(connections)}`;
  return loadRow({ part: "ledger", name, isThere }, connections, targetOf);
}

function said(connections: number): string {
  return connections === 1 ? "one connection" : `${connections} connections`;
}

/** Milliseconds from calling the command line to the answer of code that was never deployed. */
async function deployAnew(checkout: Checkout): Promise<number> {
  const version = performance.now();
  const files = { "index.ts": `export const handler = () => ({ version: ${version} });` };
  const startedMs = performance.now();
  await checkout.deploy([{ fn: "edit", files, config: { auth: "none" } }]);
  const answer = await fetch(`${checkout.gatewayUrl}/-/${APP}/edit/`);
  const answered = (await answer.json()) as { readonly version: number };
  if (answered.version !== version) throw new Error(`not ${version}, but ${answered.version}`);
  return performance.now() - startedMs;
}

/**
 * What goes on while control is away, counted: warm calls over kept connections, and calls that
 * need a new instance.
 */
import { callHttp, startLoad, type Platform } from "@skerry/testkit";
import { FAULTY, MIRROR } from "../sources.ts";

export interface Served {
  readonly warm: number;
  readonly cold: number;
  readonly slowestMs: number;
  /** One line per call that did not get its right answer. */
  readonly failures: readonly string[];
}

const open = { auth: "none" } as const;

export async function deployServed(platform: Platform): Promise<void> {
  await platform.deploy({ app: "away", fn: "warm", files: MIRROR, config: open });
  // Behind a key, so that keys are checked without control too.
  await platform.deploy({ app: "away", fn: "cold", files: FAULTY, config: {} });
}

/**
 * Calls both functions until `isOver`; every cold call is made cold by ending the instance before
 * it.
 */
export async function serve(
  platform: Platform,
  isOver: (coldSoFar: number) => boolean,
): Promise<Served> {
  const port = platform.gatewayPort;
  const load = startLoad({
    connections: 4,
    pauseMsMax: 25,
    call: (client, turn) => ({
      ...{ port, path: "/-/away/warm/", method: "POST", body: `${client}.${turn}` },
    }),
  });
  const failures: string[] = [];
  let cold = 0;
  while (!isOver(cold)) {
    const failure = await callCold(port, platform.key);
    if (failure === undefined) cold += 1;
    else failures.push(failure);
  }
  const warm = await load.stop();
  const { slowestMs, answered } = warm;
  return { warm: answered, cold, slowestMs, failures: [...warm.failures, ...failures] };
}

async function callCold(port: number, key: string): Promise<string | undefined> {
  const headers = { "x-skerry-key": key };
  try {
    const ended = await callHttp({ port, headers, path: "/-/away/cold/?do=exit" });
    if (ended.headers["x-skerry-error"] !== "FUNCTION_CRASHED") return `ending: ${ended.text}`;
    const answer = await callHttp({ port, headers, path: "/-/away/cold/" });
    const timing = String(answer.headers["server-timing"]);
    if (answer.status !== 200) return `cold call: ${answer.text}`;
    return /start;desc="(blank|fresh)"/.test(timing) ? undefined : `not cold: ${timing}`;
  } catch (error) {
    return String(error);
  }
}

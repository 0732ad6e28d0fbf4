/**
 * A function that fails until it is mended: its breaker spares what waits for it, no more than its
 * bound is accepted meanwhile from any way in, and all of it runs once it is well.
 */
import assert from "node:assert/strict";
import { callHttp, until, type Platform, type SourceFiles } from "@skerry/testkit";

const BOUND = 6;
const params = { app: "ledger", fn: "held" };

function filesOf(body: string): SourceFiles {
  return { "index.ts": `export function handler(event: unknown): unknown { ${body} }\n` };
}

export async function holdBack(platform: Platform): Promise<void> {
  const { client } = platform;
  const breaker = { failures: 3, pauseMs: 200, pauseMsMax: 500 };
  // Three failures open it, whosever they are: none has used up its attempts by then.
  const policy = { attempts: 4, retryDelayMs: 20, concurrency: 3, openInvocationsMax: BOUND };
  const config = { auth: "none" as const, async: { ...policy, breaker } };
  const files = filesOf('throw new TypeError("the database is away");');
  await platform.deploy({ ...params, files, config });
  const asked = Array.from({ length: BOUND }, () => client.acceptInvocation({ params, body: {} }));
  const ids = (await Promise.all(asked)).map(({ id }) => id);
  await until("the breaker to open", async () => {
    return (await client.getFunctionLane({ params })).breaker !== null;
  });
  const refused = { reason: "OPEN_INVOCATIONS_LIMITED" };
  await assert.rejects(client.acceptInvocation({ params, body: {} }), refused);
  const answer = await callHttp({
    ...{ port: platform.gatewayPort, path: "/-/ledger/held/", method: "POST", body: "{}" },
    headers: { "x-skerry-key": platform.key, prefer: "respond-async" },
  });
  assert.deepEqual([answer.status, answer.headers["retry-after"]], [429, "1"]);
  assert.match(answer.text, /OPEN_INVOCATIONS_LIMITED/);
  await platform.deploy({ ...params, files: filesOf("return event;"), config });
  await until("all to have run", async () => {
    const lane = await client.getFunctionLane({ params });
    return lane.open === 0 && lane.breaker === null;
  });
  for (const request of ids) {
    const { state } = await client.getAcceptedInvocation({ params: { request } });
    assert.equal(state, "succeeded");
  }
  await client.acceptInvocation({ params, body: {} });
}

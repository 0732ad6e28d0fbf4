/**
 * A redrive over the death of control in its middle: it goes on by itself, and puts each failed
 * invocation through once. What a step that is taken twice would come to without its transaction is
 * shown in invocations' own tests.
 */
import assert from "node:assert/strict";
import { until, type Platform, type SourceFiles } from "@skerry/testkit";

const FAILED = 12;
const PER_SECOND = 4;
const params = { app: "ledger", fn: "mended" };
const of = { app: "ledger", function: "mended" };

function filesOf(body: string): SourceFiles {
  return { "index.ts": `export function handler({ at }: { at: number }): number { ${body} }\n` };
}

export async function redriveOverKill(platform: Platform): Promise<void> {
  const { client } = platform;
  const config = { async: { attempts: 1 } };
  const files = filesOf('throw new TypeError("not yet " + at);');
  await platform.deploy({ ...params, files, config });
  for (let at = 0; at < FAILED; at += 1) {
    await client.acceptInvocation({ params, body: { event: { at }, orderingKey: "one" } });
  }
  const failed = async () => {
    const { items } = await client.listAcceptedInvocations({
      query: { ...of, state: "failed" },
    });
    return items.map(({ id }) => id);
  };
  await until("all to fail", async () => (await failed()).length === FAILED);
  const ids = await failed();
  await platform.deploy({ ...params, files: filesOf("return at;"), config });
  const made = await client.createRedrive({ body: { ...of, ratePerSecond: PER_SECOND } });
  const one = { params: { redrive: made.id } };
  await until("some to be redriven", async () => (await client.getRedrive(one)).redriven > 0);
  await platform.kill("control");
  await platform.untilWhole();
  await until("its end", async () => (await client.getRedrive(one)).state === "done");
  const { matched, redriven, skipped, refused, left } = await client.getRedrive(one);
  assert.deepEqual([matched, redriven, skipped, left, refused], [FAILED, FAILED, 0, 0, []]);
  const query = { ...of, source: "redrive" as const };
  const ran = async () => (await client.listAcceptedInvocations({ query })).items;
  await until("all to have run", async () =>
    (await ran()).every(({ state }) => state === "succeeded"),
  );
  const sources = (await ran()).map(({ sourceId }) => sourceId);
  assert.deepEqual(sources, ids, "each once, in the old order");
  const again = await client.createRedrive({ body: of });
  const end = async () => await client.getRedrive({ params: { redrive: again.id } });
  await until("another one to end", async () => (await end()).state === "done");
  assert.deepEqual([(await end()).skipped, (await end()).redriven], [FAILED, 0]);
}

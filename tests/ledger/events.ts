/**
 * Events that are put while control dies again and again, between the answer and what comes of it:
 * of each that was acknowledged every rule has one invocation, and no rule has two of any.
 */
import assert from "node:assert/strict";
import { until, type Platform, type SourceFiles } from "@skerry/testkit";

const KILLS = 2;
const PUT_PER_KILL = 40;
const RULES = ["one", "two", "three"];

const HEAR: SourceFiles = {
  "index.ts": `export const handler = ({ id }: { readonly id: string }): string => id;`,
};

/** Ids of those that were acknowledged; whoever got no answer puts the same again. */
async function putOverKills(platform: Platform): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const ids = Array.from({ length: PUT_PER_KILL }, (_, i) => `e${kill}-${i}`);
    const putting = ids.map(async (id) => {
      const body = { specversion: "1.0" as const, type: "order.placed", source: "/shop", id };
      await platform.client.putEvents({ body }).then(
        () => acknowledged.push(id),
        () => undefined,
      );
    });
    await Promise.race(putting);
    await platform.kill("control");
    await Promise.all(putting);
    await platform.untilWhole();
    const body = ids.map((id) => ({ type: "order.placed", source: "/shop", id }));
    const again = await platform.client.putEvents({ body });
    for (const { id, repeated } of again.events)
      assert.ok(repeated || !acknowledged.includes(id), `${id} was acknowledged and is not there`);
  }
  return acknowledged;
}

async function invocationsOf(platform: Platform, rule: string): Promise<number> {
  const query = { limit: 1_000, source: "event" as const, sourceId: `ledger/${rule}` };
  return (await platform.client.listAcceptedInvocations({ query })).items.length;
}

/** On a platform whose app is `ledger`. */
export async function putEventsOverKills(platform: Platform): Promise<void> {
  await platform.deploy({ app: "ledger", fn: "hear", files: HEAR });
  for (const rule of RULES) {
    const body = { pattern: { type: ["order.placed"] }, function: "hear" };
    await platform.client.putRule({ params: { app: "ledger", rule }, body });
  }
  const acknowledged = await putOverKills(platform);
  assert.ok(acknowledged.length > 0, "the control: some were answered before a kill");
  const all = KILLS * PUT_PER_KILL;
  for (const rule of RULES) {
    await until(`${rule} to have heard all`, async () => {
      return (await invocationsOf(platform, rule)) >= all;
    });
  }
  await until("no event to be matched twice", async () => {
    const { items } = await platform.client.listRules({ params: { app: "ledger" } });
    for (const { matched } of items) assert.equal(matched, all);
    return items.length === RULES.length;
  });
  for (const rule of RULES) assert.equal(await invocationsOf(platform, rule), all);
}

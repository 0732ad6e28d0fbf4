import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLines, json, startApiDouble, type ApiDouble } from "../test/api-double.ts";
import { createClient, followDeploymentLog } from "./index.ts";

const AT = { app: "shop", deployment: "dep_1" };
const line = (cursor: number): object => ({ text: `line ${cursor}`, cursor: String(cursor) });
const state = (name: string): ReturnType<typeof json> => json({ id: "dep_1", state: name });

async function followed(api: ApiDouble): Promise<readonly string[]> {
  const client = createClient({ apiUrl: api.url, gatewayUrl: api.url });
  const texts: string[] = [];
  for await (const { text } of followDeploymentLog(client, AT)) texts.push(text);
  return texts;
}

test("a follow that a restart ended goes on behind its last line, and ends with the deployment", async () => {
  await using api = await startApiDouble(
    state("building"),
    jsonLines([line(1), line(2)]),
    state("activating"),
    jsonLines([line(3)]),
    state("succeeded"),
    jsonLines([line(4)]),
  );
  assert.deepEqual(await followed(api), ["line 1", "line 2", "line 3", "line 4"]);
  const cursors = api.asked.map(({ url }) => new URL(url, api.url).searchParams.get("cursor"));
  assert.deepEqual(cursors, [null, null, null, "2", null, "3"]);
});

test("what is there of one that has ended is had in one go", async () => {
  await using api = await startApiDouble(state("failed"), jsonLines([line(1)]));
  assert.deepEqual(await followed(api), ["line 1"]);
  assert.equal(api.asked.length, 2);
});

/** Follows as server-sent events: what a browser's EventSource takes and tells. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Harness } from "../../test/harness.ts";

const LIVE = "/v1/topics/prices/messages/live";
const LOGS = "/v1/apps/shop/functions/hello/logs";

async function ask(harness: Harness, path: string, headers: Readonly<Record<string, string>>) {
  const response = await fetch(`${harness.url}${path}`, {
    headers: { authorization: `Bearer ${harness.adminKey}`, ...headers },
  });
  return { response, text: await response.text() };
}

const EVENTS = { accept: "text/event-stream" };

test("whoever accepts events gets them, each with its cursor, and the first cursor before any", async () => {
  await using harness = await Harness.open();
  const { response, text } = await ask(harness, LIVE, EVENTS);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const [start = "", event = "", ...rest] = text.split("\n\n");
  assert.deepEqual([start, rest], ["retry: 1000\nid: 0:1", [""]]);
  const [id = "", data = ""] = event.split("\n");
  assert.equal(id, "id: 0:2");
  assert.match(data, /^data: \{.*"cursor":"0:2"\}$/);
  // The control: without it they are JSON lines.
  const lines = await ask(harness, LIVE, {});
  assert.equal(lines.response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(lines.text, `${data.slice("data: ".length)}\n`);
});

test("a browser that connects again goes on behind the last id it saw, whatever its URL says", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  for (const text of ["one", "two", "three"]) harness.logs.write(text);
  const cursors = (await ask(harness, LOGS, {})).text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { cursor: string }).cursor);
  const [first = "", second = ""] = cursors;
  const textsOf = async (path: string, headers: Readonly<Record<string, string>>) => {
    const { text } = await ask(harness, path, headers);
    return [...text.matchAll(/"text":"(\w+)"/g)].map(([, said]) => said);
  };
  const again = { ...EVENTS, "last-event-id": second };
  assert.deepEqual(await textsOf(`${LOGS}?cursor=${first}`, EVENTS), ["two", "three"]);
  assert.deepEqual(await textsOf(`${LOGS}?cursor=${first}`, again), ["three"]);
  assert.deepEqual(await textsOf(LOGS, again), ["three"]);
  const only = { "last-event-id": second };
  assert.deepEqual(await textsOf(LOGS, only), ["one", "two", "three"], "of events alone");
});

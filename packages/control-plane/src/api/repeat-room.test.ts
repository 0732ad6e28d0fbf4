import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import type { KeyId } from "@skerry/base";
import { until } from "@skerry/testkit";
import { Harness, type Problem, type Reply } from "../../test/harness.ts";
import { openDeployed } from "../../test/mutations.ts";
import { storeModule } from "../store-module.ts";

const EVENTS = "/v1/apps/shop/functions/hello/events";
const HOUR_MS = 3_600_000;
const BOUNDS = { repeatsPerKeyMax: 5, repeatsPerAccountMax: 8, repeatsPerKeyShare: 2 };
const EXHAUSTED = "IDEMPOTENCY_KEYS_EXHAUSTED";

type Answered = Reply<Problem & { readonly name: string }>;

/** A change that leaves an answer of some 90 bytes. */
function save(
  harness: Harness,
  token: string | undefined,
  options: { key?: string; event?: unknown; name?: string } = {},
): Promise<Answered> {
  const { key = harness.adminKey, event = 1, name = "one" } = options;
  const headers = token === undefined ? {} : { "idempotency-key": token };
  return harness.send("PUT", `${EVENTS}/${name}`, { key, headers, body: { event } });
}

async function makeKey(harness: Harness, role = "admin"): Promise<{ id: string; key: string }> {
  const body = { name: role, role };
  return (await harness.send<{ id: string; key: string }>("POST", "/v1/keys", { body })).body;
}

/** Of the rows that lie in the store. */
function countKept(harness: Harness): number {
  const file = new DatabaseSync(join(harness.directory, "state", "state.db"), { readOnly: true });
  try {
    return Number(file.prepare("SELECT COUNT(*) AS n FROM idempotent_requests").get()?.["n"]);
  } finally {
    file.close();
  }
}

/** Everything kept so far was kept an hour and a bit ago. */
function age(harness: Harness): void {
  const file = new DatabaseSync(join(harness.directory, "state", "state.db"));
  try {
    file.exec(`UPDATE idempotent_requests SET expires_at_ms = expires_at_ms - ${HOUR_MS + 1_000}`);
  } finally {
    file.close();
  }
}

test("a key's answers are bounded: one too many is refused before it changes anything", async () => {
  await using harness = await openDeployed(BOUNDS);
  for (let i = 0; i < 5; i += 1) assert.equal((await save(harness, `t${i}`)).status, 200);
  const refused = await save(harness, "t5", { name: "six" });
  assert.equal(refused.status, 429);
  assert.equal(refused.body.error.reason, EXHAUSTED);
  assert.equal(refused.headers.get("retry-after"), "60");
  const { body } = await harness.send<{ items: { name: string }[] }>("GET", EVENTS);
  assert.deepEqual(
    body.items.map(({ name }) => name),
    ["one"],
  );
  const again = await save(harness, "t0");
  assert.equal(again.headers.get("idempotent-replayed"), "true", "what is kept is answered");
  assert.equal((await save(harness, undefined)).status, 200, "without a key nothing is kept");
  assert.equal(countKept(harness), 5);
});

test("bytes are bounded as rows are", async () => {
  await using harness = await openDeployed({ repeatBytesPerKeyMax: 200 });
  const statuses: number[] = [];
  for (let i = 0; i < 6; i += 1) statuses.push((await save(harness, `t${i}`)).status);
  assert.equal(statuses[0], 200);
  assert.equal(statuses.at(-1), 429);
});

test("the bounds hold over a restart, and what is older than an hour makes room", async () => {
  await using harness = await openDeployed(BOUNDS);
  for (let i = 0; i < 5; i += 1) await save(harness, `t${i}`);
  await harness.restart();
  assert.equal((await save(harness, "t5")).status, 429);
  age(harness);
  assert.equal((await save(harness, "t5")).status, 200);
  assert.equal((await save(harness, "t5")).headers.get("idempotent-replayed"), "true");
  assert.ok(countKept(harness) <= 5);
});

test("a full account leaves each key its share", async () => {
  await using harness = await openDeployed(BOUNDS);
  const [second, third] = [await makeKey(harness), await makeKey(harness)];
  for (let i = 0; i < 5; i += 1) assert.equal((await save(harness, `a${i}`)).status, 200);
  const by = async ({ key }: { key: string }, count: number): Promise<readonly number[]> => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i += 1) {
      statuses.push((await save(harness, `b${i}`, { key })).status);
    }
    return statuses;
  };
  assert.deepEqual(await by(second, 4), [200, 200, 200, 429], "five and three are eight");
  assert.deepEqual(await by(third, 3), [200, 200, 429]);
});

test("a revoked key takes along what was kept for it", async () => {
  await using harness = await openDeployed();
  const other = await makeKey(harness);
  await save(harness, "t", { key: other.key });
  assert.equal(countKept(harness), 1);
  await harness.send("DELETE", `/v1/keys/${other.id}`);
  assert.equal(countKept(harness), 0);
});

test("the text of a deleted event is nowhere in the store's answers", async () => {
  await using harness = await openDeployed();
  const event = { patient: "a-text-that-must-not-stay" };
  const first = await save(harness, "t", { event });
  assert.deepEqual((await save(harness, "t", { event })).body, first.body, "with the event in it");
  const answers = (): string => {
    const file = new DatabaseSync(join(harness.directory, "state", "state.db"), { readOnly: true });
    try {
      return JSON.stringify(file.prepare("SELECT * FROM idempotent_requests").all());
    } finally {
      file.close();
    }
  };
  assert.match(answers(), /updatedAt/, "the control: an answer is there");
  assert.doesNotMatch(answers(), /must-not-stay/);
});

test("the sweep goes on until nothing is left that expired, however much it is", async () => {
  await using harness = await Harness.open({
    ...{ sweepIntervalMs: 10_000, sweepAgainMs: 5, sweepRowsMax: 20 },
  });
  const keyId = `key_${"0".repeat(26)}` as KeyId;
  const [expiresAtMs, wallMs] = [1, 1];
  const keep = (_: unknown, i: number): Promise<void> => {
    const claim = { keyId, tokenSha256: `token ${i}`, requestSha256: "", expiresAtMs, answer: "" };
    return harness.store.call(storeModule, "keepRepeat", { claim, subject: "x", wallMs });
  };
  await Promise.all(Array.from({ length: 600 }, keep));
  assert.ok(countKept(harness) > 0, "the control: they were there");
  await until("all are gone", () => countKept(harness) === 0, { deadlineMs: 60_000 });
});

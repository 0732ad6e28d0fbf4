import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlatformResource } from "@skerry/api-schema";
import type { ConfigEntry, ConfigValue } from "@skerry/contracts";
import { until } from "@skerry/testkit";
import { storeModule } from "./store-module.ts";
import { Harness, storeDown } from "../test/harness.ts";
import type { PeerDouble } from "../test/peer-double.ts";

const AUDIT_KEPT = { beforeMs: 0, floorMs: 0, recordsMax: 1_000 };

async function makeKey(harness: Harness, name = "k"): Promise<string> {
  const body = { name, role: "viewer" };
  const reply = await harness.send<{ id: string }>("POST", "/v1/keys", { body });
  assert.equal(reply.status, 201);
  return reply.body.id;
}

async function dropKey(harness: Harness, id: string): Promise<void> {
  assert.equal((await harness.send("DELETE", `/v1/keys/${id}`)).status, 204);
}

async function seqOf(harness: Harness): Promise<number> {
  return (await harness.send<PlatformResource>("GET", "/v1/platform")).body.configSeq;
}

/** What a consumer holds after all it was sent. */
function folded(consumer: PeerDouble, before = new Map<string, ConfigValue>()) {
  const values = new Map(consumer.replies[0]?.reset === true ? [] : before);
  for (const { key, value } of consumer.entries()) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return values;
}

test("a new consumer is sent everything, and every later change as it is committed", async () => {
  await using harness = await Harness.open();
  const first = await makeKey(harness);
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await consumer.until(() => consumer.batches.length === 1);
  assert.equal(consumer.replies[0]?.reset, true);
  assert.equal(consumer.replies[0].seq, 2);
  assert.ok(folded(consumer).has(`key/${first}`));
  const second = await makeKey(harness);
  await consumer.until(() => folded(consumer).has(`key/${second}`));
  await dropKey(harness, first);
  await consumer.until(() => !folded(consumer).has(`key/${first}`));
  const seqs = consumer.entries().map(({ seq }) => seq);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
});

test("no entry carries the secret of a key", async () => {
  await using harness = await Harness.open();
  const body = { name: "k", role: "viewer" };
  const made = await harness.send<{ key: string }>("POST", "/v1/keys", { body });
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await consumer.until(() => consumer.batches.length === 1);
  const sent = JSON.stringify(consumer.entries());
  for (const text of [made.body.key, harness.adminKey]) {
    assert.ok(!sent.includes(text.slice(-43)));
  }
});

test("a consumer that comes back is sent what it missed and nothing else", async () => {
  await using harness = await Harness.open();
  const kept = await makeKey(harness);
  const dropped = await makeKey(harness);
  const first = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await first.until(() => first.seq === 3);
  const before = folded(first);
  first.close();
  await first.closed;
  await dropKey(harness, dropped);
  const fresh = await makeKey(harness);
  const again = harness.peer({ role: "gateway", id: "gw_1" }).watch(3);
  await again.until(() => again.batches.length === 1);
  assert.equal(again.replies[0]?.reset, false);
  assert.equal(again.entries().length, 2);
  const values = folded(again, before);
  assert.ok(
    values.has(`key/${kept}`) && values.has(`key/${fresh}`) && !values.has(`key/${dropped}`),
  );
});

test("a consumer that has everything is told so by an empty batch", async () => {
  await using harness = await Harness.open();
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(1);
  await consumer.until(() => consumer.batches.length === 1);
  assert.deepEqual(consumer.replies, [{ reset: false, seq: 1 }]);
  assert.deepEqual(consumer.entries(), []);
});

test("a consumer that was away for longer than removals are remembered starts over", async () => {
  await using harness = await Harness.open();
  const gone = [];
  for (let i = 0; i < 5; i += 1) gone.push(await makeKey(harness));
  const live = await makeKey(harness);
  for (const id of gone) await dropKey(harness, id);
  const sweep = { wallMs: 0, tombstonesKept: 2, rowsMax: 100, audit: AUDIT_KEPT };
  assert.equal(await harness.store.call(storeModule, "sweep", sweep), 3);
  const late = harness.peer({ role: "gateway", id: "gw_late" }).watch(7);
  await late.until(() => late.batches.length === 1);
  assert.equal(late.replies[0]?.reset, true, "removals after number 7 were forgotten");
  const values = folded(late);
  assert.ok(values.has(`key/${live}`));
  assert.ok(gone.every((id) => !values.has(`key/${id}`)));
  const recent = harness.peer({ role: "gateway", id: "gw_recent" }).watch(10);
  await recent.until(() => recent.batches.length === 1);
  assert.equal(recent.replies[0]?.reset, false, "everything after number 10 is still known");
});

test("without the horizon the same consumer would keep what was removed", async () => {
  await using harness = await Harness.open();
  const gone = await makeKey(harness);
  const first = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await first.until(() => first.seq === 2);
  const before = folded(first);
  await dropKey(harness, gone);
  await makeKey(harness);
  const sweep = { wallMs: 0, tombstonesKept: 0, rowsMax: 100, audit: AUDIT_KEPT };
  await harness.store.call(storeModule, "sweep", sweep);
  const page = await harness.store.call(storeModule, "readConfig", { after: 2, limit: 100 });
  assert.equal(page.fromStart, true);
  const naive = new Map(before);
  for (const { key, value } of page.entries) if (value !== null) naive.set(key, value);
  assert.ok(naive.has(`key/${gone}`), "adding the entries alone does not remove the key");
});

test("a consumer that claims a number which was never given out starts over", async () => {
  await using harness = await Harness.open();
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(1_000_000);
  await consumer.until(() => consumer.batches.length === 1);
  assert.equal(consumer.replies[0]?.reset, true);
});

test("a first batch of many pages is one batch", async () => {
  await using harness = await Harness.open({ configPageMax: 3 });
  for (let i = 0; i < 10; i += 1) await makeKey(harness);
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await consumer.until(() => consumer.batches.length === 1);
  assert.equal(consumer.batches[0]?.entries.length, 11);
});

test("waiting for a number ends when every live consumer has it in force", async () => {
  await using harness = await Harness.open({ agentAnswerMs: 20, appliedDeadlineMs: 20 });
  const quick = harness.peer({ role: "gateway", id: "gw_quick" }).watch(0);
  const slow = harness.peer({ role: "agent", id: "node_slow", acknowledges: false }).watch(0);
  await quick.until(() => quick.batches.length === 1);
  await slow.until(() => slow.batches.length === 1);
  await makeKey(harness);
  const seq = await seqOf(harness);
  let late: readonly string[] = [];
  await until("the quick one's word to be there", async () => {
    late = await harness.control.waitApplied(seq, 20);
    return !late.includes("gw_quick");
  });
  assert.deepEqual(late, ["node_slow"]);
  const waiting = harness.control.waitApplied(seq, 60_000);
  slow.acknowledge(seq);
  assert.deepEqual(await waiting, []);
});

test("a revoked key is answered for once every live consumer refuses it", async () => {
  await using harness = await Harness.open();
  const key = await makeKey(harness);
  const slow = harness.peer({ role: "gateway", id: "gw_slow", acknowledges: false }).watch(0);
  await slow.until(() => slow.batches.length === 1);
  let answered = false;
  const revoked = dropKey(harness, key).then(() => {
    answered = true;
  });
  await slow.until(() => slow.batches.length === 2);
  assert.equal((await harness.send("GET", "/v1/keys")).status, 200);
  assert.equal(answered, false);
  slow.acknowledge(slow.seq);
  await revoked;
});

test("a consumer that goes away is no longer waited for", async () => {
  await using harness = await Harness.open();
  const slow = harness.peer({ role: "gateway", id: "gw_slow", acknowledges: false }).watch(0);
  await slow.until(() => slow.batches.length === 1);
  const waiting = harness.control.waitApplied(await seqOf(harness), 60_000);
  slow.close();
  assert.deepEqual(await waiting, []);
});

test("a consumer that reads nothing costs no memory here and gets the newest when it reads again", async () => {
  await using harness = await Harness.open({ configPageMax: 20, appliedDeadlineMs: 10 });
  harness.agent();
  const consumer = harness.peer({ role: "gateway", id: "gw_1" });
  consumer.pause();
  consumer.watch(0);
  const value = "x".repeat(30_000);
  let reads = 0;
  harness.faults.after = (procedure) => {
    if (procedure === "readConfig") reads += 1;
  };
  for (let i = 0; i < 40; i += 1) {
    const config = { env: { A: `${i}${value}` } };
    await harness.ended(await harness.deploy("shop", { [`f${i % 10}`]: "1" }, config));
  }
  const [readsWhileStuck, versions] = [reads, consumer.entries().length];
  assert.ok(readsWhileStuck < 20, `${readsWhileStuck} reads for a consumer that takes nothing`);
  assert.ok(versions < 25, "the stream's credit is what is under way at most");
  consumer.resume();
  const seq = await seqOf(harness);
  await consumer.until(() => consumer.seq === seq);
  const newest = new Map(
    consumer.entries().map((entry): [string, ConfigEntry] => [entry.key, entry]),
  );
  assert.equal(newest.size, 11);
  const total = consumer.entries().length;
  assert.ok(total < 41, `${total} entries: what changed while it did not read was sent once`);
});

test("a store that is down for a while delays a watch and does not end it", async () => {
  await using harness = await Harness.open();
  let failures = 0;
  harness.faults.before = (procedure) => {
    if (procedure !== "readConfig" || failures >= 3) return;
    failures += 1;
    throw storeDown();
  };
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await consumer.until(() => consumer.batches.length === 1);
  assert.equal(failures, 3);
});

test("a commit whose answer was lost reaches consumers by the poll", async () => {
  await using harness = await Harness.open({ feedPollMs: 20 });
  const consumer = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await consumer.until(() => consumer.batches.length === 1);
  harness.faults.after = (procedure) => {
    if (procedure === "createKey") throw storeDown();
  };
  const body = { name: "k", role: "viewer" };
  assert.equal((await harness.send("POST", "/v1/keys", { body })).status, 503);
  await consumer.until(() => consumer.entries().length === 2);
});

test("numbers go on after a restart", async () => {
  await using harness = await Harness.open();
  await makeKey(harness);
  const before = await seqOf(harness);
  await harness.restart();
  await makeKey(harness);
  assert.equal(await seqOf(harness), before + 1);
});

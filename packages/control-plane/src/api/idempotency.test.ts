import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemRandom } from "@skerry/base";
import type { DeploymentResource } from "@skerry/api-schema";
import { until } from "@skerry/testkit";
import { Harness, storeDown, type Problem, type Reply } from "../../test/harness.ts";
import {
  allAudit,
  auditOf,
  MUTATING,
  openDeployed,
  prepareMutation,
  type Mutating,
  type Mutation,
} from "../../test/mutations.ts";
import { storeModule } from "../store-module.ts";
import { openAnswer, sealAnswer } from "@skerry/repeats";

const KEY = "0b6f5c1e";
/** Who does not join would wait for ever. */
const TIMEOUT = { timeout: 120_000 };
const NEW_KEY = { name: "ci", role: "viewer" };

function send<T>(harness: Harness, mutation: Mutation, token = KEY): Promise<Reply<T>> {
  const { method, path, request } = mutation;
  const headers = { ...request?.headers, "idempotency-key": token };
  return harness.send<T>(method, path, { ...request, headers });
}

function createKey(harness: Harness, body: object = NEW_KEY, token = KEY) {
  return send<{ id: string; key: string } & Problem>(
    harness,
    { method: "POST", path: "/v1/keys", request: { body } },
    token,
  );
}

/** What others need is removed last. */
const REMOVALS: readonly Mutating[] = ["deleteFunction", "deleteApp"];
const ORDER = [...MUTATING.filter((name) => !REMOVALS.includes(name)), ...REMOVALS];

interface Made {
  readonly name: Mutating;
  readonly mutation: Mutation;
  readonly reply: Reply;
}

/** A change that fails at the end of each of its transactions, and is sent again with its key. */
async function failAndMake(harness: Harness, name: Mutating): Promise<Made> {
  const mutation = await prepareMutation(harness, name);
  const before = (await auditOf(harness, name)).length;
  harness.faults.failsAtTheEnd = (procedure) => procedure !== "findRepeat";
  const failed = await send<Problem>(harness, mutation, name);
  harness.faults.failsAtTheEnd = () => false;
  assert.equal(failed.body.error.reason, "TEST_FAULT");
  const reply = await send(harness, mutation, name);
  assert.ok(reply.status < 300, JSON.stringify(reply.body));
  assert.equal(reply.headers.get("idempotent-replayed"), null);
  assert.equal((await auditOf(harness, name)).length, before + 1);
  // Its app is not removed while it is under way.
  if (name === "createDeployment") await harness.ended(reply.body as DeploymentResource);
  return { name, mutation, reply };
}

/** The same once more, to a control that knows no more than what is on disk. */
async function sendAgain(harness: Harness, { name, mutation, reply }: Made): Promise<void> {
  const again = await send(harness, mutation, name);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual([again.status, again.body], [reply.status, reply.body]);
  const other = { ...mutation, path: `${mutation.path}?other=1` };
  const unknown = await send<Problem>(harness, other, name);
  assert.equal(unknown.status, 400, "a query that it does not know");
  if (!REMOVALS.includes(name)) return;
  const anew = await send<Problem>(harness, mutation, "another");
  assert.equal(anew.status, 404, "without the key's answer there is nothing to remove");
}

test("changes and their keys, over a restart", async (t) => {
  await using harness = await openDeployed();
  const made: Made[] = [];
  for (const name of ORDER) {
    await t.test(`${name} that fails keeps no answer: the same key performs it`, async () => {
      made.push(await failAndMake(harness, name));
    });
  }
  const records = await allAudit(harness);
  await harness.restart();
  for (const one of made) {
    const title = `${one.name}, sent again with its key, changes nothing more and gets the stored answer`;
    await t.test(title, async () => {
      await sendAgain(harness, one);
      assert.deepEqual(await allAudit(harness), records);
    });
  }
});

test("an answer that was lost after its commit is there for the next request", async () => {
  await using harness = await Harness.open();
  harness.faults.after = (procedure) => {
    if (procedure === "createKey") throw storeDown();
  };
  assert.equal((await createKey(harness)).status, 503);
  harness.faults.after = () => undefined;
  await harness.restart();
  const again = await createKey(harness);
  assert.equal(again.status, 201);
  assert.equal((await harness.send("GET", "/v1/apps", { key: again.body.key })).status, 200);
  assert.equal((await auditOf(harness, "createKey")).length, 1);
});

/** Holds `createKey` before its transaction until it is let go. */
function holdCreation(harness: Harness) {
  const released = Promise.withResolvers<void>();
  let arrived = 0;
  harness.faults.before = async (procedure) => {
    if (procedure !== "createKey") return;
    arrived += 1;
    await released.promise;
  };
  return { release: () => released.resolve(), arrived: () => arrived };
}

test("callers in flight join the first and all get its answer", TIMEOUT, async () => {
  await using harness = await Harness.open();
  const held = holdCreation(harness);
  const first = createKey(harness);
  await until("the first to perform", () => held.arrived() === 1);
  const others = [createKey(harness), createKey(harness)];
  const different = await createKey(harness, { name: "other", role: "viewer" });
  assert.equal(different.status, 422);
  assert.equal(different.body.error.reason, "IDEMPOTENCY_KEY_REUSED");
  held.release();
  const replies = await Promise.all([first, ...others]);
  assert.equal(new Set(replies.map(({ body }) => body.key)).size, 1);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [201, 201, 201],
  );
  assert.equal(held.arrived(), 1);
  assert.equal((await auditOf(harness, "createKey")).length, 1);
});

test("the first caller's leaving takes nothing from those who joined it", TIMEOUT, async () => {
  await using harness = await Harness.open();
  const held = holdCreation(harness);
  const leaving = new AbortController();
  const headers = { "idempotency-key": KEY };
  const { signal } = leaving;
  const first = harness.send("POST", "/v1/keys", { body: NEW_KEY, headers, signal });
  await until("the first to perform", () => held.arrived() === 1);
  const joined = createKey(harness);
  leaving.abort();
  await assert.rejects(first);
  held.release();
  assert.equal((await joined).status, 201);
  assert.equal((await auditOf(harness, "createKey")).length, 1);
});

test("a refusal is told to all who joined and kept for nobody", async () => {
  await using harness = await Harness.open();
  harness.faults.before = (procedure) => {
    if (procedure === "createKey") throw storeDown();
  };
  const replies = await Promise.all([createKey(harness), createKey(harness)]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [503, 503],
  );
  harness.faults.before = () => undefined;
  assert.equal((await createKey(harness)).headers.get("idempotent-replayed"), null);
});

test("a key with another path, condition or body is refused, and with another key of the platform is another", async () => {
  await using harness = await openDeployed();
  const gone = await prepareMutation(harness, "deleteFunction");
  assert.equal((await send(harness, gone)).status, 204);
  const others = [
    { ...gone, path: "/v1/apps/shop/functions/second" },
    { ...gone, request: { headers: { "if-match": '"1"' } } },
    { method: "POST", path: "/v1/keys", request: { body: NEW_KEY } },
  ];
  for (const other of others) {
    const refused = await send<Problem>(harness, other);
    assert.equal(refused.body.error.reason, "IDEMPOTENCY_KEY_REUSED", other.path);
  }
  const admin = { name: "second", role: "admin" };
  const made = await createKey(harness, admin, "made");
  const request = { body: NEW_KEY, key: made.body.key };
  const own = await send(harness, { method: "POST", path: "/v1/keys", request });
  assert.equal(own.status, 201);
  assert.equal(own.headers.get("idempotent-replayed"), null);
});

test("the window is what is configured: after it the same key is a new request", async () => {
  await using harness = await Harness.open({ repeatTtlMs: 0 });
  const first = await createKey(harness);
  const again = await createKey(harness);
  assert.equal(again.headers.get("idempotent-replayed"), null);
  assert.notEqual(again.body.id, first.body.id);
});

test("a deployment's stored answer is the one at its acceptance, also when its source is gone", async () => {
  await using harness = await openDeployed();
  const mutation = await prepareMutation(harness, "createDeployment");
  const first = await send<DeploymentResource>(harness, mutation);
  await harness.ended(first.body);
  const asked = mutation.request?.body as { functions: readonly { sourceDigest: string }[] };
  const sourceDigest = asked.functions[0]?.sourceDigest ?? "";
  await harness.codeStore.remove(sourceDigest);
  assert.deepEqual((await send(harness, mutation)).body, first.body);
});

test("a secret answer lies sealed in the store: neither key nor secret is found in its files", async () => {
  await using harness = await Harness.open();
  const token = "a-token-that-nobody-guesses";
  const { body } = await createKey(harness, NEW_KEY, token);
  const secret = body.key.split("_").slice(2).join("_");
  assert.ok(secret.length > 20);
  assert.equal((await createKey(harness, NEW_KEY, token)).body.key, body.key);
  const folder = join(harness.directory, "state");
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) =>
    each.isFile(),
  );
  const kept = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name))));
  const all = Buffer.concat(kept);
  assert.ok(all.includes(body.id), "the control: what is not secret is found");
  for (const text of [secret, token]) assert.ok(!all.includes(text));
});

test("what was sealed opens with the same credential and key only, and only unchanged", () => {
  const seal = { credential: "sk_a", token: "t" };
  const sealed = sealAnswer(seal, '{"key":"é"}', systemRandom());
  assert.equal(openAnswer(seal, sealed), '{"key":"é"}');
  assert.equal(openAnswer({ ...seal, credential: "sk_b" }, sealed), undefined);
  assert.equal(openAnswer({ ...seal, token: "u" }, sealed), undefined);
  const bytes = Buffer.from(sealed, "base64url");
  for (const at of [0, 13, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(openAnswer(seal, changed.toString("base64url")), undefined, `byte ${at}`);
  }
  for (const short of ["", "AAAA", "no base64 at all!"]) {
    assert.equal(openAnswer(seal, short), undefined);
  }
});

test("two transactions with one key: the second is rolled back whole", async () => {
  await using harness = await Harness.open();
  const raced = Promise.withResolvers<void>();
  harness.faults.before = async (procedure) => {
    if (procedure === "createKey") await raced.promise;
  };
  const slow = createKey(harness);
  const { store } = harness;
  // Another control process answers the same request meanwhile: it shares the store only.
  const twin = await until("the request to arrive", () => harness.lastCall("createKey"));
  const args = twin as { stamp: { claim: object }; record: { id: string } };
  const { id } = args.record;
  const record = { ...args.record, id: `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}` };
  const stamp = { ...args.stamp, id: "aud_01kzzzzzzzzzzzzzzzzzzzzzzz" };
  await store.call(storeModule, "createKey", { stamp, record } as never);
  raced.resolve();
  const reply = await slow;
  assert.equal(reply.headers.get("idempotent-replayed"), "true");
  assert.equal((await auditOf(harness, "createKey")).length, 1);
});

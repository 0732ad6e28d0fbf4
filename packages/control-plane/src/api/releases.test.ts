import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  AliasResource,
  ChangedAlias,
  PublishedVersion,
  VersionResource,
} from "@skerry/api-schema";
import type { ConfigEntry } from "@skerry/contracts";
import { Harness, type Problem } from "../../test/harness.ts";
import type { PeerDouble } from "../../test/peer-double.ts";
import type { ControlLimits } from "../index.ts";

const FN = "/v1/apps/shop/functions/hello";
const VERSIONS = `${FN}/versions`;
const LIVE = `${FN}/aliases/live`;

async function openDeployed(limits: Partial<ControlLimits> = {}): Promise<Harness> {
  const harness = await Harness.open(limits);
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  return harness;
}

const publish = (harness: Harness) =>
  harness.send<PublishedVersion>("POST", VERSIONS, { body: {} });

const set = (harness: Harness, version: number, ifMatch?: string) =>
  harness.send<AliasResource & Problem>("PUT", LIVE, {
    body: { target: { version } },
    ...(ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } }),
  });

/** What a gateway holds of versions and aliases. */
function foldOf(gateway: PeerDouble): readonly (readonly [string, ConfigEntry["value"]])[] {
  const fold = new Map(gateway.entries().map(({ key, value }) => [key, value]));
  return [...fold].filter(([key]) => /^(version|alias)\//.test(key));
}

test("a publish is 201, and 200 when the revision had its number, also when it is sent again", async () => {
  await using harness = await openDeployed();
  const headers = { "idempotency-key": "once" };
  const first = await harness.send<PublishedVersion>("POST", VERSIONS, { body: {}, headers });
  assert.deepEqual([first.status, first.body.version, first.body.isNew], [201, 1, true]);
  const again = await publish(harness);
  assert.deepEqual([again.status, again.body.isNew], [200, false]);
  const replayed = await harness.send("POST", VERSIONS, { body: {}, headers });
  assert.deepEqual([replayed.status, replayed.body], [201, first.body]);
  const known = { "idempotency-key": "known" };
  for (const replay of [null, "true"]) {
    const reply = await harness.send("POST", VERSIONS, { body: {}, headers: known });
    assert.deepEqual([reply.status, reply.headers.get("idempotent-replayed")], [200, replay]);
  }
});

test("versions and aliases are told to gateways, and gone from there with their app", async () => {
  await using harness = await openDeployed();
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await publish(harness);
  await set(harness, 1);
  const { body } = await harness.send<{ id: string; latest: { id: string } }>("GET", FN);
  await gateway.until(() => foldOf(gateway).length === 2);
  const [version, alias] = foldOf(gateway);
  assert.equal(version?.[0], `version/${body.id}/1`);
  assert.equal(version[1]?.kind === "version" && version[1].revision.id, body.latest.id);
  assert.equal(alias?.[0], `alias/${body.id}/live`);
  assert.deepEqual(alias[1]?.kind === "alias" && alias[1].target, {
    ...{ version: 1, shares: [], rules: [] },
  });
  await harness.send("DELETE", "/v1/apps/shop");
  await gateway.until(() => foldOf(gateway).every(([, value]) => value === null));
  assert.equal(foldOf(gateway).length, 2);
});

test("variables of an alias are checked, told and shown, and the audit has their names", async () => {
  await using harness = await openDeployed();
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await publish(harness);
  const setEnv = (env: Record<string, string>) =>
    harness.send<AliasResource & Problem>("PUT", LIVE, { body: { target: { version: 1, env } } });
  for (const env of [{ "NOT-ONE": "" }, { SKERRY_VERSION: "7" }, { BIG: "x".repeat(32 << 10) }]) {
    const { status, body } = await setEnv(env);
    assert.deepEqual([status, body.error.reason], [400, "INPUT_INVALID"]);
  }
  const env = { LEVEL: "of-nobody-else" };
  assert.equal((await setEnv(env)).status, 200);
  assert.deepEqual((await harness.send<AliasResource>("GET", LIVE)).body.target.env, env);
  await gateway.until(() => foldOf(gateway).length === 2);
  const told = foldOf(gateway)[1]?.[1];
  assert.deepEqual(told?.kind === "alias" && told.target.env, env);
  await harness.send("DELETE", LIVE);
  const audit = JSON.stringify((await harness.send("GET", "/v1/audit")).body);
  assert.ok(audit.includes('"env":["LEVEL"]'), audit);
  assert.ok(!audit.includes(env.LEVEL));
});

test("a move of an alias is answered once every gateway has it in force", async () => {
  await using harness = await openDeployed();
  await publish(harness);
  const gateway = harness.peer({ role: "gateway", id: "gw_1", acknowledges: false }).watch(0);
  await gateway.until(() => gateway.batches.length > 0);
  gateway.acknowledge(gateway.seq);
  let answered = false;
  const moved = set(harness, 1).then((reply) => {
    answered = true;
    return reply;
  });
  await gateway.until(() => foldOf(gateway).some(([key]) => key.startsWith("alias/")));
  // Whatever waited for the store alone is answered by now.
  for (let n = 0; n < 3; n += 1) await harness.send("GET", LIVE);
  assert.equal(answered, false);
  gateway.acknowledge(gateway.seq);
  assert.equal((await moved).status, 200);
});

test("a publish insists on the function's tag, and sets the alias that it names", async () => {
  await using harness = await openDeployed();
  const { body: fn } = await harness.send<{ etag: string }>("GET", FN);
  await harness.ended(await harness.deploy("shop", { hello: "2" }));
  const publishAt = (etag: string) => {
    const request = { body: { alias: "live" }, headers: { "if-match": etag } };
    return harness.send<PublishedVersion & Problem>("POST", VERSIONS, request);
  };
  const stale = await publishAt(fn.etag);
  assert.deepEqual([stale.status, stale.body.error.reason], [412, "FUNCTION_CHANGED"]);
  const { body: now } = await harness.send<{ etag: string }>("GET", FN);
  const made = await publishAt(now.etag);
  assert.deepEqual([made.status, made.body.version, made.body.alias], [201, 1, "live"]);
  assert.equal((await harness.send<AliasResource>("GET", LIVE)).body.target.version, 1);
});

test("a move that a gateway does not confirm is answered in time, and names that gateway", async () => {
  const appliedDeadlineMs = 7_000;
  await using harness = await openDeployed({ appliedDeadlineMs });
  await publish(harness);
  const gateway = harness.peer({ role: "gateway", id: "gw_1", acknowledges: false }).watch(0);
  await gateway.until(() => gateway.batches.length > 0);
  gateway.acknowledge(gateway.seq);
  const headers = { "idempotency-key": "move" };
  const move = () =>
    harness.send<ChangedAlias>("PUT", LIVE, { headers, body: { target: { version: 1 } } });
  const moved = move();
  await gateway.until(() => foldOf(gateway).some(([key]) => key.startsWith("alias/")));
  harness.clock.leap(appliedDeadlineMs);
  const late = await moved;
  assert.equal(late.status, 200);
  assert.ok(late.body.behind.includes("gw_1"), JSON.stringify(late.body.behind));
  gateway.acknowledge(gateway.seq);
  const again = await move();
  assert.deepEqual([again.headers.get("idempotent-replayed"), again.body.behind], ["true", []]);
  assert.equal(again.body.change, late.body.change);
});

test("If-Match, If-None-Match and pages are as everywhere", async () => {
  await using harness = await openDeployed();
  await publish(harness);
  await harness.ended(await harness.deploy("shop", { hello: "2" }));
  await publish(harness);
  const { body: alias } = await set(harness, 1);
  const moved = await set(harness, 2, alias.etag);
  assert.deepEqual([moved.status, moved.body.etag], [200, '"2"']);
  const stale = await set(harness, 1, alias.etag);
  assert.deepEqual([stale.status, stale.body.error.reason], [412, "ALIAS_CHANGED"]);
  const headers = { "if-none-match": '"2"' };
  assert.equal((await harness.send("GET", LIVE, { headers })).status, 304);
  for (const path of [VERSIONS, `${LIVE}/history`]) {
    interface Page {
      items: { version?: number; number?: number }[];
      nextCursor: string | null;
    }
    const first = await harness.send<Page>("GET", `${path}?limit=1`);
    const next = `${path}?limit=1&cursor=${first.body.nextCursor}`;
    const second = await harness.send<Page>("GET", next);
    const numbers = [first, second].map(({ body }) =>
      body.items.map((one) => one.version ?? one.number),
    );
    assert.deepEqual([numbers, second.body.nextCursor], [[[2], [1]], null]);
    const letters = Buffer.from("live").toString("base64url");
    const odd = await harness.send<Problem>("GET", `${path}?cursor=${letters}`);
    assert.deepEqual([odd.status, odd.body.error.reason], [400, "INPUT_INVALID"]);
  }
});

test("a version that is not there, that is in use or that is no number is told so", async () => {
  await using harness = await openDeployed();
  await publish(harness);
  await set(harness, 1);
  const told = async (method: string, path: string, body?: object) => {
    const reply = await harness.send<Problem>(method, path, { ...(body && { body }) });
    return [reply.status, reply.body.error.reason, reply.body.error.message];
  };
  assert.deepEqual(await told("DELETE", `${VERSIONS}/1`), [
    ...[412, "VERSION_IN_USE", "Version 1 of shop/hello is where an alias leads: live."],
  ]);
  assert.deepEqual(await told("PUT", LIVE, { target: { version: 9 } }), [
    ...[404, "VERSION_NOT_FOUND", "shop/hello has no version 9."],
  ]);
  assert.deepEqual((await told("GET", `${VERSIONS}/01`)).slice(0, 2), [400, "INPUT_INVALID"]);
  const shares = [{ version: 1, perMille: 1_001 }];
  const over = await told("PUT", LIVE, { target: { version: 1, shares } });
  assert.deepEqual(over.slice(0, 2), [400, "INPUT_INVALID"]);
});

test("a viewer reads and may not publish, and a key confined to another app sees nothing", async () => {
  await using harness = await openDeployed();
  await publish(harness);
  await set(harness, 1);
  const makeKey = async (role: string, apps: readonly string[] | null): Promise<string> => {
    const body = { name: "some", role, apps };
    return (await harness.send<{ key: string }>("POST", "/v1/keys", { body })).body.key;
  };
  const viewer = await makeKey("viewer", null);
  const elsewhere = await makeKey("admin", ["other"]);
  const reads = [VERSIONS, `${VERSIONS}/1`, `${FN}/aliases`, LIVE, `${LIVE}/history`];
  for (const path of reads) {
    assert.equal((await harness.send("GET", path, { key: viewer })).status, 200, path);
    assert.equal((await harness.send("GET", path, { key: elsewhere })).status, 403, path);
  }
  const changes = [
    ["POST", VERSIONS],
    ["POST", "/v1/apps/shop/versions"],
    ["POST", `${LIVE}/rollback`],
    ["POST", "/v1/apps/shop/aliases/live/rollback"],
    ["PUT", LIVE],
    ["DELETE", LIVE],
    ["DELETE", `${VERSIONS}/1`],
    ["POST", `${VERSIONS}/prune`],
  ] as const;
  for (const [method, path] of changes) {
    for (const key of [viewer, elsewhere]) {
      const body = method === "DELETE" ? {} : { body: { target: { version: 1 } } };
      assert.equal((await harness.send(method, path, { key, ...body })).status, 403, path);
    }
  }
  const { body } = await harness.send<{ items: VersionResource[] }>("GET", VERSIONS);
  assert.equal(body.items.length, 1);
});

test("a secret that a version is given stays, although its function no longer asks for it", async () => {
  await using harness = await openDeployed();
  const secret = "/v1/apps/shop/secrets/token";
  await harness.send("PUT", secret, { body: { value: "v" } });
  await harness.ended(
    await harness.deploy("shop", { hello: "2" }, { secrets: { TOKEN: "token" } }),
  );
  await publish(harness);
  await harness.ended(await harness.deploy("shop", { hello: "3" }));
  const refused = await harness.send<Problem>("DELETE", secret);
  assert.deepEqual([refused.status, refused.body.error.reason], [412, "SECRET_IN_USE"]);
  assert.deepEqual(refused.body.error.details?.["functions"], ["shop/hello:1"]);
  await harness.send("DELETE", `${VERSIONS}/1`);
  assert.equal((await harness.send("DELETE", secret)).status, 204);
});

test("a rule whose expression cannot be read is refused with its place, and nothing is changed", async () => {
  await using harness = await openDeployed();
  await publish(harness);
  const put = (pattern: string) => {
    const rules = [{ part: { from: "path" }, is: { pattern }, version: 1 }];
    const body = { target: { version: 1, rules } };
    return harness.send<AliasResource & Problem>("PUT", LIVE, { body });
  };
  const bad = await put("^/v(2");
  assert.deepEqual([bad.status, bad.body.error.reason], [400, "INPUT_INVALID"]);
  assert.match(bad.body.error.message, /rules\[0\]\.is\.pattern: missing closing \)/);
  assert.equal((await harness.send("GET", LIVE)).status, 404);
  const good = await put("^/v(2)");
  assert.deepEqual([good.status, good.body.change], [200, 1], "the control");
});

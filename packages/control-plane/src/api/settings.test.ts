import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it, test } from "node:test";
import type {
  ConfigObjectContent,
  ConfigObjectResource,
  DeploymentResource,
  SecretResource,
} from "@skerry/api-schema";
import { hasPostgres, startPostgres, until, type PostgresServer } from "@skerry/testkit";
import { Harness, type Problem, type Reply } from "../../test/harness.ts";
import { built } from "../../test/peer-double.ts";

const SECRETS = "/v1/apps/shop/secrets";
const CONFIGS = "/v1/apps/shop/configs";
const CANARY = "canary/4711-of-the-store";

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const STORES: readonly { readonly store: string; readonly options: { readonly skip?: string } }[] =
  [
    { store: "SQLite", options: {} },
    { store: "PostgreSQL", options: hasPostgres() ? {} : { skip: "PostgreSQL is absent" } },
  ];

for (const { store, options } of STORES) {
  describe(`secrets and config objects in ${store}`, options, () => {
    let database: PostgresServer | undefined;
    let harness: Harness;
    before(async () => {
      database = store === "PostgreSQL" ? await startPostgres() : undefined;
      harness = await Harness.open({}, database?.url);
    });
    after(async () => {
      await harness[Symbol.asyncDispose]();
      await database?.stop();
    });

    const put = <T>(path: string, body: object, tag?: string): Promise<Reply<T>> =>
      harness.send<T>("PUT", path, {
        body,
        ...(tag === undefined ? {} : { headers: { "if-match": tag } }),
      });
    const reasonOf = ({ body }: Reply): string => (body as Problem).error.reason;

    it("counts values, pages names and keeps the scopes apart", async () => {
      const first = await put<SecretResource>(`${SECRETS}/token`, { value: CANARY });
      assert.deepEqual([first.status, first.body.version, first.body.app], [200, 1, "shop"]);
      const second = await put<SecretResource>(`${SECRETS}/token`, { value: `${CANARY}2` });
      assert.deepEqual([second.body.version, second.body.id], [2, first.body.id]);
      const ofAccount = await put<SecretResource>("/v1/secrets/token", { value: CANARY });
      assert.deepEqual([ofAccount.body.version, ofAccount.body.app], [1, null]);
      for (const name of ["a", "b"]) await put(`${SECRETS}/${name}`, { value: "v" });
      const page = await harness.send<Page<SecretResource>>("GET", `${SECRETS}?limit=2`);
      assert.deepEqual(
        page.body.items.map(({ name }) => name),
        ["a", "b"],
      );
      const path = `${SECRETS}?limit=2&cursor=${page.body.nextCursor}`;
      const rest = await harness.send<Page<SecretResource>>("GET", path);
      assert.deepEqual(
        rest.body.items.map(({ name }) => name),
        ["token"],
      );
      assert.ok(!JSON.stringify([page, rest, second]).includes("canary"));
    });

    it("changes a secret only under its tag, and a new one is a new id", async () => {
      const path = `${SECRETS}/tagged`;
      const { body: made } = await put<SecretResource>(path, { value: "v" });
      assert.equal(reasonOf(await put(path, { value: "w" }, '"9"')), "SECRET_CHANGED");
      const { body: changed } = await put<SecretResource>(path, { value: "w" }, made.etag);
      assert.equal(changed.version, 2);
      const headers = { "if-match": made.etag };
      assert.equal(reasonOf(await harness.send("DELETE", path, { headers })), "SECRET_CHANGED");
      assert.equal((await harness.send("DELETE", path)).status, 204);
      assert.equal(reasonOf(await harness.send("GET", path)), "SECRET_NOT_FOUND");
      const { body: again } = await put<SecretResource>(path, { value: "v" });
      assert.deepEqual([again.version, again.id === made.id], [1, false]);
    });

    it("of two changes at once both are stored, one after the other", async () => {
      const path = `${SECRETS}/raced`;
      const puts = Array.from({ length: 8 }, (_, i) =>
        put<SecretResource>(path, { value: `value ${i}` }),
      );
      const versions = (await Promise.all(puts)).map(({ body }) => body.version);
      assert.deepEqual(
        versions.toSorted((a, b) => a - b),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
    });

    it("keeps config objects as the bytes that they are, under their tags", async () => {
      const path = `${CONFIGS}/one.json`;
      const { body: made } = await put<ConfigObjectResource>(path, { content: '{"a":"ü"}' });
      assert.deepEqual([made.version, made.bytes], [1, 10]);
      const binary = { content: "AP8=", encoding: "base64" };
      await put(`${CONFIGS}/logo.png`, binary);
      const { body: logo } = await harness.send<ConfigObjectContent>("GET", `${CONFIGS}/logo.png`);
      assert.deepEqual([logo.content, logo.encoding], ["AP8=", "base64"]);
      assert.equal(reasonOf(await put(path, { content: "[]" }, '"2"')), "CONFIG_OBJECT_CHANGED");
      const { body: changed } = await put<ConfigObjectResource>(path, { content: "[]" }, '"1"');
      assert.deepEqual([changed.version, changed.id], [2, made.id]);
      const { body: read } = await harness.send<ConfigObjectContent>("GET", path);
      assert.deepEqual([read.content, read.encoding], ["[]", "utf8"]);
      for (const bad of [{ content: "{" }, { content: "!", encoding: "base64" }]) {
        assert.equal(reasonOf(await put(path, bad)), "INPUT_INVALID");
      }
      assert.equal((await harness.send("DELETE", path)).status, 204);
      assert.equal(reasonOf(await harness.send("DELETE", path)), "CONFIG_OBJECT_NOT_FOUND");
    });

    it("refuses config objects beyond what an app may have, and stores nothing of them", async () => {
      const content = "x".repeat(256 << 10);
      for (let i = 0; i < 4; i += 1) {
        const reply = await put(`/v1/apps/full/configs/file-${i}`, { content });
        assert.equal(reply.status, 200);
      }
      const refused = await put("/v1/apps/full/configs/one-more", { content: "x" });
      assert.deepEqual([refused.status, reasonOf(refused)], [422, "CONFIG_OBJECTS_LIMIT"]);
      const { body } = await harness.send<Page<unknown>>("GET", "/v1/apps/full/configs");
      assert.equal(body.items.length, 4);
    });

    it("wraps every data key anew, also when it is killed in the middle", async () => {
      const keysIn = async (): Promise<readonly string[]> => {
        const { keys } = JSON.parse(await readFile(harness.secretsKeyPath, "utf8")) as {
          readonly keys: object;
        };
        return Object.keys(keys);
      };
      for (let i = 0; i < 60; i += 1) await put(`/v1/secrets/many-${i}`, { value: `${i}` });
      const [first] = await keysIn();
      const rotate = (): Promise<Reply<{ readonly keyId: string; readonly rewrapped: number }>> =>
        harness.send("POST", "/v1/secrets-key-rotations", { body: {} });
      const { body: rotation } = await rotate();
      assert.ok(rotation.rewrapped >= 60);
      assert.deepEqual(await keysIn(), [rotation.keyId]);
      assert.notEqual(rotation.keyId, first);

      let pages = 0;
      harness.faults.before = (procedure) => {
        if (procedure !== "rewrapSecrets") return;
        pages += 1;
        if (pages > 1) throw new TypeError("killed here");
      };
      assert.equal((await rotate()).status, 500);
      harness.faults.before = () => undefined;
      assert.equal((await keysIn()).length, 2, "both keys open");
      await harness.restart();
      await until("the rotation goes on", async () => (await keysIn()).length === 1);
      assert.ok(!(await keysIn()).includes(rotation.keyId));
      const again = await put<SecretResource>("/v1/secrets/many-1", { value: "new" });
      assert.equal(again.status, 200);
    });

    it("gives agents what is sealed and gateways nothing of it, at the same number", async () => {
      await put(`${SECRETS}/told`, { value: CANARY });
      await put(`${CONFIGS}/told.txt`, { content: CANARY });
      const agent = harness.peer({ role: "agent", id: "agent-1" }).watch(0);
      const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
      for (const peer of [agent, gateway]) await peer.until(() => peer.batches.length > 0);
      const kinds = (peer: typeof agent): ReadonlySet<string | undefined> =>
        new Set(peer.entries().map(({ value }) => value?.kind));
      assert.ok(kinds(agent).has("secret") && kinds(agent).has("config-object"));
      assert.ok(!kinds(gateway).has("secret") && !kinds(gateway).has("config-object"));
      const seqs = (peer: typeof agent): readonly number[] => peer.entries().map(({ seq }) => seq);
      assert.deepEqual(seqs(gateway), seqs(agent));
      assert.ok(!JSON.stringify(agent.entries()).includes(CANARY));
    });
  });
}

test("an app's secrets and config objects go with it, and it must have what it asks for", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const sourceDigest = await harness.upload("shop", "1");
  const config = { secrets: { TOKEN: "token" } };
  const body = { functions: [{ name: "hello", sourceDigest, config }] };
  const deploy = (): Promise<Reply<DeploymentResource & Problem>> =>
    harness.send("POST", "/v1/apps/shop/deployments", { body });
  assert.equal((await deploy()).body.error.reason, "SECRET_MISSING");
  const plan = await harness.send<Problem>("POST", "/v1/apps/shop/plans", { body });
  assert.equal(plan.body.error.reason, "SECRET_MISSING");
  await harness.send("PUT", `${SECRETS}/token`, { body: { value: "v" } });
  await harness.send("PUT", `${CONFIGS}/one`, { body: { content: "v" } });
  const accepted = await deploy();
  assert.equal((await harness.ended(accepted.body)).state, "succeeded");
  const kept = await harness.send<Problem>("DELETE", `${SECRETS}/token`);
  assert.deepEqual(kept.body.error.details, { secret: "token", functions: ["shop/hello"] });
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  for (const path of [SECRETS, CONFIGS]) {
    assert.deepEqual((await harness.send<Page<unknown>>("GET", path)).body.items, []);
  }
});

test("an app that never had a function is removed with what it has, and is not there without", async () => {
  await using harness = await Harness.open();
  const agent = harness.agent().watch(0);
  await harness.send("PUT", `${SECRETS}/token`, { body: { value: "v" } });
  await harness.send("PUT", `${CONFIGS}/one`, { body: { content: "v" } });
  const settings = (): readonly string[] => {
    const kinds = agent.entries().map(({ value }) => value?.kind ?? "removed");
    return kinds.filter((kind) => kind !== "key");
  };
  await agent.until(() => settings().length === 2);
  assert.deepEqual(settings().toSorted(), ["config-object", "secret"]);
  const remove = async (): Promise<Reply<Problem>> => await harness.send("DELETE", "/v1/apps/shop");
  assert.equal((await remove()).status, 204);
  for (const path of [SECRETS, CONFIGS]) {
    assert.deepEqual((await harness.send<Page<unknown>>("GET", path)).body.items, []);
  }
  await agent.until(() => settings().filter((kind) => kind === "removed").length === 2);
  assert.equal((await remove()).body.error.reason, "APP_NOT_FOUND");
});

test("a deployment does not come into force when a secret that it asks for went meanwhile", async () => {
  await using harness = await Harness.open();
  harness.agent(async (head) => {
    assert.equal((await harness.send("DELETE", `${SECRETS}/token`)).status, 204);
    return built(head);
  });
  await harness.send("PUT", `${SECRETS}/token`, { body: { value: "v" } });
  const accepted = await harness.deploy("shop", { hello: "1" }, { secrets: { TOKEN: "token" } });
  const { state, error } = await harness.ended(accepted);
  assert.deepEqual([state, error?.reason], ["failed", "SECRET_MISSING"]);
});

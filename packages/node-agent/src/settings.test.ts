import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemRandom, type AccountId } from "@skerry/base";
import type { ConfigObjectEntry, SecretEntry } from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import { sealValue } from "@skerry/secrets";
import type { SandboxRung } from "@skerry/sandbox";
import { until } from "@skerry/testkit";
import { GATEWAY, Node, rungOrSkip, type Held } from "../test/world.ts";
import type { Instances } from "./instances.ts";

const random = systemRandom();
const CANARY = "canary/4711+äöü";

const SOURCE = `
import { readFileSync, readdirSync, watch } from "node:fs";
const directory = process.env.SKERRY_CONFIG_DIR;
let seen = 0;
watch(directory, () => { seen += 1; });
export const handler = ({ name, print, spinMs }) => {
  if (print) console.log("it is " + process.env.DB_PASSWORD);
  if (print) process.stderr.write("again " + process.env.DB_PASSWORD + "\\n");
  if (spinMs) {
    const endMs = Date.now() + spinMs;
    let [reads, torn, versions] = [0, 0, new Set()];
    while (Date.now() < endMs) {
      const text = readFileSync(directory + "/" + name, "latin1");
      reads += 1;
      versions.add(text[0]);
      if (text.length !== 200_000 || text !== text[0].repeat(200_000)) torn += 1;
    }
    return { reads, torn, versions: versions.size };
  }
  if (name) return { text: readFileSync(directory + "/" + name, "utf8"), seen };
  return { names: readdirSync(directory), password: process.env.DB_PASSWORD, plain: process.env.PLAIN };
};`;

const RUNGS: readonly {
  readonly rung: SandboxRung;
  readonly options: { readonly skip?: string };
}[] = [
  { rung: "bubblewrap", options: await rungOrSkip("bubblewrap") },
  { rung: "process", options: {} },
];

for (const { rung, options } of RUNGS) {
  describe(`secrets and config objects of instances, in ${rung}`, options, () => {
    let node: Node;
    let instances: Instances;
    let ref: RevisionRef;

    before(async () => {
      node = await Node.open(rung);
      await node.secretKeys.ensure();
      node.secrets = [await secret("db-password", 1, CANARY)];
      ref = await node.revision(
        { "index.mjs": SOURCE },
        { maxInstances: 1, env: { PLAIN: "yes" }, secrets: { DB_PASSWORD: "db-password" } },
      );
      instances = node.instances();
    });
    after(() => node.close());

    const secret = async (name: string, version: number, value: string): Promise<SecretEntry> => {
      const identity = { accountId: "acct_test" as AccountId, app: "app", name };
      const named = { ...identity, id: node.ids.id("sec"), version };
      const sealed = await sealValue({ keys: node.secretKeys, random }, named, value);
      return { kind: "secret", ...named, sealed };
    };
    const object = (name: string, version: number, text: string): ConfigObjectEntry => ({
      ...{ kind: "config-object", id: node.ids.id("cfg"), accountId: "acct_test" as AccountId },
      ...{ app: "app", name, version, contentBase64: Buffer.from(text).toString("base64") },
    });
    const started = async (): Promise<Held> => {
      const outcome = await instances.start(ref, GATEWAY, "first_instance");
      assert.ok(outcome.ok, JSON.stringify(outcome));
      const held = node.heldOf(outcome.grant);
      assert.ok(held !== undefined);
      return held;
    };
    const call = async (held: Held, event: object): Promise<Record<string, unknown>> =>
      JSON.parse((await node.call(held, event)).body) as Record<string, unknown>;
    const stopped = async ({ grant }: Held): Promise<void> => {
      instances.ask(grant.instanceId, { kind: "stopAsked" });
      await until("the end", () => instances.countOf(ref.fn.id) === 0);
    };

    it("gives secrets beside the environment and keeps them out of the log", async () => {
      const held = await started();
      const { password, plain } = await call(held, { print: true });
      assert.deepEqual([password, plain], [CANARY, "yes"]);
      const lines = (): readonly string[] => node.lines.map(({ m }) => m);
      await until("both lines", () => lines().includes("again [secret]"));
      assert.ok(lines().includes("it is [secret]"), JSON.stringify(lines()));
      assert.ok(!JSON.stringify(node.lines).includes("4711"));
      await stopped(held);
    });

    it("has an instance replaced when a value changes, beyond the limit of instances", async () => {
      const held = await started();
      const { instanceId } = held.grant;
      instances.renew();
      assert.deepEqual(node.outdated, [], "nothing has changed");
      assert.deepEqual([...instances.heldBy(ref.fn.id)], [[GATEWAY, 1]]);
      const [former] = node.secrets;
      assert.ok(former !== undefined);
      node.secrets = [{ ...former, version: 7 }];
      instances.renew();
      await until("it is tried", () => node.told.some((line) => line.includes("cannot be opened")));
      assert.deepEqual(node.outdated, [], "a value that does not open replaces nothing");
      node.secrets = [await secret("db-password", 2, "another")];
      instances.renew();
      await until("it is told again", () => node.outdated.length > 1);
      assert.deepEqual(new Set(node.outdated), new Set([instanceId]));
      assert.equal(instances.heldBy(ref.fn.id).size, 0, "its place is for its replacement");
      const next = await started();
      assert.equal((await call(next, {}))["password"], "another");
      assert.equal((await call(held, {}))["password"], CANARY, "who runs keeps what it has");
      instances.ask(instanceId, { kind: "stopAsked" });
      await until("one is left", () => instances.countOf(ref.fn.id) === 1);
      const third = await instances.start(ref, GATEWAY, "all_slots_busy");
      assert.ok(!third.ok && third.refusal.kind === "limit", "the new one counts");
      await stopped(next);
    });

    it("lets instances with former values stand beside as many others, and no more", async () => {
      const former = node.secrets;
      const turn = async (value: string): Promise<void> => {
        node.secrets = [await secret("db-password", 1, value)];
      };
      const refused = async (): Promise<void> => {
        const outcome = await instances.start(ref, GATEWAY, "all_slots_busy");
        assert.ok(!outcome.ok && outcome.refusal.kind === "limit", JSON.stringify(outcome));
      };
      const first = await started();
      await turn("second");
      const second = await started();
      await turn("third");
      await refused();
      instances.ask(first.grant.instanceId, { kind: "stopAsked" });
      await until("one is left", () => instances.countOf(ref.fn.id) === 1);
      const third = await started();
      instances.ask(second.grant.instanceId, { kind: "stopAsked" });
      await until("one is left", () => instances.countOf(ref.fn.id) === 1);
      // The same of the account's memory, which functions without a bound of their own would fill.
      const many = { ...ref.revision.config, maxInstances: 10 };
      const revision = { ...ref.revision, config: many };
      const unbound = { fn: { ...ref.fn, latest: revision }, revision };
      node.quotas = { memoryMb: many.memoryMb };
      await turn("fourth");
      const fourth = await instances.start(unbound, GATEWAY, "all_slots_busy");
      assert.ok(fourth.ok, JSON.stringify(fourth));
      await turn("fifth");
      const fifth = await instances.start(unbound, GATEWAY, "all_slots_busy");
      assert.ok(!fifth.ok && fifth.refusal.kind === "limit", JSON.stringify(fifth));
      instances.ask(fourth.grant.instanceId, { kind: "stopAsked" });
      await stopped(third);
      node.quotas = {};
      node.secrets = former;
    });

    it("starts nothing without a secret that is not there, and tells the operator which", async () => {
      const former = node.secrets;
      node.secrets = [];
      const outcome = await instances.start(ref, GATEWAY, "first_instance");
      assert.ok(!outcome.ok);
      assert.doesNotMatch(JSON.stringify(outcome.refusal), /db-password/);
      assert.match(node.told.join("\n"), /cannot be opened .*db-password/);
      node.secrets = former;
    });

    it("lays config objects, renews them in place and takes them away", async () => {
      node.configs = [object("one.txt", 1, "first"), object("big.bin", 1, "x".repeat(200_000))];
      const held = await started();
      assert.deepEqual((await call(held, {}))["names"], ["big.bin", "one.txt"]);
      assert.equal((await call(held, { name: "one.txt" }))["text"], "first");
      node.configs = [object("one.txt", 2, "second"), object("two.txt", 1, "new")];
      instances.renew();
      assert.equal((await call(held, { name: "one.txt" }))["text"], "second");
      assert.deepEqual((await call(held, {}))["names"], ["one.txt", "two.txt"]);
      const seen = async (): Promise<boolean> =>
        Number((await call(held, { name: "two.txt" }))["seen"]) > 0;
      await until("fs.watch tells", seen);
      await stopped(held);
      node.configs = [];
    });

    it("shows a reader the former content or the new one, never half", async () => {
      const content = (version: number): string => `${version % 10}`.repeat(200_000);
      node.configs = [object("big.txt", 0, content(0))];
      const held = await started();
      const reading = call(held, { name: "big.txt", spinMs: 1_500 });
      let isOver = false;
      void reading.finally(() => (isOver = true));
      for (let version = 1; !isOver; version += 1) {
        node.configs = [object("big.txt", version, content(version))];
        instances.renew();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { torn, versions } = await reading;
      assert.equal(torn, 0);
      assert.ok(Number(versions) > 2, `${String(versions)} contents were seen`);
      await stopped(held);
      node.configs = [];
    });

    it("renews what rests: it reads the new content when it wakes", async () => {
      node.configs = [object("one.txt", 1, "first")];
      const held = await started();
      instances.ask(held.grant.instanceId, { kind: "restAsked" });
      node.configs = [object("one.txt", 2, "second")];
      instances.renew();
      instances.ask(held.grant.instanceId, { kind: "resumeAsked" });
      assert.equal((await call(held, { name: "one.txt" }))["text"], "second");
      await stopped(held);
    });
  });
}

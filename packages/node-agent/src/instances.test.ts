import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { GatewayId } from "@skerry/base";
import type { InstanceExit, StartRefusal } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { until } from "@skerry/testkit";
import { GATEWAY, Node, rungOrSkip, type Held } from "../test/world.ts";
import type { Instances } from "./instances.ts";
import type { RevisionRef } from "./ports.ts";

const ECHO = { "index.mjs": "export const handler = (event) => ({ echo: event });\n" };
const OTHER = "gw_other" as GatewayId;

function inNode(rung: SandboxRung, options: { readonly skip?: string }): void {
  describe(`instances on the rung ${rung}`, options, () => {
    let node: Node;
    let echo: RevisionRef;
    before(async () => {
      node = await Node.open(rung);
      echo = await node.revision(ECHO, { maxInstances: 2 });
    });
    after(() => node.close());

    /** Starts one, or fails. */
    const started = async (
      instances: Instances,
      ref: RevisionRef,
      gatewayId: GatewayId = GATEWAY,
    ): Promise<Held> => {
      const outcome = await instances.start(ref, gatewayId, "first_instance");
      assert.ok(outcome.ok, JSON.stringify(outcome));
      const held = node.held.find(({ grant }) => grant === outcome.grant);
      assert.ok(held !== undefined, "its link was handed over");
      return held;
    };
    const refused = async (instances: Instances, ref: RevisionRef): Promise<StartRefusal> => {
      const outcome = await instances.start(ref, GATEWAY, "first_instance");
      assert.ok(!outcome.ok);
      return outcome.refusal;
    };
    const ended = (instances: Instances, ref: RevisionRef): Promise<unknown> =>
      until("no instance to be left", () => instances.countOf(ref.fn.id) === 0);
    const exitOf = (held: Held): InstanceExit | undefined =>
      node.exits.find(({ instanceId }) => instanceId === held.grant.instanceId)?.exit;

    test("an instance answers over the link that was handed over, rests, resumes and stops", async () => {
      const instances = node.instances();
      const held = await started(instances, echo);
      const { instanceId } = held.grant;
      assert.equal(held.grant.startKind, "fresh");
      assert.equal(instances.ask(instanceId, { kind: "restAsked" }), true);
      const [view] = instances.list();
      assert.deepEqual([view?.state, view?.gatewayId, view?.memoryMb], ["resting", GATEWAY, 128]);
      instances.ask(instanceId, { kind: "resumeAsked" });
      const { head, body } = await node.call(held, { a: 1 });
      assert.deepEqual([head.s, JSON.parse(body)], [200, { echo: { a: 1 } }]);
      instances.ask(instanceId, { kind: "stopAsked" });
      await ended(instances, echo);
      assert.equal(exitOf(held), undefined, "who asked for it is not told");
      assert.equal(instances.ask(instanceId, { kind: "stopAsked" }), false);
      assert.deepEqual(node.leftovers(), []);
    });

    test("the limit holds for starts at once, and what ends gives its place back", async () => {
      const instances = node.instances();
      const outcomes = await Promise.all(
        Array.from({ length: 6 }, () => instances.start(echo, GATEWAY, "all_slots_busy")),
      );
      const good = outcomes.filter(({ ok }) => ok);
      assert.equal(good.length, 2);
      for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.refusal.kind, "limit");
      const [view] = instances.list();
      assert.ok(view !== undefined);
      instances.ask(view.id, { kind: "stopAsked" });
      await until("a place", () => instances.countOf(echo.fn.id) === 1);
      await started(instances, echo);
      assert.equal((await refused(instances, echo)).kind, "limit");
      await instances.close();
      assert.equal(instances.countOf(echo.fn.id), 0);
    });

    test("control: it is the limit that refused, with a larger one all six start", async () => {
      const instances = node.instances();
      const { config } = echo.revision;
      const revision = { ...echo.revision, config: { ...config, maxInstances: 6 } };
      const outcomes = await Promise.all(
        Array.from({ length: 6 }, () =>
          instances.start({ fn: echo.fn, revision }, GATEWAY, "all_slots_busy"),
        ),
      );
      assert.ok(outcomes.every(({ ok }) => ok));
      await instances.close();
    });

    test("code that fails to load is the function's failure; nothing is left and the place is free", async () => {
      const cases = [
        ["throw new TypeError('no');", "TypeError", /^no$/],
        ["process.stderr.write('bye\\n'); process.exit(4);", "Crashed", /\(code 4\)/],
        ["process.kill(process.pid, 'SIGKILL');", "Crashed", /\(SIGKILL\)/],
        ["for (;;);", "InitTimeout", /longer than 600 ms/],
      ] as const;
      for (const [code, name, message] of cases) {
        const files = {
          "index.mjs": `if (!process.env.BUILDING) { ${code} }\n${ECHO["index.mjs"]}`,
        };
        const ref = await node.revision(files, { maxInstances: 1, initTimeoutMs: 600 });
        const instances = node.instances();
        const freedBefore = node.freed.length;
        const refusal = await refused(instances, ref);
        assert.ok(refusal.kind === "init_failed", JSON.stringify(refusal));
        assert.equal(refusal.name, name);
        assert.match(refusal.message, message);
        assert.equal(instances.countOf(ref.fn.id), 0);
        assert.equal(node.freed.length, freedBefore + 1);
        assert.deepEqual([instances.size, node.leftovers()], [0, []]);
      }
    });

    test("an artefact that is gone refuses the start and frees the place", async () => {
      const instances = node.instances();
      const artefactKey = `art_${"0".repeat(64)}`;
      const ref = { fn: echo.fn, revision: { ...echo.revision, artefactKey } };
      assert.equal((await refused(instances, ref)).kind, "unavailable");
      assert.equal(instances.countOf(echo.fn.id), 0);
    });

    test("an exit is told to the gateway that holds the instance: code, signal, memory", async () => {
      const code = `
        export const handler = ({ how }) => {
          if (how === "exit") process.exit(7);
          if (how === "signal") process.kill(process.pid, "SIGKILL");
          if (how === "claim") {
            process.stderr.write("FATAL ERROR: JavaScript heap out of memory\\n");
            process.exit(1);
          }
          const all = [];
          for (;;) all.push(new Array(1e5).fill(all.length));
        };`;
      const ref = await node.revision({ "index.mjs": code }, { memoryMb: 64, maxInstances: 4 });
      const instances = node.instances();
      const exitAfter = async (how: string): Promise<InstanceExit> => {
        const held = await started(instances, ref);
        await assert.rejects(node.call(held, { how }), { reason: "LINK_CLOSED" });
        return await until(`the exit after ${how}`, () => exitOf(held));
      };
      assert.deepEqual(await exitAfter("exit"), { code: 7, signal: null, outOfMemory: false });
      const signalled = await exitAfter("signal");
      assert.deepEqual([signalled.signal, signalled.outOfMemory], ["SIGKILL", false]);
      assert.equal((await exitAfter("memory")).outOfMemory, true);
      assert.equal((await exitAfter("claim")).outOfMemory, false, "printing it is not dying of it");
      await ended(instances, ref);
      assert.ok(node.lines.some(({ s, m }) => s === "platform" && m.includes("exit code 7")));
      assert.deepEqual(node.leftovers(), []);
    });

    test("a link that cannot be handed over ends its instance and counts it out once", async () => {
      const { config } = echo.revision;
      const revision = { ...echo.revision, config: { ...config, maxInstances: 1 } };
      const ref = { fn: echo.fn, revision };
      const { handOff } = node;
      for (const diesMeanwhile of [false, true]) {
        const instances = node.instances();
        node.handOff = async (_gatewayId, grant) => {
          if (diesMeanwhile) {
            instances.ask(grant.instanceId, { kind: "stopAsked" });
            await ended(instances, ref);
          }
          throw new TypeError("no such gateway");
        };
        assert.equal((await refused(instances, ref)).kind, "unavailable");
        await ended(instances, ref);
        node.handOff = handOff;
        const outcomes = await Promise.all([1, 2].map(() => instances.start(ref, GATEWAY, "warm")));
        assert.equal(outcomes.filter(({ ok }) => ok).length, 1, "the limit is still one");
        await instances.close();
        assert.deepEqual(node.leftovers(), []);
      }
    });

    test("what a gateway that left still holds is ended, what another took over goes on", async () => {
      const instances = node.instances();
      const [left, kept] = [await started(instances, echo), await started(instances, echo)];
      instances.ask(kept.grant.instanceId, { kind: "handedOver", gatewayId: OTHER });
      instances.stopOfGateway(GATEWAY);
      await until("one to be left", () => instances.size === 1);
      assert.deepEqual(
        instances.list().map(({ id, gatewayId }) => [id, gatewayId]),
        [[kept.grant.instanceId, OTHER]],
      );
      assert.equal((await node.call(kept, 5)).body, '{"echo":5}');
      assert.equal(exitOf(left), undefined);
      await instances.close();
    });

    test("draining starts no more and ends nothing", async () => {
      const instances = node.instances();
      const held = await started(instances, echo);
      instances.drain();
      assert.equal((await refused(instances, echo)).kind, "unavailable");
      assert.equal((await node.call(held, 1)).head.s, 200);
      await instances.close();
    });

    test("closing leaves nothing: not what lives, rests, starts or waits to be used", async () => {
      const slow = `if (!process.env.BUILDING) for (;;);\n${ECHO["index.mjs"]}`;
      const hung = await node.revision({ "index.mjs": slow }, { initTimeoutMs: 60_000 });
      const instances = node.instances({ blanks: 2 });
      instances.warm("event", 128);
      const held = [await started(instances, echo), await started(instances, echo)];
      instances.ask(held[0]?.grant.instanceId ?? ("" as never), { kind: "restAsked" });
      const starting = instances.start(hung, GATEWAY, "first_instance");
      const early = instances.start(hung, GATEWAY, "first_instance");
      const pids = instances.list().map(({ pid }) => pid);
      await instances.close();
      for (const outcome of await Promise.all([starting, early])) assert.equal(outcome.ok, false);
      assert.deepEqual([instances.size, instances.countOf(hung.fn.id)], [0, 0]);
      assert.deepEqual(node.leftovers(), []);
      for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
      assert.equal((await refused(instances, echo)).kind, "unavailable");
    });

    test("a blank is used where there are any, and answers like a fresh instance", async () => {
      const instances = node.instances({ blanks: 1 });
      instances.warm("event", 128);
      const { config } = echo.revision;
      const revision = { ...echo.revision, config: { ...config, maxInstances: 200 } };
      const ref = { fn: echo.fn, revision };
      if (rung === "process") {
        assert.equal((await started(instances, ref)).grant.startKind, "fresh");
        assert.equal(node.leftovers().length, 1, "no blank is kept that nobody could use");
      } else {
        const held = await until("a blank", async () => {
          const one = await started(instances, ref);
          return one.grant.startKind === "blank" ? one : undefined;
        });
        assert.equal(held.grant.bootUs, 0);
        assert.equal((await node.call(held, "b")).body, '{"echo":"b"}');
      }
      await instances.close();
      assert.deepEqual(node.leftovers(), []);
    });
  });
}

inNode("bubblewrap", await rungOrSkip("bubblewrap"));
inNode("process", {});

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, mock, test } from "node:test";
import type { GatewayId } from "@skerry/base";
import type { InstanceExit, StartRefusal } from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import type { SandboxRung, SandboxSpec } from "@skerry/sandbox";
import { until } from "@skerry/testkit";
import { GATEWAY, Node, rungOrSkip, type Held } from "../test/world.ts";
import type { Instances } from "./instances.ts";
import { BOOT_TURNS } from "./turn-limits.ts";

const ECHO = { "index.mjs": "export const handler = (event) => ({ echo: event });\n" };
const OTHER = "gw_other" as GatewayId;

/** Forges the reply that it is loaded (stream 1), and a PARKED that nobody asked for. */
const SAYS_LOADED_AND_BREAKS_ITS_LINK = `
  const head = Buffer.from('....{"ok":true,"handlerKind":"event"}');
  head.writeUInt32LE(head.length - 4);
  const frame = (type, payload) => {
    const header = Buffer.from([payload.length, 0, 0, 0, type, 1, 0, 0, 1, 0, 0, 0]);
    return Buffer.concat([header, payload]);
  };
  const bytes = Buffer.concat([frame(3, head), frame(11, Buffer.alloc(0))]);
  process.getBuiltinModule("node:fs").writeSync(3, bytes);
`.replaceAll("\n", "");

class Starts {
  readonly rung: SandboxRung;
  #node: Node | undefined;
  #echo: RevisionRef | undefined;

  constructor(rung: SandboxRung) {
    this.rung = rung;
  }

  async open(): Promise<void> {
    this.#node = await Node.open(this.rung);
    this.#echo = await this.#node.revision(ECHO, { maxInstances: 2 });
  }

  get node(): Node {
    assert.ok(this.#node !== undefined);
    return this.#node;
  }

  /** A function of at most two instances that answers with its event. */
  get echo(): RevisionRef {
    assert.ok(this.#echo !== undefined);
    return this.#echo;
  }

  /** Starts one, or fails. */
  async started(instances: Instances, ref: RevisionRef): Promise<Held> {
    const outcome = await instances.start(ref, GATEWAY, "first_instance");
    assert.ok(outcome.ok, JSON.stringify(outcome));
    const held = this.node.heldOf(outcome.grant);
    assert.ok(held !== undefined, "its link was handed over");
    return held;
  }

  async refused(instances: Instances, ref: RevisionRef): Promise<StartRefusal> {
    const outcome = await instances.start(ref, GATEWAY, "first_instance");
    assert.ok(!outcome.ok);
    return outcome.refusal;
  }

  ended(instances: Instances, ref: RevisionRef): Promise<unknown> {
    return until("no instance to be left", () => instances.countOf(ref.fn.id) === 0);
  }

  exitOf(held: Held): InstanceExit | undefined {
    const { instanceId } = held.grant;
    return this.node.exits.find((one) => one.instanceId === instanceId)?.exit;
  }
}

/** Properties of starts and ends, by title; the same on every rung. */
const CASES: Readonly<Record<string, (c: Starts) => Promise<void>>> = {
  "an instance answers over the link that was handed over, rests, resumes and stops": async (c) => {
    const instances = c.node.instances();
    const held = await c.started(instances, c.echo);
    const { instanceId } = held.grant;
    assert.equal(held.grant.startKind, "fresh");
    assert.equal(instances.ask(instanceId, { kind: "restAsked" }), true);
    const [view] = instances.list();
    assert.deepEqual([view?.state, view?.gatewayId, view?.memoryMb], ["resting", GATEWAY, 128]);
    instances.ask(instanceId, { kind: "resumeAsked" });
    const { head, body } = await c.node.call(held, { a: 1 });
    assert.deepEqual([head.s, JSON.parse(body)], [200, { echo: { a: 1 } }]);
    instances.ask(instanceId, { kind: "stopAsked" });
    await c.ended(instances, c.echo);
    assert.equal(c.exitOf(held), undefined, "who asked for it is not told");
    assert.equal(instances.ask(instanceId, { kind: "stopAsked" }), false);
    assert.deepEqual(c.node.leftovers(), []);
  },

  "the gateway is told of an end that an operator ordered": async (c) => {
    const instances = c.node.instances();
    const held = await c.started(instances, c.echo);
    instances.ask(held.grant.instanceId, { kind: "stopAsked", by: "operator" });
    await c.ended(instances, c.echo);
    assert.equal(c.exitOf(held)?.stopped, true);
  },

  "an artefact is in use from the beginning of a start until its last instance is gone": async (
    c,
  ) => {
    const instances = c.node.instances();
    const inUse = [c.echo.revision.artefactKey];
    const starting = instances.start(c.echo, GATEWAY, "first_instance");
    assert.deepEqual(instances.artefactsInUse(), inUse);
    const outcome = await starting;
    assert.ok(outcome.ok);
    instances.keepArtefacts(new Set());
    assert.deepEqual(instances.artefactsInUse(), inUse);
    instances.ask(outcome.grant.instanceId, { kind: "stopAsked" });
    await c.ended(instances, c.echo);
    assert.deepEqual(instances.artefactsInUse(), []);
  },

  "the limit holds for starts at once, and what ends gives its place back": async (c) => {
    const instances = c.node.instances();
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => instances.start(c.echo, GATEWAY, "all_slots_busy")),
    );
    const good = outcomes.filter(({ ok }) => ok);
    assert.equal(good.length, 2);
    for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.refusal.kind, "limit");
    const [view] = instances.list();
    assert.ok(view !== undefined);
    instances.ask(view.id, { kind: "stopAsked" });
    await until("a place", () => instances.countOf(c.echo.fn.id) === 1);
    await c.started(instances, c.echo);
    assert.equal((await c.refused(instances, c.echo)).kind, "limit");
    await instances.close();
    assert.equal(instances.countOf(c.echo.fn.id), 0);
  },

  "no more boot at once than processors end soonest, and all start": async (c) => {
    const { node } = c;
    const instances = node.instances();
    const { atOncePerOwner } = BOOT_TURNS;
    const ref = await node.revision(ECHO, { maxInstances: atOncePerOwner + 3 });
    let [booting, most] = [0, 0];
    const { start } = node.sandboxes;
    const counted = mock.method(node.sandboxes, "start", async (...asked: [SandboxSpec]) => {
      most = Math.max(most, (booting += 1));
      return await start.apply(node.sandboxes, asked).finally(() => (booting -= 1));
    });
    const starts = Array.from({ length: atOncePerOwner + 3 }, () => c.started(instances, ref));
    await Promise.all(starts).finally(() => counted.mock.restore());
    assert.equal(most, atOncePerOwner);
    await instances.close();
  },

  "control: it is the limit that refused, with a larger one all six start": async (c) => {
    const instances = c.node.instances();
    const { config } = c.echo.revision;
    const revision = { ...c.echo.revision, config: { ...config, maxInstances: 6 } };
    const fn = { ...c.echo.fn, latest: revision };
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => instances.start({ fn, revision }, GATEWAY, "all_slots_busy")),
    );
    assert.ok(outcomes.every(({ ok }) => ok));
    await instances.close();
  },

  "code that fails to load is the function's failure; nothing is left and the place is free":
    async (c) => {
      const cases = [
        ["throw new TypeError('no');", "TypeError", /^no$/],
        ["process.stderr.write('bye\\n'); process.exit(4);", "Crashed", /\(code 4\)/],
        ["process.kill(process.pid, 'SIGKILL');", "Crashed", /\(SIGKILL\)/],
        ["for (;;);", "InitTimeout", /longer than 600 ms/],
        [SAYS_LOADED_AND_BREAKS_ITS_LINK, "Crashed", /the process ended/],
      ] as const;
      for (const [code, name, message] of cases) {
        const files = {
          "index.mjs": `if (!process.env.BUILDING) { ${code} }\n${ECHO["index.mjs"]}`,
        };
        const initTimeoutMs = name === "InitTimeout" ? 600 : 60_000;
        const ref = await c.node.revision(files, { maxInstances: 1, initTimeoutMs });
        const instances = c.node.instances();
        const freedBefore = c.node.freed.length;
        const refusal = await c.refused(instances, ref);
        assert.ok(refusal.kind === "init_failed", JSON.stringify(refusal));
        assert.equal(refusal.name, name);
        assert.match(refusal.message, message);
        assert.equal(instances.countOf(ref.fn.id), 0);
        assert.equal(c.node.freed.length, freedBefore + 1);
        assert.deepEqual([instances.size, c.node.leftovers()], [0, []]);
      }
    },

  "an artefact that is gone refuses the start and frees the place": async (c) => {
    const instances = c.node.instances();
    const artefactKey = `art_${"0".repeat(64)}`;
    const ref = { fn: c.echo.fn, revision: { ...c.echo.revision, artefactKey } };
    assert.equal((await c.refused(instances, ref)).kind, "unavailable");
    assert.equal(instances.countOf(c.echo.fn.id), 0);
  },

  "an exit is told to the gateway that holds the instance: code, signal, memory": async (c) => {
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
    const ref = await c.node.revision({ "index.mjs": code }, { memoryMb: 64, maxInstances: 4 });
    const instances = c.node.instances();
    const exitAfter = async (how: string): Promise<InstanceExit> => {
      const held = await c.started(instances, ref);
      await assert.rejects(c.node.call(held, { how }), { reason: "LINK_CLOSED" });
      return await until(`the exit after ${how}`, () => c.exitOf(held));
    };
    assert.deepEqual(await exitAfter("exit"), { code: 7, signal: null, outOfMemory: false });
    const signalled = await exitAfter("signal");
    assert.deepEqual([signalled.signal, signalled.outOfMemory], ["SIGKILL", false]);
    assert.equal((await exitAfter("memory")).outOfMemory, true);
    assert.equal((await exitAfter("claim")).outOfMemory, false, "printing it is not dying of it");
    await c.ended(instances, ref);
    assert.ok(c.node.lines.some(({ s, m }) => s === "platform" && m.includes("exit code 7")));
    assert.deepEqual(c.node.leftovers(), []);
  },

  "a link that cannot be handed over ends its instance and counts it out once": async (c) => {
    const { config } = c.echo.revision;
    const revision = { ...c.echo.revision, config: { ...config, maxInstances: 1 } };
    const ref = { fn: { ...c.echo.fn, latest: revision }, revision };
    const { handOff } = c.node;
    for (const diesMeanwhile of [false, true]) {
      const instances = c.node.instances();
      c.node.handOff = async (_gatewayId, grant) => {
        if (diesMeanwhile) {
          instances.ask(grant.instanceId, { kind: "stopAsked" });
          await c.ended(instances, ref);
        }
        throw new TypeError("no such gateway");
      };
      assert.equal((await c.refused(instances, ref)).kind, "unavailable");
      await c.ended(instances, ref);
      c.node.handOff = handOff;
      const outcomes = await Promise.all([1, 2].map(() => instances.start(ref, GATEWAY, "warm")));
      assert.equal(outcomes.filter(({ ok }) => ok).length, 1, "the limit is still one");
      await instances.close();
      assert.deepEqual(c.node.leftovers(), []);
    }
  },

  "a gateway that says nothing of the code, or is gone with the link, costs that start alone":
    async (c) => {
      const { fn, revision } = c.echo;
      const hasty = { ...revision, config: { ...revision.config, initTimeoutMs: 600 } };
      const { handOff } = c.node;
      for (const [name, asked, isGone] of [
        ["InitTimeout", hasty, false],
        ["Crashed", revision, true],
      ] as const) {
        const instances = c.node.instances();
        const taken: Socket[] = [];
        c.node.handOff = async (_gatewayId, _grant, socket) => {
          taken.push(socket);
          if (isGone) socket.destroy();
        };
        const refusal = await c.refused(instances, { fn, revision: asked });
        c.node.handOff = handOff;
        for (const socket of taken) socket.destroy();
        assert.ok(refusal.kind === "init_failed", JSON.stringify(refusal));
        assert.deepEqual([refusal.name, taken.length], [name, 1]);
        assert.equal(instances.countOf(fn.id), 0);
        assert.equal((await c.node.call(await c.started(instances, c.echo), 1)).head.s, 200);
        await instances.close();
        assert.deepEqual(c.node.leftovers(), []);
      }
    },

  "an instance that an operator stops while its code loads has not failed: it was stopped": async (
    c,
  ) => {
    const code = `if (!process.env.BUILDING) for (;;);\n${ECHO["index.mjs"]}`;
    const hung = await c.node.revision({ "index.mjs": code }, { initTimeoutMs: 60_000 });
    for (const by of ["operator", undefined] as const) {
      const instances = c.node.instances();
      const starting = c.refused(instances, hung);
      const view = await until("it to load", () => instances.list()[0]);
      instances.ask(view.id, { kind: "stopAsked", ...(by === undefined ? {} : { by }) });
      const refusal = await starting;
      if (by === undefined) assert.equal(refusal.kind, "init_failed", "control");
      else assert.ok(refusal.kind === "unavailable" && refusal.stopped, JSON.stringify(refusal));
      await instances.close();
    }
  },

  "what a gateway that left still holds is ended, what another took over goes on": async (c) => {
    const instances = c.node.instances();
    const [left, kept] = [await c.started(instances, c.echo), await c.started(instances, c.echo)];
    instances.ask(kept.grant.instanceId, { kind: "handedOver", gatewayId: OTHER });
    instances.stopOfGateway(GATEWAY);
    await until("one to be left", () => instances.size === 1);
    assert.deepEqual(
      instances.list().map(({ id, gatewayId }) => [id, gatewayId]),
      [[kept.grant.instanceId, OTHER]],
    );
    assert.equal((await c.node.call(kept, 5)).body, '{"echo":5}');
    assert.equal(c.exitOf(left), undefined);
    await instances.close();
  },

  "draining starts no more and ends nothing": async (c) => {
    const instances = c.node.instances();
    const held = await c.started(instances, c.echo);
    instances.drain();
    assert.equal((await c.refused(instances, c.echo)).kind, "unavailable");
    assert.equal((await c.node.call(held, 1)).head.s, 200);
    await instances.close();
  },

  "closing leaves nothing: not what lives, rests, starts or waits to be used": async (c) => {
    const slow = `if (!process.env.BUILDING) for (;;);\n${ECHO["index.mjs"]}`;
    const hung = await c.node.revision({ "index.mjs": slow }, { initTimeoutMs: 60_000 });
    const instances = c.node.instances({ blanks: 2 });
    await instances.warm(c.echo.revision);
    const held = [await c.started(instances, c.echo), await c.started(instances, c.echo)];
    instances.ask(held[0]?.grant.instanceId ?? ("" as never), { kind: "restAsked" });
    const starting = instances.start(hung, GATEWAY, "first_instance");
    const early = instances.start(hung, GATEWAY, "first_instance");
    const pids = instances.list().map(({ pid }) => pid);
    await instances.close();
    for (const outcome of await Promise.all([starting, early])) assert.equal(outcome.ok, false);
    assert.deepEqual([instances.size, instances.countOf(hung.fn.id)], [0, 0]);
    assert.deepEqual(c.node.leftovers(), []);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    assert.equal((await c.refused(instances, c.echo)).kind, "unavailable");
  },

  "a blank is used where there are any, and answers like a fresh instance": async (c) => {
    const instances = c.node.instances({ blanks: 1 });
    await instances.warm(c.echo.revision);
    const { config } = c.echo.revision;
    const revision = { ...c.echo.revision, config: { ...config, maxInstances: 200 } };
    const ref = { fn: { ...c.echo.fn, latest: revision }, revision };
    if (c.rung === "process") {
      assert.equal((await c.started(instances, ref)).grant.startKind, "fresh");
      assert.equal(c.node.leftovers().length, 1, "no blank is kept that nobody could use");
    } else {
      const held = await until("a blank", async () => {
        const one = await c.started(instances, ref);
        return one.grant.startKind === "blank" ? one : undefined;
      });
      assert.equal(held.grant.bootUs, 0);
      assert.equal((await c.node.call(held, "b")).body, '{"echo":"b"}');
    }
    await instances.close();
    assert.deepEqual(c.node.leftovers(), []);
  },
};

function inNode(rung: SandboxRung, options: { readonly skip?: string }): void {
  describe(`instances on the rung ${rung}`, options, () => {
    const starts = new Starts(rung);
    before(() => starts.open());
    after(() => starts.node.close());
    for (const [title, run] of Object.entries(CASES)) test(title, () => run(starts));
  });
}

inNode("bubblewrap", await rungOrSkip("bubblewrap"));
inNode("process", {});

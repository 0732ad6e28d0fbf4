import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "@skerry/base";
import type { ProbeReply } from "@skerry/contracts";
import { Node, rungOrSkip } from "../test/world.ts";
import { judgeLink, type LinkEvidence } from "./link-probes.ts";
import { NodeProbe } from "./node-probe.ts";

const PROBES_MIN = 40;
const TIMEOUT = { timeout: 240_000 };

function probeOf(node: Node): { readonly probe: NodeProbe; readonly buildsDirectory: string } {
  const buildsDirectory = mkdtempSync(join(node.home, "builds", "probe-"));
  chmodSync(buildsDirectory, 0o755);
  const { ids, sandboxes, runtimes } = node;
  const instances = node.instances();
  const startRuntime = instances.startForBuild.bind(instances);
  const clock = systemClock();
  return {
    probe: new NodeProbe({ clock, ids, sandboxes, runtimes, buildsDirectory, startRuntime }),
    buildsDirectory,
  };
}

function probesOf(reply: ProbeReply): Extract<ProbeReply, { ok: true }>["probes"] {
  assert.ok(reply.ok, JSON.stringify(reply));
  assert.ok(reply.probes.length >= PROBES_MIN);
  return reply.probes;
}

describe("a node tries its own walls", { ...(await rungOrSkip("bubblewrap")), ...TIMEOUT }, () => {
  let node: Node;
  before(async () => {
    node = await Node.open("bubblewrap");
  });
  after(() => node.close());

  test("in sandboxes as functions have them every promised wall holds, and nothing is left", async () => {
    const { probe, buildsDirectory } = probeOf(node);
    const probes = probesOf(await probe.run());
    assert.deepEqual(
      probes.filter(({ state }) => state === "broken"),
      [],
    );
    const own = node.sandboxes.level.uid === "own";
    assert.equal(probes.find(({ id }) => id === "kernel-uid")?.state, own ? "held" : "open");
    assert.ok(probes.some(({ area, state }) => area === "link" && state === "held"));
    assert.deepEqual(readdirSync(buildsDirectory), []);
    assert.equal(probe.underWay, 0);
  });

  test("who asks while a run is under way gets its answer, and the next one a new run", async () => {
    const { probe } = probeOf(node);
    const [first, second] = await Promise.all([probe.run(), probe.run()]);
    assert.equal(first, second);
    assert.notEqual(await probe.run(), first);
  });

  test("a node that cannot start its instances says so", async () => {
    const { ids, sandboxes, runtimes, home } = node;
    const probe = new NodeProbe({
      ...{ clock: systemClock(), ids, sandboxes, runtimes },
      buildsDirectory: join(home, "builds"),
      startRuntime: () => Promise.reject(new TypeError("no room")),
    });
    const reply = await probe.run();
    assert.ok(!reply.ok);
    assert.equal(reply.error.reason, "NODE_PROBE_FAILED");
  });
});

test("without walls nothing is tried, for it would happen to the host", TIMEOUT, async () => {
  const node = await Node.open("process");
  try {
    const { probe } = probeOf(node);
    const probes = probesOf(await probe.run());
    assert.ok(probes.every(({ state }) => state === "untried"));
  } finally {
    await node.close();
  }
});

test("each probe of the link tells when what it speaks for did not hold", () => {
  const held: LinkEvidence = {
    ...{ secondCode: false, tooMuch: false, forged: "cut off", neighbourAnswers: true },
  };
  const states = (evidence: LinkEvidence): readonly string[] =>
    judgeLink(evidence).map(({ state }) => state);
  assert.deepEqual(states(held), ["held", "held", "held"]);
  assert.deepEqual(states({ ...held, forged: "kept" }), ["broken", "held", "held"]);
  assert.deepEqual(states({ ...held, neighbourAnswers: false }), ["broken", "broken", "held"]);
  assert.deepEqual(states({ ...held, tooMuch: true }), ["held", "broken", "held"]);
  assert.deepEqual(states({ ...held, secondCode: true }), ["held", "held", "broken"]);
});

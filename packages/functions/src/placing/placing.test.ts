import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type FunctionId, type NodeId } from "@skerry/base";
import { decidePlacing, type Lease, type PlacedFunction, type PlacingNode } from "./placing.ts";

const fnId = (name: string): FunctionId => `fn_${name}` as FunctionId;
const nodeId = (name: string): NodeId => `node_${name}` as NodeId;

function node(name: string, parts: Partial<PlacingNode> = {}): PlacingNode {
  return { id: nodeId(name), available: true, held: new Map(), running: new Map(), ...parts };
}

const HELLO: PlacedFunction = { id: fnId("hello"), instancesMax: 20, provisioned: 3 };

function sumOf(placed: ReturnType<typeof decidePlacing>, id: FunctionId): number {
  let sum = 0;
  for (const leases of placed.values()) sum += leases.get(id)?.instancesMax ?? 0;
  return sum;
}

test("one node gets everything", () => {
  const placed = decidePlacing([HELLO], [node("a")]);
  assert.deepEqual(placed.get(nodeId("a"))?.get(HELLO.id), { instancesMax: 20, provisioned: 3 });
});

test("nodes share evenly, and small limits do not all fall to the same node", () => {
  const nodes = ["a", "b", "c"].map((name) => node(name));
  const singles = Array.from({ length: 60 }, (_, i) => ({
    ...{ id: fnId(`one${i}`), instancesMax: 1, provisioned: 0 },
  }));
  const placed = decidePlacing([HELLO, ...singles], nodes);
  for (const leases of placed.values()) {
    const hello = leases.get(HELLO.id)?.instancesMax ?? 0;
    assert.ok(hello === 6 || hello === 7);
    assert.ok(leases.size > 8, `${leases.size} leases`);
  }
  assert.equal(sumOf(placed, HELLO.id), 20);
  for (const { id } of singles) assert.equal(sumOf(placed, id), 1);
});

test("a second node gets its share only as the first confirms that it gave it back", () => {
  const before = new Map([[HELLO.id, { instancesMax: 20, provisioned: 3 }]]);
  const first = decidePlacing([HELLO], [node("a", { held: before }), node("b")]);
  assert.equal(first.get(nodeId("a"))?.get(HELLO.id)?.instancesMax, 10);
  assert.equal(first.get(nodeId("b"))?.get(HELLO.id), undefined);
  const confirmed = node("a", { held: first.get(nodeId("a")) ?? new Map() });
  const second = decidePlacing([HELLO], [confirmed, node("b")]);
  assert.equal(second.get(nodeId("b"))?.get(HELLO.id)?.instancesMax, 10);
});

test("what a node runs is not taken from it, and what an absent node holds is not given away", () => {
  const held = new Map([[HELLO.id, { instancesMax: 15, provisioned: 0 }]]);
  const running = new Map([[HELLO.id, 14]]);
  const busy = decidePlacing([HELLO], [node("a", { held, running }), node("b")]);
  assert.equal(busy.get(nodeId("a"))?.get(HELLO.id)?.instancesMax, 14);
  assert.equal(busy.get(nodeId("b"))?.get(HELLO.id)?.instancesMax, 5);
  const absent = decidePlacing([HELLO], [node("a", { held, available: false }), node("b")]);
  assert.equal(absent.get(nodeId("a"))?.get(HELLO.id)?.instancesMax, 15);
  assert.equal(absent.get(nodeId("b"))?.get(HELLO.id)?.instancesMax, 5);
});

test("without a node nothing is placed", () => {
  assert.equal(decidePlacing([HELLO], []).size, 0);
});

interface SimulatedNode {
  readonly id: NodeId;
  available: boolean;
  held: ReadonlyMap<FunctionId, Lease>;
}

/**
 * Nodes come, go and confirm late; returns the largest sum that ever was in force, over the limit.
 */
function largestOverrun(seed: number, decide: typeof decidePlacing): number {
  const random = seededRandom(seed);
  const int = (below: number): number => Math.floor(random.float() * below);
  const nodes: SimulatedNode[] = ["a", "b", "c", "d"].map((name) => ({
    ...{ id: nodeId(name), available: int(2) === 0, held: new Map<FunctionId, Lease>() },
  }));
  const fn = { id: HELLO.id, instancesMax: 1 + int(9), provisioned: int(3) };
  const placeable = (): PlacingNode[] => nodes.map((one) => ({ ...one, running: new Map() }));
  let overrun = 0;
  for (let turn = 0; turn < 60; turn += 1) {
    const placed = decide([fn], placeable());
    for (const one of nodes) {
      if (int(3) === 0) one.available = int(2) === 0;
      const lease = placed.get(one.id);
      if (one.available && lease !== undefined && int(2) === 0) one.held = lease;
    }
    const sum = nodes.reduce((all, { held }) => all + (held.get(fn.id)?.instancesMax ?? 0), 0);
    overrun = Math.max(overrun, sum - fn.instancesMax);
  }
  for (const one of nodes) one.available = true;
  for (let turn = 0; turn < 4; turn += 1) {
    const placed = decide([fn], placeable());
    for (const one of nodes) one.held = placed.get(one.id) ?? one.held;
  }
  const sum = sumOf(new Map(nodes.map(({ id, held }) => [id, held])), fn.id);
  assert.equal(sum, fn.instancesMax, `seed ${seed}: the limit is not used in the end`);
  return overrun;
}

test("over thousands of seeded runs the limit holds at every moment, and is used in the end", () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    assert.equal(largestOverrun(seed, decidePlacing), 0, `seed ${seed}`);
  }
});

test("a placer that does not wait for confirmations is found", () => {
  const hasty: typeof decidePlacing = (functions, nodes) =>
    decidePlacing(
      functions,
      nodes.map((one) => ({ ...one, held: new Map() })),
    );
  const seeds = Array.from({ length: 200 }, (_, i) => i + 1);
  assert.ok(seeds.some((seed) => largestOverrun(seed, hasty) > 0));
});

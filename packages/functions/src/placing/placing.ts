/**
 * The placer: splits the instance limit of each function over the nodes, as leases that agents
 * enforce and go on using when control is away. The sum of what nodes hold never passes the limit:
 * a lease that shrinks counts in full until its node has confirmed the smaller one, and only then
 * does another grow. Deciding again with newer reports converges.
 *
 * Left out: which node suits a function better. All nodes are alike so far; with one node it gets
 * everything.
 */
import type { FunctionId, NodeId } from "@skerry/base";

/** What one node may run of one function. */
export interface Lease {
  readonly instancesMax: number;
  /** Of these, kept ready at all times. */
  readonly provisioned: number;
}

export interface PlacedFunction extends Lease {
  readonly id: FunctionId;
}

export interface PlacingNode {
  readonly id: NodeId;
  /**
   * False for a node that is leaving or away: it keeps what it may be using and gets nothing new.
   */
  readonly available: boolean;
  /** The leases it has confirmed last. */
  readonly held: ReadonlyMap<FunctionId, Lease>;
  /** Instances it runs. */
  readonly running: ReadonlyMap<FunctionId, number>;
}

export type LeasesByNode = ReadonlyMap<NodeId, ReadonlyMap<FunctionId, Lease>>;

/**
 * The lease of every node for every function it holds or should hold. Pure; the order of the input
 * does not matter.
 */
export function decidePlacing(
  functions: readonly PlacedFunction[],
  nodes: readonly PlacingNode[],
): LeasesByNode {
  const placed = new Map<NodeId, Map<FunctionId, Lease>>();
  for (const { id } of nodes) placed.set(id, new Map());
  const sorted = nodes.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  for (const fn of functions) {
    for (const [nodeId, lease] of splitFunction(fn, sorted)) placed.get(nodeId)?.set(fn.id, lease);
  }
  return placed;
}

function splitFunction(
  fn: PlacedFunction,
  nodes: readonly PlacingNode[],
): readonly (readonly [NodeId, Lease])[] {
  const available = rotated(
    nodes.filter((node) => node.available),
    fn.id,
  );
  let spare = fn.instancesMax;
  for (const node of nodes) spare -= heldOf(node, fn.id);
  let away = 0;
  for (const node of nodes) if (!node.available) away += heldOf(node, fn.id);
  const shares = evenShares(Math.max(0, fn.instancesMax - away), available.length);
  const provisioned = evenShares(fn.provisioned, available.length);
  const leases: (readonly [NodeId, Lease])[] = [];
  for (const [i, node] of available.entries()) {
    const held = heldOf(node, fn.id);
    const share = shares[i] ?? 0;
    const grown = share > held ? Math.min(share - held, Math.max(0, spare)) : 0;
    spare -= grown;
    const kept = Math.min(held, Math.max(share, node.running.get(fn.id) ?? 0));
    const instancesMax = kept + grown;
    if (instancesMax === 0) continue;
    const ready = Math.min(instancesMax, provisioned[i] ?? 0);
    leases.push([node.id, { instancesMax, provisioned: ready }]);
  }
  for (const node of nodes) {
    const held = node.available ? undefined : node.held.get(fn.id);
    if (held !== undefined) leases.push([node.id, held]);
  }
  return leases;
}

function heldOf(node: PlacingNode, functionId: FunctionId): number {
  return node.held.get(functionId)?.instancesMax ?? 0;
}

/** `total` in `count` parts that differ by one at most, the larger ones first. */
function evenShares(total: number, count: number): readonly number[] {
  return Array.from(
    { length: count },
    (_, i) => Math.floor(total / count) + (i < total % count ? 1 : 0),
  );
}

/** Begins at another node for each function, so that remainders do not all fall to the first. */
function rotated(nodes: readonly PlacingNode[], functionId: string): readonly PlacingNode[] {
  let hash = 0;
  for (let i = 0; i < functionId.length; i += 1) {
    hash = (Math.imul(hash, 31) + functionId.charCodeAt(i)) >>> 0;
  }
  const first = nodes.length === 0 ? 0 : hash % nodes.length;
  return [...nodes.slice(first), ...nodes.slice(0, first)];
}

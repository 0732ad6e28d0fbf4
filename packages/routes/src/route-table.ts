/**
 * Which route takes a request. Of all that fit, in this order: the highest priority; a host before
 * a pattern of hosts, a longer pattern before a shorter one, and routes of any host last; then from
 * the left, segment by segment, text before a parameter before the rest; the very method before
 * GET for a HEAD before all methods; the place in the list. So every request has one winner.
 *
 * Hosts and the first segments lead through a tree, and a step back is taken only where a parameter
 * or a rest stands beside what was tried: the depth bounds the memory, and no node is seen twice.
 */
import { parsePathPattern, ROUTE_METHODS, type Route } from "@skerry/contracts";
import { assert } from "@skerry/base";

/** What of a route says which requests it takes. */
export type RoutePlace = Pick<Route, "host" | "path" | "methods" | "priority">;

export interface RouteRequest {
  /** As the one authority parser has it: lower case, without a port. */
  readonly host: string;
  /** As the one path parser has them. */
  readonly segments: readonly string[];
  readonly method: string;
}

export type RouteMatch<R> =
  | {
      readonly kind: "found";
      readonly route: R;
      /** Decoded values of the path's parameters; of a rest with its slashes. */
      readonly params: Readonly<Record<string, string>>;
    }
  /** Routes are here, but none for this method. Those that a client may use, OPTIONS included. */
  | { readonly kind: "method"; readonly allowed: readonly string[] }
  | { readonly kind: "missing" };

export interface RouteTable<R> {
  match(request: RouteRequest): RouteMatch<R>;
}

/** A route that no request reaches, since earlier or more exact ones take all that it would. */
export interface DuplicateProblem {
  /** Its place in the list. */
  readonly index: number;
  readonly problem: string;
}

interface Entry<R extends RoutePlace> {
  readonly route: R;
  readonly index: number;
  readonly parameters: readonly Parameter[];
}

interface Parameter {
  readonly name: string;
  readonly at: number;
  readonly isRest: boolean;
}

/** Routes of the same host and the same path but for its names. */
interface Leaf<R extends RoutePlace> {
  readonly entries: Entry<R>[];
  /** Who takes a method that one of them names. */
  readonly byMethod: Map<string, Entry<R>>;
  /** Who takes all others. */
  other: Entry<R> | undefined;
}

interface Node<R extends RoutePlace> {
  readonly texts: Map<string, Node<R>>;
  parameter: Node<R> | undefined;
  end: Leaf<R> | undefined;
  rest: Leaf<R> | undefined;
  /** Highest priority of all that is below. */
  priorityMax: number;
}

/** Throws for a path that is no pattern, which contracts refuse. */
export function compileRoutes<R extends RoutePlace>(routes: readonly R[]): RouteTable<R> {
  const byHost = new Map<string, Node<R>>();
  for (const leaf of plant(routes, byHost)) settle(leaf);
  return {
    match: (request) => {
      const roots = rootsOf(byHost, request.host);
      let best: Entry<R> | undefined;
      for (const root of roots) best = search({ node: root, depth: 0 }, request, best);
      if (best !== undefined)
        return { kind: "found", route: best.route, params: paramsOf(best, request.segments) };
      const leaves: Leaf<R>[] = [];
      for (const root of roots) gather({ node: root, depth: 0 }, request.segments, leaves);
      if (leaves.length === 0) return { kind: "missing" };
      return { kind: "method", allowed: allowedBy(leaves) };
    },
  };
}

/** Of routes that are checked each for itself. */
export function duplicateProblems(routes: readonly RoutePlace[]): readonly DuplicateProblem[] {
  const problems: DuplicateProblem[] = [];
  for (const leaf of plant(routes, new Map())) {
    settle(leaf);
    const winners = new Set([...leaf.byMethod.values(), leaf.other]);
    for (const entry of leaf.entries) {
      if (winners.has(entry)) continue;
      const by = takersOf(entry.route, leaf).map(({ index }) => index + 1);
      const others = `${by.length > 1 ? "Routes" : "Route"} ${by.join(", ")}`;
      problems.push({
        index: entry.index,
        problem: `${others} of the list ${by.length > 1 ? "take" : "takes"} all of its requests.`,
      });
    }
  }
  return problems.toSorted((a, b) => a.index - b.index);
}

function plant<R extends RoutePlace>(
  routes: readonly R[],
  byHost: Map<string, Node<R>>,
): ReadonlySet<Leaf<R>> {
  const leaves = new Set<Leaf<R>>();
  for (const [index, route] of routes.entries()) {
    const host = route.host ?? "";
    let node = byHost.get(host);
    if (node === undefined) byHost.set(host, (node = createNode()));
    const pattern = parsePathPattern(route.path);
    assert(pattern !== undefined, "a route has a path that was checked");
    const parameters: Parameter[] = [];
    node.priorityMax = Math.max(node.priorityMax, route.priority);
    let leaf: Leaf<R> | undefined;
    for (const [at, segment] of pattern.entries()) {
      const { kind } = segment;
      if (kind !== "text")
        parameters.push({ name: segment.name, at, isRest: segment.kind === "rest" });
      if (kind === "rest") leaf = node.rest ??= createLeaf();
      else {
        node = kind === "text" ? textBelow(node, segment.text) : (node.parameter ??= createNode());
        node.priorityMax = Math.max(node.priorityMax, route.priority);
      }
    }
    leaf ??= node.end ??= createLeaf();
    leaf.entries.push({ route, index, parameters });
    leaves.add(leaf);
  }
  return leaves;
}

function textBelow<R extends RoutePlace>(node: Node<R>, text: string): Node<R> {
  const known = node.texts.get(text);
  if (known !== undefined) return known;
  const made = createNode<R>();
  node.texts.set(text, made);
  return made;
}

function createNode<R extends RoutePlace>(): Node<R> {
  return {
    ...{ texts: new Map(), parameter: undefined, end: undefined, rest: undefined },
    priorityMax: -Infinity,
  };
}

function createLeaf<R extends RoutePlace>(): Leaf<R> {
  return { entries: [], byMethod: new Map(), other: undefined };
}

/** Who takes what among routes of one place. */
function settle<R extends RoutePlace>(leaf: Leaf<R>): void {
  const methods = new Set(leaf.entries.flatMap(({ route }) => route.methods ?? []));
  if (methods.has("GET")) methods.add("HEAD");
  for (const method of methods) {
    const winner = winnerOf(leaf.entries, method);
    if (winner !== undefined) leaf.byMethod.set(method, winner);
  }
  leaf.other = winnerOf(leaf.entries, undefined);
}

function winnerOf<R extends RoutePlace>(
  entries: readonly Entry<R>[],
  method: string | undefined,
): Entry<R> | undefined {
  let best: Entry<R> | undefined;
  let bestFit = 0;
  for (const entry of entries) {
    const fit = fitOf(entry.route, method);
    if (fit === 0) continue;
    const by = best === undefined ? 1 : entry.route.priority - best.route.priority || fit - bestFit;
    if (by > 0) [best, bestFit] = [entry, fit];
  }
  return best;
}

/** How exactly a route takes a method: 0 is not at all. */
function fitOf({ methods }: RoutePlace, method: string | undefined): number {
  if (methods === undefined) return 1;
  if (method === undefined) return 0;
  if (methods.some((named) => named === method)) return 3;
  return method === "HEAD" && methods.includes("GET") ? 2 : 0;
}

function takersOf<R extends RoutePlace>({ methods }: R, leaf: Leaf<R>): readonly Entry<R>[] {
  const takers = (methods ?? [undefined]).flatMap((method) => {
    const taker = method === undefined ? leaf.other : leaf.byMethod.get(method);
    return taker ?? [];
  });
  return [...new Set(takers)].toSorted((a, b) => a.index - b.index);
}

/** The trees that hold routes of a host, the most exact first. */
function rootsOf<R extends RoutePlace>(
  byHost: ReadonlyMap<string, Node<R>>,
  host: string,
): readonly Node<R>[] {
  const anywhere = byHost.get("");
  if (anywhere !== undefined && byHost.size === 1) return [anywhere];
  const roots: Node<R>[] = [];
  const exact = byHost.get(host);
  if (exact !== undefined && host !== "") roots.push(exact);
  for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
    const root = byHost.get(`*${host.slice(dot)}`);
    if (root !== undefined) roots.push(root);
  }
  if (anywhere !== undefined) roots.push(anywhere);
  return roots;
}

interface Place<R extends RoutePlace> {
  readonly node: Node<R>;
  readonly depth: number;
}

/** The better of `best` and what is below; what was found first wins among equal priorities. */
function search<R extends RoutePlace>(
  { node, depth }: Place<R>,
  request: RouteRequest,
  best: Entry<R> | undefined,
): Entry<R> | undefined {
  if (best !== undefined && node.priorityMax <= best.route.priority) return best;
  const { segments, method } = request;
  const segment = segments[depth];
  let found = best;
  if (segment === undefined) found = better(node.end, method, found);
  else {
    const text = node.texts.get(segment);
    if (text !== undefined) found = search({ node: text, depth: depth + 1 }, request, found);
    if (node.parameter !== undefined && segment !== "")
      found = search({ node: node.parameter, depth: depth + 1 }, request, found);
  }
  return better(node.rest, method, found);
}

function better<R extends RoutePlace>(
  leaf: Leaf<R> | undefined,
  method: string,
  best: Entry<R> | undefined,
): Entry<R> | undefined {
  if (leaf === undefined) return best;
  const entry = leaf.byMethod.get(method) ?? leaf.other;
  if (entry === undefined) return best;
  return best === undefined || entry.route.priority > best.route.priority ? entry : best;
}

function gather<R extends RoutePlace>(
  { node, depth }: Place<R>,
  segments: readonly string[],
  into: Leaf<R>[],
): void {
  const segment = segments[depth];
  if (segment === undefined) {
    if (node.end !== undefined) into.push(node.end);
  } else {
    const text = node.texts.get(segment);
    if (text !== undefined) gather({ node: text, depth: depth + 1 }, segments, into);
    if (node.parameter !== undefined && segment !== "")
      gather({ node: node.parameter, depth: depth + 1 }, segments, into);
  }
  if (node.rest !== undefined) into.push(node.rest);
}

function allowedBy<R extends RoutePlace>(leaves: readonly Leaf<R>[]): readonly string[] {
  const allowed = new Set(leaves.flatMap(({ byMethod }) => [...byMethod.keys()]));
  return ROUTE_METHODS.filter((method) => method === "OPTIONS" || allowed.has(method));
}

function paramsOf<R extends RoutePlace>(
  { parameters }: Entry<R>,
  segments: readonly string[],
): Readonly<Record<string, string>> {
  // Without a prototype, so that `{constructor}` is a name like any other.
  const params = Object.create(null) as Record<string, string>;
  for (const { name, at, isRest } of parameters)
    params[name] = isRest ? segments.slice(at).join("/") : (segments[at] ?? "");
  return params;
}

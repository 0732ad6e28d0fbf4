/**
 * The gateways and agents that are linked to control now, and which number of the config log each
 * has in force. A peer counts as a follower once it watches; one whose link is gone is nobody's
 * concern: it serves from what it has and catches up when it is back.
 */
import { delay, type Cancel, type Clock } from "@skerry/base";
import type { Link } from "@skerry/link";

export const PEER_ROLES = ["gateway", "agent"] as const;
export type PeerRole = (typeof PEER_ROLES)[number];

export interface Peer {
  readonly id: string;
  readonly role: PeerRole;
  /** The node of an agent, which keeps its id while agents come and go; a gateway's own id. */
  readonly nodeId: string;
  readonly build: string;
  readonly link: Link;
  /** Highest number it said is in force; undefined until it watches. */
  appliedSeq: number | undefined;
}

/** Is told who comes and who goes; a newer link of a peer comes while its older one is there. */
export interface PeerWatcher {
  readonly came: (peer: Peer) => void;
  /** It is gone, and no newer link of it is there. */
  readonly went: (peer: Peer) => void;
}

/** Stands for the agents that an earlier run of control knew. */
const EARLIER = "of an earlier run";
const DEPARTED_MAX = 1_000;

export class Peers {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Peer>();
  /** When agents that are away now were last seen; the longest gone first. */
  readonly #departed = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #watchers = new Set<PeerWatcher>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#departed.set(EARLIER, clock.monotonicMs());
  }

  /** Adds a peer. An older link of the same id is cut: its process is gone or about to be. */
  add(peer: Peer): void {
    const older = this.#byId.get(peer.id);
    this.#byId.set(peer.id, peer);
    this.#departed.delete(peer.id);
    older?.link.close("a newer link of the same peer took its place");
    this.#changed();
    for (const watcher of this.#watchers) watcher.came(peer);
  }

  remove(peer: Peer): void {
    if (this.#byId.get(peer.id) !== peer) return;
    this.#byId.delete(peer.id);
    if (peer.role === "agent") this.#noteDeparture(peer.id);
    this.#changed();
    for (const watcher of this.#watchers) watcher.went(peer);
  }

  /** Tells `watcher` of everyone who comes or goes from now on. */
  watch(watcher: PeerWatcher): Cancel {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Everything up to `seq` is in force at the peer. */
  applied(peer: Peer, seq: number): void {
    peer.appliedSeq = Math.max(peer.appliedSeq ?? 0, seq);
    this.#changed();
  }

  ofRole(role: PeerRole): readonly Peer[] {
    return [...this.#byId.values()].filter((peer) => peer.role === role);
  }

  /** Live followers of the config log. */
  consumers(): readonly {
    readonly id: string;
    readonly role: PeerRole;
    readonly appliedSeq: number;
  }[] {
    return [...this.#byId.values()].flatMap(({ id, role, appliedSeq }) =>
      appliedSeq === undefined ? [] : [{ id, role, appliedSeq }],
    );
  }

  /** Ids of live followers that do not have `seq` in force yet. */
  behind(seq: number): readonly string[] {
    return this.consumers().flatMap(({ id, appliedSeq }) => (appliedSeq < seq ? [id] : []));
  }

  /** Resolves once `condition` holds, at the latest after `deadlineMs`; whether it holds then. */
  async waitUntil(
    condition: () => boolean,
    options: { readonly clock: Clock; readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    if (condition()) return true;
    const done = new AbortController();
    const check = (): void => {
      if (condition()) done.abort();
    };
    this.#listeners.add(check);
    const signal = AbortSignal.any([done.signal, options.signal]);
    await delay(options.clock, options.deadlineMs, signal).catch(() => undefined);
    this.#listeners.delete(check);
    return condition();
  }

  /** Agents that were here within the last `withinMs`, or may have been, and are not now. */
  departed(withinMs: number): readonly string[] {
    const sinceMs = this.#clock.monotonicMs() - withinMs;
    return [...this.#departed].flatMap(([id, atMs]) => (atMs > sinceMs ? [id] : []));
  }

  #noteDeparture(id: string): void {
    this.#departed.set(id, this.#clock.monotonicMs());
    const [oldest] = this.#departed.keys();
    if (this.#departed.size > DEPARTED_MAX && oldest !== undefined) this.#departed.delete(oldest);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

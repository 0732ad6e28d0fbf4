/**
 * Control's end of the links that gateways and agents open. A peer says who it is, watches the
 * config log, and serves what control asks. Who may connect is decided by the socket file, which
 * only the platform's own user can open.
 */
import type { Socket } from "node:net";
import type { Clock, Log, PlatformError, Random } from "@skerry/base";
import type { ConsumerNote, WatchHead } from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type OpenedStream,
  type PeerHello,
  type StreamHandler,
} from "@skerry/link";
import type { ConfigLog, LinkLimits, LinkRoom } from "./ports.ts";
import type { ConfigFeed } from "./config-feed.ts";
import { ConfigWatch } from "./config-watch.ts";
import { PEER_ROLES, type Peer, type PeerRole, type Peers } from "./peers.ts";

export interface LinkServerDeps {
  readonly configLog: ConfigLog;
  readonly feed: ConfigFeed;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface LinkServerOptions {
  /** This release, told to peers. */
  readonly build: string;
  readonly limits: LinkLimits;
  /** A peer has new records in its spool. */
  readonly onSpooled: (peer: { readonly id: string; readonly role: PeerRole }) => void;
  /** Serves what peers open beside `watch`. */
  readonly room?: LinkRoom | undefined;
}

/** Serves links until `close`. */
export class LinkServer {
  readonly #deps: LinkServerDeps;
  readonly #options: LinkServerOptions;
  readonly #links = new Set<Link>();

  constructor(deps: LinkServerDeps, options: LinkServerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Takes over a connection from a peer. */
  accept(socket: Socket): void {
    const { peersMax, silenceMsMax } = this.#options.limits;
    if (this.#links.size >= peersMax) {
      this.#deps.log.warn("link refused: too many are open", { peersMax });
      socket.destroy();
      return;
    }
    const { clock } = this.#deps;
    const serving = new PeerServing(this.#deps, this.#options);
    const link: Link = new Link(
      { pipe: socketPipe(socket), clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "acceptor",
        peer: "gateway or agent",
        hello: { role: "control", build: this.#options.build },
        silenceMsMax,
        accept: (opened) => serving.accept(opened),
        onNote: (text) => serving.note(text),
        onHello: (hello) => serving.greet(link, hello),
        onClosed: (error) => {
          this.#links.delete(link);
          serving.gone(error);
        },
      },
    );
    this.#links.add(link);
  }

  close(): void {
    for (const link of [...this.#links]) link.close("control stopped");
  }
}

/** One link's peer. */
class PeerServing {
  readonly #deps: LinkServerDeps;
  readonly #options: LinkServerOptions;
  #peer: Peer | undefined;

  constructor(deps: LinkServerDeps, options: LinkServerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  greet(link: Link, { facts }: PeerHello): void {
    const { role, id, build, nodeId } = facts;
    const known = PEER_ROLES.find((each) => each === role);
    if (known === undefined || typeof id !== "string" || id === "" || id.length > 64) {
      this.#deps.log.warn("link refused: the peer did not say who it is", { facts });
      link.close("the peer did not say who it is");
      return;
    }
    this.#peer = {
      id,
      role: known,
      nodeId: typeof nodeId === "string" ? nodeId : id,
      build: String(build ?? "unknown"),
      link,
      appliedSeq: undefined,
    };
    this.#deps.log.info("peer linked", { peer: id, peerRole: known });
    this.#deps.peers.add(this.#peer);
  }

  accept(opened: OpenedStream): StreamHandler {
    const { stream, head } = opened;
    const peer = this.#peer;
    const watch = readWatchHead(head);
    if (peer === undefined || watch === undefined) {
      const served = peer && this.#options.room?.accept(peer, opened);
      if (served !== undefined) return served;
      queueMicrotask(() => stream.cancel("control does not serve this"));
      return IGNORING_STREAM;
    }
    peer.appliedSeq ??= 0;
    return new ConfigWatch(this.#deps, {
      stream,
      after: watch.after,
      pageMax: this.#options.limits.configPageMax,
      withSettings: peer.role === "agent",
      onLost: () => peer.link.close("the config log must be read anew"),
    });
  }

  note(text: string): void {
    const note = readNote(text);
    if (this.#peer === undefined || note === undefined) return;
    if (note.op === "spooled") this.#options.onSpooled(this.#peer);
    else this.#deps.peers.applied(this.#peer, note.seq);
  }

  gone(error: PlatformError): void {
    if (this.#peer === undefined) return;
    this.#deps.log.info("peer gone", { peer: this.#peer.id, reason: error.reason });
    this.#deps.peers.remove(this.#peer);
  }
}

function readWatchHead(text: string): WatchHead | undefined {
  const head = parseRecord(text);
  const after = head?.["after"];
  const isWatch = head?.["op"] === "watch" && Number.isSafeInteger(after) && Number(after) >= 0;
  return isWatch ? { op: "watch", after: Number(after) } : undefined;
}

/** Undefined for notes that this release does not know. */
function readNote(text: string): ConsumerNote | undefined {
  const note = parseRecord(text);
  if (note?.["op"] === "spooled") return { op: "spooled" };
  const seq = note?.["seq"];
  if (note?.["op"] !== "applied" || !Number.isSafeInteger(seq)) return undefined;
  return { op: "applied", seq: Number(seq) };
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

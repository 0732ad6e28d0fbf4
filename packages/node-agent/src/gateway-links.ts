/**
 * Where gateways reach the agent: a unix socket that speaks link. A gateway asks for instances and
 * says when one may rest, run or go; when it leaves, what nobody took over within a short grace is
 * ended.
 */
import { createServer, type Server, type Socket } from "node:net";
import { chmodSync, rmSync } from "node:fs";
import type { Clock, GatewayId, InstanceId, Log } from "@skerry/base";
import type {
  AgentNote,
  GatewayNote,
  InstanceExit,
  StartHead,
  StartReply,
} from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type OpenedStream,
  type StreamHandler,
} from "@skerry/link";

export interface GatewayLinksDeps {
  readonly clock: Clock;
  readonly log: Log;
  start(head: StartHead, gatewayId: GatewayId): Promise<StartReply>;
  note(note: GatewayNote, gatewayId: GatewayId): void;
  connected(gatewayId: GatewayId): void;
  /** A gateway is gone for good. */
  lost(gatewayId: GatewayId): void;
}

/** Time for another gateway to say that it took instances over. */
const HAND_OVER_GRACE_MS = 2_000;
/** For what lies in the links to be read. */
const HEARD_MS = 100;
const SILENCE_MS_MAX = 20_000;

export class GatewayLinks {
  readonly #deps: GatewayLinksDeps;
  readonly #server: Server;
  readonly #links = new Map<GatewayId, Link>();
  #isDraining = false;
  #closed = false;

  constructor(deps: GatewayLinksDeps) {
    this.#deps = deps;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens; only the platform's own user may connect. */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  }

  gateways(): readonly GatewayId[] {
    return [...this.#links.keys()];
  }

  exited(gatewayId: GatewayId, instanceId: InstanceId, exit: InstanceExit): void {
    this.#send(gatewayId, { op: "exited", instanceId, exit });
  }

  outdated(gatewayId: GatewayId, instanceIds: readonly InstanceId[]): void {
    this.#send(gatewayId, { op: "outdated", instanceIds });
  }

  /** Tells every gateway that is here or still comes. */
  announceDraining(): void {
    this.#isDraining = true;
    for (const gatewayId of this.#links.keys()) this.#send(gatewayId, { op: "draining" });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links.values()) link.close("the agent stopped");
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #send(gatewayId: GatewayId, note: AgentNote): void {
    this.#links.get(gatewayId)?.note(JSON.stringify(note));
  }

  #accept(socket: Socket): void {
    let gatewayId: GatewayId | undefined;
    const link: Link = new Link(
      {
        pipe: socketPipe(socket),
        clock: this.#deps.clock,
        text: bufferText(Buffer),
        scheduleFlush: setImmediate,
      },
      {
        side: "acceptor",
        peer: "gateway",
        hello: { role: "agent" },
        silenceMsMax: SILENCE_MS_MAX,
        onHello: ({ facts }) => {
          gatewayId = String(facts["id"]) as GatewayId;
          this.#links.set(gatewayId, link);
          if (this.#isDraining) this.#send(gatewayId, { op: "draining" });
          this.#deps.connected(gatewayId);
        },
        accept: (opened) => this.#onStart(opened, gatewayId),
        onNote: (text) => {
          if (gatewayId !== undefined) this.#deps.note(JSON.parse(text) as GatewayNote, gatewayId);
        },
        onClosed: () => {
          if (gatewayId !== undefined) this.#onClosed(gatewayId, link);
        },
      },
    );
  }

  #onStart(opened: OpenedStream, gatewayId: GatewayId | undefined): StreamHandler {
    const { stream } = opened;
    if (gatewayId !== undefined) {
      const head = JSON.parse(opened.head) as StartHead;
      void this.#deps.start(head, gatewayId).then((reply) => {
        stream.reply(JSON.stringify(reply), undefined, true);
      });
    }
    return IGNORING_STREAM;
  }

  #onClosed(gatewayId: GatewayId, link: Link): void {
    if (this.#links.get(gatewayId) !== link) return;
    this.#links.delete(gatewayId);
    if (this.#closed) return;
    this.#deps.log.info("a gateway left", { gatewayId });
    const { clock } = this.#deps;
    const decide = (): void => {
      if (!this.#links.has(gatewayId)) this.#deps.lost(gatewayId);
    };
    // Of an agent that was held up the grace is over before it has read what it was told in time.
    clock.schedule(HAND_OVER_GRACE_MS, () => void clock.schedule(HEARD_MS, decide));
  }
}

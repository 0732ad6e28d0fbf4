/**
 * One instance as its gateway sees it: the link, and the requests whose streams ended with it. The
 * gateway speaks first on the link, also when another gateway had it before.
 */
import type { Socket } from "node:net";
import type { Clock, PlatformError } from "@skerry/base";
import {
  meterIdsOf,
  type FunctionConfig,
  type InstanceExit,
  type InstanceGrant,
  type MeterIds,
  type StopReason,
} from "@skerry/contracts";
import {
  bufferText,
  Link,
  socketPipe,
  type OpenedStream,
  type SocketPipe,
  type StreamHandler,
} from "@skerry/link";

/** A request on an instance, as far as the instance's end concerns it. */
export interface Casualty {
  /** The instance ended, or was ended, before the answer was whole. */
  instanceEnded(end: InstanceEnd): void;
}

export type InstanceEnd =
  | { readonly kind: "exited"; readonly exit: InstanceExit | undefined }
  /** The gateway ended it. */
  | { readonly kind: "cut"; readonly why: string };

export interface InstanceOptions {
  readonly grant: InstanceGrant;
  readonly config: FunctionConfig | undefined;
  readonly socket: Socket;
  /** It was started for requests that wait here. */
  readonly solicited: boolean;
  readonly onClosed: (instance: Instance, error: PlatformError) => void;
  /** Takes a stream that the instance opened. */
  readonly accept: (instance: Instance, opened: OpenedStream) => StreamHandler;
}

export class Instance {
  readonly grant: InstanceGrant;
  readonly link: Link;
  readonly ids: MeterIds;
  readonly solicited: boolean;
  readonly readyMs: number;
  /** Told by the start's reply; undefined for instances that came unasked. */
  agentId: string | undefined;
  resting = false;
  /** Set before the gateway itself closes the link. */
  stopReason: StopReason | undefined;
  exit: InstanceExit | undefined;
  /** Of its revision; undefined where only a later revision is known here. */
  readonly config: FunctionConfig | undefined;
  /** Calls and connections that it has open. */
  streamsOpened = 0;
  /** Answers of its calls that it has not taken yet. */
  untakenBytes = 0;
  /** Of these, connections to the network. */
  tunnels = 0;
  /** Connections it began in the second that began at `tunnelsSinceMs`. */
  tunnelsBegun = 0;
  tunnelsSinceMs = 0;
  readonly #socket: Socket;
  readonly #pipe: SocketPipe;
  readonly #casualties: Casualty[] = [];

  constructor(clock: Clock, options: InstanceOptions) {
    this.grant = options.grant;
    this.config = options.config;
    this.solicited = options.solicited;
    this.readyMs = clock.monotonicMs();
    this.ids = meterIdsOf(options.grant);
    this.#socket = options.socket;
    this.#pipe = socketPipe(options.socket);
    this.link = new Link(
      { pipe: this.#pipe, clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "initiator",
        peer: "instance",
        hello: { role: "gateway", caller: "gateway" },
        onClosed: (error) => options.onClosed(this, error),
        accept: (opened) => options.accept(this, opened),
      },
    );
  }

  get nodeId(): InstanceGrant["nodeId"] {
    return this.grant.nodeId;
  }

  /** A stream failed because the link did; the request is settled once it is known why. */
  addCasualty(casualty: Casualty): void {
    this.#casualties.push(casualty);
  }

  get hasCasualties(): boolean {
    return this.#casualties.length > 0;
  }

  settleCasualties(end: InstanceEnd): void {
    for (const casualty of this.#casualties.splice(0)) casualty.instanceEnded(end);
  }

  /** Parks the link and lets go of the socket. Rejects when the instance does not agree. */
  async release(): Promise<Socket> {
    await this.link.park();
    this.#pipe.detach();
    return this.#socket;
  }
}

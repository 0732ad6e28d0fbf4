/**
 * One instance as its gateway sees it: the link, and the requests whose streams ended with it. The
 * gateway speaks first on the link, also when another gateway had it before.
 */
import type { AgentAddress } from "./agents.ts";
import type { Socket } from "node:net";
import type { Clock, PlatformError } from "@skerry/base";
import {
  loadedGrant,
  meterIdsOf,
  readSpecialiseReply,
  type FunctionConfig,
  type InstanceExit,
  type InstanceGrant,
  type LoadedHead,
  type MeterIds,
  type SpecialiseReply,
  type StopReason,
} from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
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
  | {
      readonly kind: "exited";
      readonly exit: InstanceExit | undefined;
      /** Its agent is leaving or away, and can say no more of it. */
      readonly withAgent?: boolean;
    }
  /** The gateway ended it. */
  | { readonly kind: "cut"; readonly why: string };

export interface InstanceOptions {
  readonly grant: InstanceGrant;
  readonly config: FunctionConfig | undefined;
  readonly socket: Socket;
  readonly onClosed: (instance: Instance, error: PlatformError) => void;
  /** Takes a stream that the instance opened. */
  readonly accept: (instance: Instance, opened: OpenedStream) => StreamHandler;
}

/** What the other requests of an instance are told when the gateway ends it. */
export const CUT_BECAUSE: Readonly<Record<StopReason, string>> = {
  idle: "stopped while idle",
  new_revision: "stopped for a new revision",
  removed: "stopped because the function was removed",
  timeout: "stopped because it did not react any more",
  broken: "stopped because it broke the rules of its link",
  draining: "stopped because the platform is stopping",
};

export class Instance {
  readonly link: Link;
  readonly ids: MeterIds;
  /** It was started for requests that wait here. */
  solicited = false;
  /** Told by its grant or the start's reply; releases before do not tell who came unasked. */
  agentId: string | undefined;
  resting = false;
  /** Its agent takes no more starts. */
  isLeaving = false;
  /** Its code runs for the last time: resolves when it is done, bounded. */
  parting: Promise<void> | undefined;
  /** Set before the gateway itself closes the link. */
  stopReason: StopReason | undefined;
  exit: InstanceExit | undefined;
  /** Of its revision; undefined where only a later revision is known here. */
  readonly config: FunctionConfig | undefined;
  /** Calls and connections that it has open. */
  streamsOpened = 0;
  /** Answers of its calls that it has not taken yet. */
  untakenBytes = 0;
  /** Payloads of calls with a key that it has left and that go on, in bytes. */
  leftBytes = 0;
  /** Of these, connections to the network. */
  tunnels = 0;
  /** Connections it began in the second that began at `tunnelsSinceMs`. */
  tunnelsBegun = 0;
  tunnelsSinceMs = 0;
  #grant: InstanceGrant;
  #readyMs: number;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #pipe: SocketPipe;
  readonly #casualties: Casualty[] = [];

  constructor(clock: Clock, options: InstanceOptions) {
    this.#grant = options.grant;
    this.config = options.config;
    this.agentId = options.grant.agentId;
    this.#clock = clock;
    this.#readyMs = clock.monotonicMs();
    this.ids = meterIdsOf(options.grant);
    this.#socket = options.socket;
    this.#pipe = socketPipe(options.socket);
    this.link = new Link(
      { pipe: this.#pipe, clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "initiator",
        peer: "instance",
        hello: { role: "gateway", caller: "gateway" },
        // Code that loads may keep it from speaking; its agent keeps the time of that.
        ...(options.grant.loading === true ? { waitsForHello: true } : {}),
        onClosed: (error) => options.onClosed(this, error),
        accept: (opened) => options.accept(this, opened),
      },
    );
  }

  get grant(): InstanceGrant {
    return this.#grant;
  }

  /** Since when it takes requests. */
  get readyMs(): number {
    return this.#readyMs;
  }

  get nodeId(): InstanceGrant["nodeId"] {
    return this.#grant.nodeId;
  }

  /**
   * For one that came `loading`: `then` runs once with what it says of its code, which its grant
   * tells from then on; never when its link ends first.
   */
  whenLoaded(then: (reply: SpecialiseReply) => void): void {
    const head: LoadedHead = { op: "loaded" };
    const onReply = (text: string): void => {
      const reply = readSpecialiseReply(parseReply(text));
      if (reply.ok) {
        this.#grant = loadedGrant(this.#grant, reply);
        this.#readyMs = this.#clock.monotonicMs();
      }
      then(reply);
    };
    this.link.open(JSON.stringify(head), { end: true }, { ...IGNORING_STREAM, onReply });
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

/** True when that agent answers for the instance, or its node's does where none is named. */
export function isUnder({ agentId, nodeId }: Instance, agent: AgentAddress): boolean {
  return agentId === undefined ? nodeId === agent.nodeId : agentId === agent.agentId;
}

/** An unreadable reply is the instance's own fault and reads as an empty one. */
function parseReply(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * Connections of functions to the network: to the named targets of `connect`, and by `egress: web`
 * to public addresses, as `dialler.ts` judges them. Each connection is logged with its request; how
 * many there are, and how fast they come, is bounded per instance, and so is what is said of those
 * that are refused.
 */
import { PlatformError, type Log } from "@skerry/base";
import {
  failReach,
  isTargetIn,
  LIMITS,
  parseTarget,
  type ConnectHead,
  type FunctionConfig,
  type FunctionEntry,
  type InstanceGrant,
  type NetworkTarget,
  type WebHead,
} from "@skerry/contracts";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import { isOddAddress } from "./addresses.ts";
import { Dialler, textOf, type DialDeps } from "./dialler.ts";
import { RefusalLog, type RefusalWords } from "./refusal-log.ts";
import { Tunnel, type TunnelEnd } from "./tunnel.ts";

export interface TunnelDeps extends DialDeps {
  readonly log: Log;
}

/** An instance as far as its connections concern it; what is counted is kept here. */
export interface TunnelHolder {
  readonly grant: Pick<InstanceGrant, "functionId" | "instanceId">;
  /** Of its revision; undefined where only a later revision is known. */
  readonly config: FunctionConfig | undefined;
  /** Streams that it has open, these among them. */
  streamsOpened: number;
  tunnels: number;
  /** Connections it began in the second that began at `tunnelsSinceMs`. */
  tunnelsBegun: number;
  tunnelsSinceMs: number;
}

export interface TunnelAsked {
  readonly head: ConnectHead | WebHead;
  readonly instance: TunnelHolder;
  readonly entry: FunctionEntry;
  /** Undefined when no request, or one of several, asked. */
  readonly requestId: string | undefined;
}

const WEB_PORTS: readonly number[] = [80, 443];
const WEB_PORT_FREE_MIN = 1_024;
const SECOND_MS = 1_000;

export class Tunnels {
  readonly #deps: TunnelDeps;
  readonly #dialler: Dialler;
  readonly #refusals: RefusalLog;
  #open = 0;

  constructor(deps: TunnelDeps) {
    this.#deps = deps;
    this.#dialler = new Dialler(deps);
    this.#refusals = new RefusalLog(deps);
  }

  /** Begins a connection for an instance. Throws why it is refused at once. */
  accept(opened: OpenedStream, asked: TunnelAsked): StreamHandler {
    const { instance, head } = asked;
    const words = { ...this.#namesOf(asked), target: head.op === "web" ? head.a : head.n };
    try {
      this.#admit(instance);
      const target = this.#targetOf(asked);
      const tunnel = new Tunnel(opened.stream, (end) => this.#ended(instance, words, end));
      tunnel.onBody(opened.body, opened.end);
      this.#open += 1;
      instance.tunnels += 1;
      instance.streamsOpened += 1;
      this.#connect(opened, tunnel, { target, words, isWeb: head.op === "web" }).catch(
        (error: unknown) => this.#refuse(opened, { instance, tunnel, words, error }),
      );
      return tunnel;
    } catch (error) {
      this.#refusals.say(instance, words, PlatformError.from(error).reason);
      throw error;
    }
  }

  #namesOf({ instance, entry, requestId, head }: TunnelAsked): Omit<RefusalWords, "target"> {
    const { functionId, instanceId } = instance.grant;
    const fn = `${entry.app}/${entry.name}`;
    return { function: fn, functionId, instanceId, requestId, by: head.op };
  }

  #admit(instance: TunnelHolder): void {
    const { tunnelsPerInstanceMax, tunnelsPerSecondMax, tunnelsMax } = LIMITS;
    const exhausted = (why: string): PlatformError => failReach("TUNNELS_EXHAUSTED", { why });
    if (instance.tunnels >= tunnelsPerInstanceMax) {
      throw exhausted(`the instance has ${tunnelsPerInstanceMax} open`);
    }
    if (this.#open >= tunnelsMax) throw exhausted(`the gateway has ${tunnelsMax} open`);
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - instance.tunnelsSinceMs >= SECOND_MS) {
      instance.tunnelsSinceMs = nowMs;
      instance.tunnelsBegun = 0;
    }
    instance.tunnelsBegun += 1;
    if (instance.tunnelsBegun > tunnelsPerSecondMax) {
      throw exhausted(`the instance began ${tunnelsPerSecondMax} within a second`);
    }
  }

  #targetOf({ head, instance, entry }: TunnelAsked): NetworkTarget {
    const config = instance.config ?? entry.latest.config;
    if (head.op === "web") return webTarget(head.a, config);
    const { connect = {} } = config;
    const target = Object.hasOwn(connect, head.n) ? parseTarget(connect[head.n] ?? "") : undefined;
    if (target === undefined) throw failReach("CONNECT_NAME_UNKNOWN", { name: head.n });
    this.#dialler.assertNameable(target);
    return target;
  }

  async #connect(opened: OpenedStream, tunnel: Tunnel, wanted: Wanted): Promise<void> {
    const { target, isWeb } = wanted;
    const dialled = await this.#dialler.dial(target, { isWeb, isOver: () => tunnel.isOver });
    if (dialled === undefined) return;
    const { socket, address } = dialled;
    if (tunnel.isOver) return void socket.destroy();
    this.#deps.log.info("a function connected", { ...wanted.words, address });
    opened.stream.reply('{"ok":true}');
    tunnel.join(socket);
  }

  #refuse({ stream }: OpenedStream, { instance, tunnel, words, error }: Refusal): void {
    if (tunnel.isOver) return;
    const refusal = PlatformError.from(error);
    this.#refusals.say(instance, words, refusal.reason);
    stream.reply(JSON.stringify({ e: refusal.toWire() }), undefined, true);
    tunnel.fail("refused");
  }

  #ended(instance: TunnelHolder, words: RefusalWords, end: TunnelEnd): void {
    this.#open -= 1;
    instance.tunnels -= 1;
    instance.streamsOpened -= 1;
    this.#deps.log.debug("a function's connection ended", { ...words, ...end });
  }
}

interface Wanted {
  readonly target: NetworkTarget;
  readonly words: RefusalWords;
  readonly isWeb: boolean;
}

interface Refusal {
  readonly instance: TunnelHolder;
  readonly tunnel: Tunnel;
  readonly words: RefusalWords;
  readonly error: unknown;
}

/** Undefined settings are those of revisions from before they were there. */
function webTarget(authority: string, config: FunctionConfig): NetworkTarget {
  if (config.egress === "none") throw failReach("EGRESS_OFF", { target: authority });
  const target = parseTarget(authority);
  if (target === undefined || isOddAddress(target.host)) {
    throw failReach("EGRESS_TARGET_INVALID", { target: authority });
  }
  const { port } = target;
  if (!WEB_PORTS.includes(port) && port < WEB_PORT_FREE_MIN) {
    throw failReach("EGRESS_PORT_FORBIDDEN", { target: textOf(target) });
  }
  const { egressAllow } = config;
  if (egressAllow !== undefined && !isTargetIn(egressAllow, target)) {
    throw failReach("EGRESS_HOST_FORBIDDEN", { target: textOf(target) });
  }
  return target;
}

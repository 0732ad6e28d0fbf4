/**
 * What instances may ask of their gateway, on streams that they open. Each is asked for by one of
 * the requests that are live on the very link it comes on; an id that is not among those is
 * refused, so that an instance can only speak for itself. The number of such streams is bounded.
 */
import type { Instance } from "@skerry/instance-links";
import { PlatformError } from "@skerry/base";
import { failReach, LIMITS } from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream, type StreamHandler } from "@skerry/link";
import { readReachHead, Tunnels, type TunnelDeps } from "@skerry/reach";
import { acceptBackground, type BackgroundDeps } from "./background.ts";
import { acceptCall, type CallDeps } from "./function-call.ts";
import { acceptPublish, type PublishDeps } from "./function-publish.ts";
import { Invocation, type InvocationOwner } from "@skerry/live-invocations";

/** Who opened a stream. */
export interface Asker {
  readonly instance: Instance;
  readonly owner: InvocationOwner;
}

export class Reach {
  readonly #deps: BackgroundDeps & CallDeps & PublishDeps;
  readonly #tunnels: Tunnels;

  constructor(deps: BackgroundDeps & CallDeps & PublishDeps & TunnelDeps) {
    this.#deps = deps;
    this.#tunnels = new Tunnels(deps);
  }

  /** Takes a stream that an instance opened. Never throws. */
  accept(opened: OpenedStream, { instance, owner }: Asker): StreamHandler {
    const head = readReachHead(opened.head);
    if (head === undefined) {
      opened.stream.cancel("a head that cannot be read");
      // Not while its frame is being dealt with.
      queueMicrotask(() => owner.broken(instance));
      return IGNORING_STREAM;
    }
    try {
      if (head.op === "unknown") throw failReach("REACH_UNKNOWN", { op: head.said });
      const streamsMax = LIMITS.streamsOpenedMax;
      if (instance.streamsOpened >= streamsMax) {
        throw failReach("REACH_STREAMS_EXHAUSTED", { streamsMax });
      }
      if (head.op === "progress") {
        liveRequest(instance, head.r).request.side?.heard(head.v);
        opened.stream.reply("{}", undefined, true);
        return IGNORING_STREAM;
      }
      if (head.op === "background") {
        const parent = liveRequest(instance, head.r);
        return acceptBackground(this.#deps, opened.stream, { parent, instance, owner });
      }
      if (head.op === "publish") {
        const parent = liveRequest(instance, head.r);
        return acceptPublish(this.#deps, opened, { head, instance, parent });
      }
      if (head.op !== "call") {
        const requestId = askerOf(instance, head.r)?.request.id;
        return this.#tunnels.accept(opened, { head, instance, requestId, entry: owner.entry });
      }
      const parent = liveRequest(instance, head.r);
      return acceptCall(this.#deps, opened, { head, instance, parent });
    } catch (error) {
      refuseStream(opened, PlatformError.from(error));
      return IGNORING_STREAM;
    }
  }
}

function liveRequest({ link }: Instance, id: string): Invocation {
  const found = link.findHandler((one) => one instanceof Invocation && one.request.id === id);
  if (found instanceof Invocation && found.isLive) return found;
  throw failReach("REACH_REQUEST_NOT_LIVE");
}

/** The request that is named, or the only one there is; a name that is wrong names none. */
function askerOf({ link }: Instance, id = ""): Invocation | undefined {
  let asker: Invocation | undefined;
  let live = 0;
  link.findHandler((one) => {
    if (!(one instanceof Invocation) || !one.isLive) return false;
    if (id === "") live += 1;
    if (id === "" || one.request.id === id) asker = one;
    return live > 1;
  });
  return live > 1 ? undefined : asker;
}

function refuseStream({ stream }: OpenedStream, error: PlatformError): void {
  stream.reply(JSON.stringify({ s: error.httpStatus, h: [], e: error.toWire() }), undefined, true);
  // What is still to come of its body is of no use.
  stream.cancel("refused");
}

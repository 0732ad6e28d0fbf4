/**
 * Work that a handler leaves for after its answer, by `waitUntil`. The instance opens one stream
 * for it while the request is live and ends it when the work is done; until then the request's slot
 * stays taken, so that the instance neither rests nor stops. What it takes after the answer is
 * bounded by the function's configuration and metered by a record of its own; what goes on for long
 * leaves interim records, too.
 */
import type { Instance } from "@skerry/instance-links";
import {
  type PlatformError,
  type Cancel,
  type Clock,
  type IdSource,
  type RequestId,
} from "@skerry/base";
import { BACKGROUND_TIMEOUT_MS, failReach, type Outcome } from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import {
  billedUsOf,
  type Background,
  type InterimRecords,
  type Invocation,
  type InvocationOwner,
  type Metered,
  type Ongoing,
  type Settled,
} from "@skerry/live-invocations";

export interface BackgroundDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly interims: Pick<InterimRecords, "add" | "delete">;
}

interface Asked {
  /** The live request whose handler leaves work. */
  readonly parent: Invocation;
  readonly instance: Instance;
  readonly owner: InvocationOwner;
}

/** Takes the stream of a live request's work. Throws when it has one already. */
export function acceptBackground(
  deps: BackgroundDeps,
  stream: LinkStream,
  asked: Asked,
): StreamHandler {
  if (asked.parent.background !== undefined) throw failReach("REACH_REQUEST_NOT_LIVE");
  const work = new Work(deps, stream, asked);
  asked.parent.background = work;
  return work;
}

const STATUS: Partial<Record<Outcome, number>> = { ok: 200, timeout: 504 };
const FAILED_STATUS = 502;

class Work implements Background, StreamHandler, Settled, Ongoing {
  readonly #deps: BackgroundDeps;
  readonly #stream: LinkStream;
  readonly #asked: Asked;
  readonly #requestId: RequestId;
  #release: (() => void) | undefined;
  #cancelTimer: Cancel = () => undefined;
  /** When its request had its answer. */
  #startMs = 0;
  #startWallMs = 0;
  #tookMs = 0;
  #isLate = false;
  #outcome: Outcome | undefined;

  constructor(deps: BackgroundDeps, stream: LinkStream, asked: Asked) {
    this.#deps = deps;
    this.#stream = stream;
    this.#asked = asked;
    this.#requestId = deps.ids.requestId();
    asked.instance.streamsOpened += 1;
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  outlive(release: () => void): void {
    const { clock, interims } = this.#deps;
    const { instance, owner } = this.#asked;
    const { backgroundTimeoutMs = BACKGROUND_TIMEOUT_MS } =
      instance.config ?? owner.entry.latest.config;
    this.#release = release;
    this.#startMs = clock.monotonicMs();
    this.#startWallMs = clock.wallMs();
    const onLate = (): void => this.#timedOut();
    this.#cancelTimer = clock.schedule(backgroundTimeoutMs, onLate, { background: true });
    interims.add(this);
  }

  giveUp(): void {
    this.#stream.cancel("timeout");
    this.#finish("timeout");
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.#stream.grant(chunk.length);
    if (!end) return;
    // Nothing is told back: the end of this side ends the stream.
    this.#stream.end();
    this.#finish("ok");
  }

  onWritable(): void {
    // Nothing is written.
  }

  onFailed(error: PlatformError): void {
    const isCancelled = error.reason === "LINK_STREAM_CANCELLED";
    this.#finish(isCancelled ? "function_error" : this.#endOfInstance());
  }

  meter(): Metered {
    return this.#metered(this.#outcome ?? "ok", this.#tookMs);
  }

  interim(): Metered {
    return this.#metered("gateway_lost", this.#deps.clock.monotonicMs() - this.#startMs);
  }

  #metered(outcome: Outcome, tookMs: number): Metered {
    const { parent, instance } = this.#asked;
    const { latest, id } = parent.entry;
    const none = { queueUs: 0, placeUs: 0, bootUs: 0, codeUs: 0, initUs: 0 };
    const anatomy = {
      ...({ coldReason: "warm", startKind: "background" } as const),
      ...{ ...none, handlerUs: tookMs * 1_000 },
    };
    const record = {
      ...anatomy,
      requestId: this.#requestId,
      functionId: id,
      revisionId: instance.grant.revisionId,
      instanceId: instance.grant.instanceId,
      outcome,
      status: STATUS[outcome] ?? FAILED_STATUS,
      memoryMb: latest.config.memoryMb,
      startWallMs: this.#startWallMs,
      bytesIn: 0,
      bytesOut: 0,
      billedUs: billedUsOf(anatomy),
    };
    return { record, ids: instance.ids, trace: undefined };
  }

  deliver(): void {
    // Nobody waits for it.
  }

  /**
   * Alone in its instance, work that does not end would meet the next request: the instance is
   * stopped. Where requests share one, the others go on.
   */
  #timedOut(): void {
    const { parent, instance, owner } = this.#asked;
    this.#isLate = true;
    this.#stream.cancel("timeout");
    if (!parent.shared) owner.interrupted(instance);
    this.#finish("timeout");
  }

  #endOfInstance(): Outcome {
    if (this.#isLate) return "timeout";
    return this.#asked.instance.stopReason === undefined ? "crashed" : "cancelled";
  }

  #finish(outcome: Outcome): void {
    if (this.isOver) return;
    this.#outcome = outcome;
    const { instance, owner } = this.#asked;
    instance.streamsOpened -= 1;
    this.#cancelTimer();
    this.#deps.interims.delete(this);
    const release = this.#release;
    if (release === undefined) return;
    this.#tookMs = this.#deps.clock.monotonicMs() - this.#startMs;
    release();
    owner.settled(this);
  }
}

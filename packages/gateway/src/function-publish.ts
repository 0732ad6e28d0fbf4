/**
 * Messages that a handler publishes to a topic of its account, by `context.publish`. The gateway
 * sees to who publishes, and that it may; control writes them down, and then they are answered. A
 * request that ends before takes nothing back: what was on its way may still be written.
 */
import type { Instance } from "@skerry/instance-links";
import { PlatformError, type Clock } from "@skerry/base";
import {
  BUS_TOPIC,
  failReach,
  LIMITS,
  type CallReplyHead,
  type PublishHead,
  type PublishPiece,
  type PublishResult,
} from "@skerry/contracts";
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";
import {
  BodyHold,
  type BodyBudget,
  noRoom,
  GatheredBody,
  type Dependant,
  type Invocation,
} from "@skerry/live-invocations";

export interface PublishDeps {
  readonly clock: Clock;
  readonly bodies: BodyBudget;
  /** Resolves when it is on disk, or refused; rejects when that is not known in time. */
  readonly publish: (
    piece: PublishPiece,
    bytes: Uint8Array,
    waitMs: number,
  ) => Promise<PublishResult>;
}

interface Asked {
  readonly head: PublishHead;
  readonly instance: Instance;
  /** The live request whose handler publishes. */
  readonly parent: Invocation;
}

/** As long as control may be away, even if the request has more time. */
const WAIT_MS_MAX = 30_000;
const JSON_TYPE = ["content-type", "application/json"] as const;

/** Takes the messages of a live request. Throws why it may not publish. */
export function acceptPublish(
  deps: PublishDeps,
  opened: OpenedStream,
  asked: Asked,
): StreamHandler {
  const { entry } = asked.parent;
  const { publish } = entry.latest.config;
  if (publish !== undefined && !publish.includes(asked.head.t)) {
    const details = { function: `${entry.app}/${entry.name}`, topic: asked.head.t };
    throw failReach("PUBLISH_FORBIDDEN", details);
  }
  const publishing = new Publishing(deps, opened, asked);
  publishing.onBody(opened.body, opened.end);
  return publishing;
}

class Publishing implements StreamHandler, Dependant {
  readonly #deps: PublishDeps;
  readonly #stream: LinkStream;
  readonly #asked: Asked;
  readonly #endMs: number;
  readonly #hold: BodyHold;
  readonly #body = new GatheredBody();
  #bytes = 0;
  #isSent = false;
  #isOver = false;

  constructor(deps: PublishDeps, opened: OpenedStream, asked: Asked) {
    const { instance, parent } = asked;
    this.#deps = deps;
    this.#stream = opened.stream;
    this.#asked = asked;
    this.#hold = new BodyHold(deps.bodies);
    const waitMs = Math.min(opened.remainingMs ?? Infinity, WAIT_MS_MAX);
    this.#endMs = Math.min(deps.clock.monotonicMs() + waitMs, parent.dueMs);
    instance.streamsOpened += 1;
    parent.attach(this);
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver || this.#isSent) return;
    this.#bytes += chunk.length;
    const bytesMax = LIMITS.topicPublishBytesMax;
    if (this.#bytes > bytesMax) {
      return this.#refuse(failReach("PUBLISH_TOO_LARGE", { topic: this.#topic, bytesMax }));
    }
    if (!this.#hold.take(chunk.length)) return this.#refuse(noRoom(this.#asked.parent.entry));
    this.#body.add(chunk);
    if (end) void this.#publish();
    else this.#stream.grant(chunk.length);
  }

  onWritable(): void {
    // The reply leaves as a whole; the stream keeps what does not go at once.
  }

  onFailed(): void {
    this.#finish();
  }

  onClosed(): void {
    this.#finish();
  }

  /** The request that publishes was answered or given up. */
  requestEnded(): void {
    this.#stream.cancel("its request ended");
    this.#finish();
  }

  get #topic(): string {
    return this.#asked.head.t;
  }

  async #publish(): Promise<void> {
    this.#isSent = true;
    const { clock, publish } = this.#deps;
    const { accountId, app, name } = this.#asked.parent.entry;
    const isEvent = this.#topic === BUS_TOPIC;
    const piece = { a: accountId, t: this.#topic, ...(isEvent ? { f: `${app}/${name}` } : {}) };
    const waitMs = Math.max(1, this.#endMs - clock.monotonicMs());
    try {
      const result = await publish(piece, this.#body.whole(), waitMs);
      if (!result.ok) throw PlatformError.fromWire(result.error);
      const messages = result.places.map(([partition, offset]) => ({ partition, offset }));
      this.#reply({ s: 200, h: JSON_TYPE }, Buffer.from(JSON.stringify({ messages })));
    } catch (error) {
      this.#refuse(PlatformError.from(error));
    } finally {
      this.#hold.release();
    }
  }

  #refuse(error: PlatformError): void {
    const told = error.audience === "user" ? error : PlatformError.from(undefined);
    this.#reply({ s: told.httpStatus, h: [], e: told.toWire() });
    this.#stream.cancel("refused");
  }

  #reply(head: CallReplyHead, body?: Uint8Array): void {
    if (!this.#isOver) this.#stream.reply(JSON.stringify(head), body, true);
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // What waits for control is held until it is told, or its time is over.
    if (!this.#isSent) this.#hold.release();
    this.#body.drop();
    this.#asked.instance.streamsOpened -= 1;
    this.#asked.parent.detach(this);
  }
}

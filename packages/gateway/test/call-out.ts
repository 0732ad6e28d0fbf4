/** How an instance double calls another function, as a runtime does. For tests only. */
import type { CallReplyHead } from "@skerry/contracts";
import type { LinkStream } from "@skerry/link";
import type { Call, InstanceDouble } from "./world.ts";

/** A call under way. */
export interface Outgoing {
  readonly stream: LinkStream;
  readonly reply: Promise<CallReplyHead>;
  /** Resolves with the whole body; rejects when the stream was cancelled. */
  readonly body: Promise<string>;
  failed: boolean;
}

/** A call to make. */
export interface Ask {
  readonly r: string;
  readonly f: string;
  /** Idempotency key. */
  readonly k?: unknown;
  readonly body?: string | Uint8Array;
  readonly remainingMs?: number;
  /** Takes the answer as it comes; default true. */
  readonly takes?: boolean;
}

/** Opens a call as a runtime does. */
export function callOut(instance: InstanceDouble, ask: Ask): Outgoing {
  const { r, f, k, body = "{}", remainingMs, takes = true } = ask;
  const replied = Promise.withResolvers<CallReplyHead>();
  const ended = Promise.withResolvers<string>();
  replied.promise.catch(() => undefined);
  ended.promise.catch(() => undefined);
  let text = "";
  const take = (chunk: Uint8Array, end: boolean): void => {
    text += Buffer.from(chunk).toString();
    if (takes) outgoing.stream.grant(chunk.length);
    if (end) ended.resolve(text);
  };
  const stream = instance.link.open(
    JSON.stringify({ op: "call", r, f, k }),
    { body: Buffer.from(body), end: true, ...(remainingMs === undefined ? {} : { remainingMs }) },
    {
      onReply: (head, chunk, end) => {
        replied.resolve(JSON.parse(head) as CallReplyHead);
        take(chunk, end);
      },
      onBody: take,
      onWritable: () => undefined,
      onFailed: (error) => {
        outgoing.failed = true;
        replied.reject(error);
        ended.reject(error);
      },
    },
  );
  const outgoing: Outgoing = {
    ...{ stream, reply: replied.promise, body: ended.promise, failed: false },
  };
  return outgoing;
}

/** The same for the live request of a call. */
export function fromCall(call: Call, ask: Omit<Ask, "r">): Outgoing {
  return callOut(call.instance, { r: call.head.id, ...ask });
}

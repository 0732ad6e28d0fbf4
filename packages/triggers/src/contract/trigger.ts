/**
 * The trigger contract: what every source of events is to the platform, be it a topic of its own, a
 * broker outside or a bucket. `conformance.ts` is what it promises, as checks that a source passes.
 *
 * A source gives out batches and hears how each ended; only then may it move on. Whatever is given
 * out and not acknowledged comes again, after a death too, under the same name where the source can
 * keep it. Retries, order of a key and giving up are the source's: whoever takes batches runs them
 * once and says how it went.
 */

export interface TriggerMessage {
  /** Unique in its source, and the same each time it comes. */
  readonly id: string;
  readonly key: string | null;
  readonly contentType: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** When it happened by its publisher's word, else when it was written. */
  readonly timeMs: number;
  /** How often it has failed before. */
  readonly failures: number;
  readonly value: Uint8Array;
}

export interface TriggerBatch {
  /** The same batch comes again under the same name: run it once. */
  readonly name: string;
  /** Messages of one key are in the order in which they were published. */
  readonly messages: readonly TriggerMessage[];
}

export type BatchEnd =
  | { readonly kind: "ok" }
  /** The others are settled, but those that follow a failed one of their key. */
  | { readonly kind: "partial"; readonly failed: readonly string[]; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string }
  /** It could not be run, by no fault of the function. */
  | { readonly kind: "unavailable" };

/** Takes batches. It is never called again before it has returned, and must not throw. */
export interface TriggerSink {
  deliver(batch: TriggerBatch): void;
}

/**
 * `settled`: it is on record, and what was settled does not come again. `stale`: the batch is not
 * this source's any more, and nothing changed; it comes again to whoever has it. `unknown`: it may
 * be on record; if not, it comes again.
 */
export type Acknowledged = "settled" | "stale" | "unknown";

/** Where a source goes on from. */
export type SeekTarget =
  | { readonly kind: "earliest" | "latest" }
  | { readonly kind: "time"; readonly timeMs: number }
  /**
   * Of sources that are read by offset, by lane: a message's id is `lane:offset`. Lanes that are
   * not named stay where they are. What is out of bounds means the oldest kept, or the end.
   */
  | { readonly kind: "offsets"; readonly offsets: Readonly<Record<string, number>> };

export interface TriggerSource {
  /** Begins to give out what is not settled. Once. */
  start(sink: TriggerSink): Promise<void>;
  /**
   * When it has resolved, no batch is given out until `resume`; those that are out can still be
   * acknowledged. Holds over restarts and for every replica.
   */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Says how a batch ended. A second time it is stale. */
  acknowledge(name: string, end: BatchEnd): Promise<Acknowledged>;
  /** Messages that are published, kept and not settled, those that are out included. */
  lag(): Promise<number>;
  /** What is out then is stale, and everything from there is given out again. */
  seek(to: SeekTarget): Promise<void>;
  /** Nothing is given out any more; what is not acknowledged is for whoever starts next. */
  stop(): Promise<void>;
}

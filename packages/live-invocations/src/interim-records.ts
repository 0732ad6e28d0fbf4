/**
 * Calls whose record comes long after their answer began: switched connections and answers in
 * parts. Now and then each leaves what is known of it, so that a gateway that is killed loses
 * seconds of its time and not the call. One timer looks over all of them, and only while there are
 * any; what began first is due first, hence a look sees those that are due and no others.
 */
import type { Cancel, Clock } from "@skerry/base";
import {
  encodeActionEntry,
  encodeInterimRecord,
  encodeTraceEntry,
  INTERIM_EVERY_MS,
  METER_RECORD_BYTES,
} from "@skerry/contracts";
import type { Metered, MeterSink } from "./meter-turn.ts";

/** A call that goes on. */
export interface Ongoing {
  /** What its record would be, had the gateway come to its end now. */
  interim(): Metered;
}

const LOOK_EVERY_MS = 250;
/**
 * A look takes a millisecond at most so. With more than ten thousand calls that go on, each leaves
 * something less often.
 */
const PER_LOOK_MAX = 256;
/** A trace, an action, and the record itself. */
const PIECES_MAX = 3;

export class InterimRecords {
  readonly #clock: Clock;
  readonly #sink: MeterSink;
  /** When each leaves something next, the first of all in front. */
  readonly #dueMs = new Map<Ongoing, number>();
  readonly #bytes = new Uint8Array(PER_LOOK_MAX * PIECES_MAX * METER_RECORD_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #isArmed = false;
  #cancel: Cancel = () => undefined;

  constructor(clock: Clock, sink: MeterSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  add(call: Ongoing): void {
    this.#dueMs.set(call, this.#clock.monotonicMs() + INTERIM_EVERY_MS);
    if (!this.#isArmed) this.#arm();
  }

  /** It has ended: its record comes after whatever it left. */
  delete(call: Ongoing): void {
    this.#dueMs.delete(call);
  }

  close(): void {
    this.#cancel();
  }

  #arm(): void {
    this.#isArmed = true;
    this.#cancel = this.#clock.schedule(LOOK_EVERY_MS, () => this.#look(), { background: true });
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    let looked = 0;
    let end = 0;
    for (const [call, dueMs] of this.#dueMs) {
      if (dueMs > nowMs || looked === PER_LOOK_MAX) break;
      looked += 1;
      this.#dueMs.delete(call);
      this.#dueMs.set(call, nowMs + INTERIM_EVERY_MS);
      end = this.#write(end, call.interim());
    }
    if (end > 0) this.#sink.append(this.#bytes.subarray(0, end));
    this.#isArmed = false;
    if (this.#dueMs.size > 0) this.#arm();
  }

  /** In the order in which the call's record has them. */
  #write(at: number, metered: Metered): number {
    let end = at;
    const { trace, action } = metered;
    if (trace !== undefined) {
      encodeTraceEntry(this.#view, end, trace);
      end += METER_RECORD_BYTES;
    }
    if (action !== undefined) {
      encodeActionEntry(this.#view, end, action);
      end += METER_RECORD_BYTES;
    }
    encodeInterimRecord(this.#view, end, metered);
    return end + METER_RECORD_BYTES;
  }
}

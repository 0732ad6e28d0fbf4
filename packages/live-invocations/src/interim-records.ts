/**
 * Calls whose record comes long after their answer began: switched connections and answers in
 * parts. Now and then each leaves what is known of it, so that a gateway that is killed loses
 * seconds of its time and not the call. One timer looks over all of them, and only while there are
 * any; what has waited longest is due first, hence a look sees those that are due and no others.
 *
 * While nobody reads what is left (control is away for long), a call leaves its first as ever and
 * others seldom: what an open connection costs of the disk meanwhile is bounded by how long it may
 * last.
 */
import type { Cancel, Clock } from "@skerry/base";
import {
  encodeActionEntry,
  encodeInterimRecord,
  encodeTraceEntry,
  INTERIM_BEHIND_EVERY_MS,
  INTERIM_EVERY_MS,
  METER_RECORD_BYTES,
} from "@skerry/contracts";
import type { Metered, MeterSink } from "./meter-turn.ts";

/** A call that goes on. */
export interface Ongoing {
  /** What its record would be, had the gateway come to its end now. */
  interim(): Metered;
}

/** Where they go; the spool writer of telemetry fits. */
export interface InterimSink extends MeterSink {
  /** Whether much lies there unread. */
  isBehind(): boolean;
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
  readonly #sink: InterimSink;
  /** Calls that have left nothing yet, and since when they go on; the oldest in front. */
  readonly #begun = new Map<Ongoing, number>();
  /** When each of the others left something; what was longest ago in front. */
  readonly #left = new Map<Ongoing, number>();
  readonly #bytes = new Uint8Array(PER_LOOK_MAX * PIECES_MAX * METER_RECORD_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #isArmed = false;
  #cancel: Cancel = () => undefined;

  constructor(clock: Clock, sink: InterimSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  add(call: Ongoing): void {
    this.#begun.set(call, this.#clock.monotonicMs());
    if (!this.#isArmed) this.#arm();
  }

  /** It has ended: its record comes after whatever it left. */
  delete(call: Ongoing): void {
    if (!this.#begun.delete(call)) this.#left.delete(call);
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
    const due = firstOf(this.#begun, nowMs - INTERIM_EVERY_MS, PER_LOOK_MAX);
    due.push(...this.#dueAgain(nowMs, PER_LOOK_MAX - due.length));
    let end = 0;
    for (const call of due) {
      this.delete(call);
      this.#left.set(call, nowMs);
      end = this.#write(end, call.interim());
    }
    if (end > 0) this.#sink.append(this.#bytes.subarray(0, end));
    this.#isArmed = false;
    if (this.#begun.size + this.#left.size > 0) this.#arm();
  }

  #dueAgain(nowMs: number, limit: number): readonly Ongoing[] {
    const due = firstOf(this.#left, nowMs - INTERIM_EVERY_MS, limit);
    if (due.length === 0 || !this.#sink.isBehind()) return due;
    return firstOf(this.#left, nowMs - INTERIM_BEHIND_EVERY_MS, limit);
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

/** The first of those in the order of their times that are no later than `untilMs`. */
function firstOf(times: ReadonlyMap<Ongoing, number>, untilMs: number, limit: number): Ongoing[] {
  const first: Ongoing[] = [];
  for (const [call, atMs] of times) {
    if (atMs > untilMs || first.length === limit) break;
    first.push(call);
  }
  return first;
}

/**
 * Answers of one turn of the event loop leave together, after their metering records were appended
 * by one write: a gateway that is killed may have recorded an answer that never left, and never the
 * other way round.
 */
import {
  encodeActionEntry,
  encodeMeterRecord,
  encodeTraceEntry,
  METER_RECORD_BYTES,
  type ActionMeterEntry,
  type MeterIds,
  type MeterRecord,
  type TraceEntry,
} from "@skerry/contracts";
import type { AliasTally } from "./alias-tally.ts";

/** Where metering records go; the spool writer of telemetry fits. */
export interface MeterSink {
  /** Appends whole records before it returns; never throws. The bytes are reused afterwards. */
  append(bytes: Uint8Array): void;
}

export interface Metered {
  readonly record: MeterRecord;
  readonly ids: MeterIds;
  /** Undefined unless the request is part of a trace that is to be kept. */
  readonly trace: TraceEntry | undefined;
  /** Set for a run of an action. */
  readonly action?: ActionMeterEntry | undefined;
  /** Of the alias that it was called by. */
  readonly alias?: AliasTally | undefined;
}

/** A request whose end is decided. */
export interface Settled {
  meter(): Metered;
  /** Sends the answer; must not throw. */
  deliver(): void;
}

const RECORDS_PER_WRITE = 256;

export class MeterTurn {
  readonly #sink: MeterSink;
  readonly #onAppended: () => void;
  readonly #bytes = new Uint8Array(RECORDS_PER_WRITE * METER_RECORD_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #flush = (): void => this.flush();
  #settled: Settled[] = [];

  constructor(sink: MeterSink, onAppended: () => void) {
    this.#sink = sink;
    this.#onAppended = onAppended;
  }

  /** Records and delivers at the end of this turn. */
  add(settled: Settled): void {
    if (this.#settled.push(settled) === 1) setImmediate(this.#flush);
  }

  flush(): void {
    const settled = this.#settled;
    if (settled.length === 0) return;
    this.#settled = [];
    let count = 0;
    for (const one of settled) {
      const metered = one.meter();
      if (metered.trace !== undefined) {
        // In front of the record, so that whoever has the record has its trace.
        encodeTraceEntry(this.#view, count * METER_RECORD_BYTES, metered.trace);
        count += 1;
        if (count === RECORDS_PER_WRITE) count = this.#append(count);
      }
      if (metered.action !== undefined) {
        // Both in one write, so that whoever reads the spool finds them together.
        if (count === RECORDS_PER_WRITE - 1) count = this.#append(count);
        encodeActionEntry(this.#view, count * METER_RECORD_BYTES, metered.action);
        count += 1;
      }
      metered.alias?.count(metered.record);
      encodeMeterRecord(this.#view, count * METER_RECORD_BYTES, metered);
      count += 1;
      if (count === RECORDS_PER_WRITE) count = this.#append(count);
    }
    if (count > 0) this.#append(count);
    for (const one of settled) one.deliver();
    this.#onAppended();
  }

  #append(count: number): number {
    this.#sink.append(this.#bytes.subarray(0, count * METER_RECORD_BYTES));
    return 0;
  }
}

/**
 * Takes in what gateways and agents have spooled: every round reads on from the kept positions,
 * commits rows and positions together and then removes what lies behind. Rounds follow quickly
 * while there is something to take and slow down when there is not.
 */
import type { Cancel, Clock, Log } from "@skerry/base";
import { LOCAL_PLACEMENT, METER_RECORD_BYTES } from "@skerry/contracts";
import type { Store } from "@skerry/store";
import {
  listSpools,
  nextPosition,
  readSpool,
  trimSpool,
  type SpoolPosition,
} from "@skerry/telemetry";
import { storeModule, type KeptPosition, type SpoolKind } from "./store-module.ts";

export interface CollectorDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Pick<Store, "call">;
}

export interface CollectorOptions {
  readonly meterSpool: string;
  readonly logSpool: string;
  /** Age at which lines and records go. */
  readonly keepMs: number;
  /** After each round that took something in. */
  readonly onTaken?: () => void;
}

const BUSY_PAUSE_MS = 20;
const IDLE_PAUSE_MS = 100;
const FAILED_PAUSE_MS = 1_000;
const LINE_FEED = 10;
const EXPIRE_EVERY_MS = 60_000;
const EXPIRE_ROWS_MAX = 5_000;
/**
 * Pauses are this many times as long as the round before: what serves requests needs the machine
 * more.
 */
const PAUSE_PER_ROUND = 4;
const KINDS: readonly SpoolKind[] = ["meter", "logs"];

interface Round {
  readonly lines: Uint8Array[];
  readonly records: Uint8Array[];
  readonly positions: KeptPosition[];
}

export class Collector {
  readonly #deps: CollectorDeps;
  readonly #options: CollectorOptions;
  #positions: Map<string, KeptPosition> | undefined;
  #cancel: Cancel = () => undefined;
  #running: Promise<boolean> | undefined;
  #expiredAtMs = 0;
  #closed = false;

  constructor(deps: CollectorDeps, options: CollectorOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#next(0);
  }

  /** Takes in all there is now; resolves true when it found something. */
  collect(): Promise<boolean> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running?.catch(() => undefined);
  }

  #next(afterMs: number): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.clock.schedule(
      afterMs,
      () => {
        const startedMs = this.#deps.clock.monotonicMs();
        this.collect().then(
          (took) => {
            const roundMs = this.#deps.clock.monotonicMs() - startedMs;
            this.#next(took ? Math.max(BUSY_PAUSE_MS, roundMs * PAUSE_PER_ROUND) : IDLE_PAUSE_MS);
          },
          (error: unknown) => {
            this.#deps.log.error("collecting failed", { error: String(error) });
            this.#next(FAILED_PAUSE_MS);
          },
        );
      },
      { background: true },
    );
  }

  async #round(): Promise<boolean> {
    const { store, clock } = this.#deps;
    const kept = await this.#keptPositions();
    const round: Round = { lines: [], records: [], positions: [] };
    const writers: { readonly kind: SpoolKind; readonly writer: string }[] = [];
    for (const kind of KINDS) {
      for (const writer of await listSpools(this.#rootOf(kind))) {
        writers.push({ kind, writer });
        await this.#read(kind, writer, round);
      }
    }
    if (round.positions.length > 0) {
      const found = { ...round, placement: LOCAL_PLACEMENT };
      const damaged = await store.call(storeModule, "take", found);
      if (damaged > 0) this.#deps.log.error("damaged meter records were skipped", { damaged });
      for (const position of round.positions) kept.set(keyOf(position), position);
      this.#options.onTaken?.();
    }
    for (const writer of writers) await this.#trim(writer.kind, writer.writer);
    await this.#expire(clock.wallMs());
    return round.positions.length > 0;
  }

  async #keptPositions(): Promise<Map<string, KeptPosition>> {
    if (this.#positions !== undefined) return this.#positions;
    const rows = await this.#deps.store.call(storeModule, "positions", null);
    this.#positions = new Map(rows.map((row) => [keyOf(row), row]));
    return this.#positions;
  }

  async #read(kind: SpoolKind, writer: string, round: Round): Promise<void> {
    const from = this.#positionOf(kind, writer);
    const batch = await readSpool(this.#rootOf(kind), from);
    if (batch === undefined) return;
    const taken = wholeBytes(kind, batch.bytes);
    if (taken > 0)
      round[kind === "logs" ? "lines" : "records"].push(batch.bytes.subarray(0, taken));
    const next = nextPosition(batch, taken);
    if (next.segment === from.segment && next.offset === from.offset) return;
    round.positions.push({ kind, ...next });
  }

  async #trim(kind: SpoolKind, writer: string): Promise<void> {
    const position = this.#positionOf(kind, writer);
    if ((await trimSpool(this.#rootOf(kind), position)) === "kept") return;
    await this.#deps.store.call(storeModule, "forgetSpool", { kind, writer });
    this.#positions?.delete(keyOf({ kind, writer }));
  }

  async #expire(wallMs: number): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#expiredAtMs < EXPIRE_EVERY_MS) return;
    this.#expiredAtMs = nowMs;
    const beforeMs = Math.round(wallMs - this.#options.keepMs);
    await this.#deps.store.call(storeModule, "expire", { beforeMs, limit: EXPIRE_ROWS_MAX });
  }

  #positionOf(kind: SpoolKind, writer: string): SpoolPosition {
    return this.#positions?.get(keyOf({ kind, writer })) ?? { writer, segment: 0, offset: 0 };
  }

  #rootOf(kind: SpoolKind): string {
    return kind === "meter" ? this.#options.meterSpool : this.#options.logSpool;
  }
}

function keyOf({ kind, writer }: { readonly kind: SpoolKind; readonly writer: string }): string {
  return `${kind}/${writer}`;
}

/** Bytes of whole records; a torn tail is left for later. */
function wholeBytes(kind: SpoolKind, bytes: Uint8Array): number {
  if (kind === "logs") return bytes.lastIndexOf(LINE_FEED) + 1;
  return bytes.length - (bytes.length % METER_RECORD_BYTES);
}

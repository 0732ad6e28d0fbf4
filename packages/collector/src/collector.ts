/**
 * Takes in what gateways and agents have spooled: every round reads on from the kept positions,
 * commits rows and positions together and then removes what lies behind. Rounds follow quickly
 * only while there is more than one of them may take: each writes the same pages of sums, positions
 * and indexes, however little it takes.
 */
import { delay, type Cancel, type Clock, type Log } from "@skerry/base";
import {
  isActionEntry,
  LIMITS,
  LOCAL_PLACEMENT,
  METER_RECORD_BYTES,
  meterEndWallMs,
} from "@skerry/contracts";
import type { Store } from "@skerry/store";
import {
  lineWallMs,
  listSpools,
  nextPosition,
  READ_BYTES_MAX,
  readSpool,
  trimSpool,
  type SpoolPosition,
} from "@skerry/telemetry";
import {
  storeModule,
  type KeptPosition,
  type SpooledPieces,
  type SpoolKind,
  type SpoolStep,
} from "./store-module.ts";

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
  /** Bytes of lines, and of records, beyond which the oldest go; no bound when absent. */
  readonly lineBytesMax?: number;
  readonly recordBytesMax?: number;
  /** After each round that took something in. */
  readonly onTaken?: () => void;
}

/** After a round that had no room for all. */
const BEHIND_PAUSE_MS = 20;
/** After any other, whether it took something or not. */
const PAUSE_MS = 100;
const FAILED_PAUSE_MS = 1_000;
const LINE_FEED = 10;
/**
 * What is younger waits for a later round: what an instance prints takes longer on its way than its
 * answer, and the lines of a request belong in front of its END.
 */
const SETTLE_MS = 250;
const EXPIRE_EVERY_MS = 60_000;
const EXPIRE_ROWS_MAX = 5_000;
const USAGE_MS = LIMITS.usageDaysMax * 24 * 3_600_000;
const NO_BOUND = Number.MAX_SAFE_INTEGER;
/**
 * Pauses are this many times as long as the round before: what serves requests needs the machine
 * more.
 */
const PAUSE_PER_ROUND = 4;
const KINDS: readonly SpoolKind[] = ["meter", "logs"];

/**
 * Bytes of one round, hence of one transaction; the spools that are left come first in the next.
 */
const ROUND_BYTES_MAX = 2 << 20;

interface SpoolName {
  readonly kind: SpoolKind;
  readonly writer: string;
}

interface Round {
  readonly lines: Uint8Array[];
  readonly records: SpooledPieces[];
  readonly steps: SpoolStep[];
  bytes: number;
  readonly nowMs: number;
}

export class Collector {
  readonly #deps: CollectorDeps;
  readonly #options: CollectorOptions;
  #positions: Map<string, KeptPosition> | undefined;
  #cancel: Cancel = () => undefined;
  #running: Promise<boolean> | undefined;
  /** When lines were last taken in; null when another may have done so. */
  #linesTakenMs: number | null = null;
  #expireAtMs = 0;
  /** Where the next round begins among the spools. */
  #turn = 0;
  /** Spools that could not be read or removed; told once each. */
  readonly #troubled = new Set<string>();
  #closed = false;
  /** The last round left something out because it was too young. */
  #isHoldingBack = false;
  /** The last round had no room for all that was old enough. */
  #isBehind = false;

  constructor(deps: CollectorDeps, options: CollectorOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#next(0);
  }

  /**
   * Takes in what there is now, but for records that ended this very moment; resolves true when it
   * found something.
   */
  collect(): Promise<boolean> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /**
   * Resolves once all that was there at the call is taken in, the youngest of it too; what goes
   * wrong is told by the round that goes wrong.
   */
  async catchUp(): Promise<void> {
    await this.#freshRound();
    if (!this.#isHoldingBack) return;
    await delay(this.#deps.clock, SETTLE_MS);
    await this.#freshRound();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running?.catch(() => undefined);
  }

  /** A round that begins after the call: one under way may have left out what is settled by now. */
  async #freshRound(): Promise<void> {
    await this.#running?.catch(() => undefined);
    if (!this.#closed) await this.collect().catch(() => undefined);
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
            const pauseMs = this.#isBehind ? BEHIND_PAUSE_MS : PAUSE_MS;
            this.#next(took ? Math.max(pauseMs, roundMs * PAUSE_PER_ROUND) : PAUSE_MS);
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
    const kept = await this.#keptPositions();
    const spools = await this.#spools();
    const nowMs = this.#deps.clock.wallMs();
    const round: Round = { lines: [], records: [], steps: [], bytes: 0, nowMs };
    let read = 0;
    this.#isHoldingBack = false;
    this.#isBehind = false;
    for (const spool of spools) {
      if (round.bytes >= ROUND_BYTES_MAX) break;
      await this.#tolerate("read", spool, () => this.#read(spool, round));
      read += 1;
    }
    if (read < spools.length) this.#isBehind = true;
    this.#turn = read === spools.length ? 0 : this.#turn + read;
    const took = round.steps.length > 0 && (await this.#take(round, kept));
    for (const spool of spools) await this.#tolerate("removed", spool, () => this.#trim(spool));
    await this.#expire(spools);
    return took;
  }

  /** All spools, beginning with those that were left out last. Records come before lines. */
  async #spools(): Promise<readonly SpoolName[]> {
    const spools: SpoolName[] = [];
    for (const kind of KINDS)
      for (const writer of await listSpools(this.#rootOf(kind))) spools.push({ kind, writer });
    const first = spools.length === 0 ? 0 : this.#turn % spools.length;
    return [...spools.slice(first), ...spools.slice(0, first)];
  }

  /** What is wrong with one spool does not hold up the others. */
  async #tolerate(
    step: "read" | "removed",
    spool: SpoolName,
    work: () => Promise<void>,
  ): Promise<void> {
    const name = `${step} ${keyOf(spool)}`;
    try {
      await work();
      this.#troubled.delete(name);
    } catch (error) {
      if (this.#troubled.has(name)) return;
      this.#troubled.add(name);
      this.#deps.log.error(`a spool cannot be ${step}`, { ...spool, error: String(error) });
    }
  }

  async #take(round: Round, kept: Map<string, KeptPosition>): Promise<boolean> {
    const { lines, records, steps } = round;
    const sinceMs = this.#linesTakenMs;
    const wallMs = Math.round(round.nowMs);
    const found = { lines, records, steps, placement: LOCAL_PLACEMENT, sinceMs, wallMs };
    // Whether an answer is lost or negative: the store knows how far it has come, this does not.
    this.#positions = undefined;
    this.#linesTakenMs = null;
    const taken = await this.#deps.store.call(storeModule, "take", found);
    if (taken.kind === "stale") return false;
    if (taken.damaged > 0)
      this.#deps.log.error("damaged records were skipped", { damaged: taken.damaged });
    for (const { kind, to } of steps) kept.set(keyOf({ kind, ...to }), { kind, ...to });
    this.#positions = kept;
    this.#linesTakenMs = round.nowMs;
    this.#options.onTaken?.();
    return true;
  }

  async #keptPositions(): Promise<Map<string, KeptPosition>> {
    if (this.#positions !== undefined) return this.#positions;
    const rows = await this.#deps.store.call(storeModule, "positions", null);
    this.#positions = new Map(rows.map((row) => [keyOf(row), row]));
    return this.#positions;
  }

  /**
   * Lines are read to their end, as far as the round has room, because they belong before the END
   * of the records that were read first. What cannot be read leaves the spool out of the round.
   */
  async #read({ kind, writer }: SpoolName, round: Round): Promise<void> {
    const parts: Part[] = [];
    const from = this.#positionOf(kind, writer);
    let at: SpoolPosition = from;
    let bytes = 0;
    let isMore: boolean;
    do {
      isMore = false;
      const batch = await readSpool(this.#rootOf(kind), at);
      if (batch === undefined) break;
      const whole = batch.bytes.subarray(0, wholeBytes(kind, batch.bytes));
      const next = nextPosition(batch, whole.length);
      if (isSame(next, at)) break;
      parts.push({ from: at, bytes: whole, next });
      bytes += whole.length;
      at = next;
      isMore = batch.last || batch.bytes.length === READ_BYTES_MAX;
    } while (kind === "logs" && round.bytes + bytes < ROUND_BYTES_MAX);
    const to = dropYoung(kind, parts, round.nowMs) ?? from;
    if (!isSame(to, at)) this.#isHoldingBack = true;
    else if (isMore) this.#isBehind = true;
    if (isSame(from, to)) return;
    if (kind === "logs") round.lines.push(...parts.map((part) => part.bytes));
    else round.records.push(...parts.map((part) => ({ writer, bytes: part.bytes })));
    round.bytes += bytes;
    round.steps.push({ kind, from, to });
  }

  async #trim({ kind, writer }: SpoolName): Promise<void> {
    const position = this.#positions?.get(keyOf({ kind, writer }));
    if (this.#positions === undefined) return;
    const read = position ?? { writer, segment: 0, offset: 0 };
    const beforeRemoval = (): Promise<void> => this.#endSpool(kind, writer);
    if ((await trimSpool(this.#rootOf(kind), read, beforeRemoval)) === "kept") return;
    await this.#deps.store.call(storeModule, "forgetSpool", { kind, writer });
    this.#positions.delete(keyOf({ kind, writer }));
  }

  /** No record comes any more of the calls that a gateway which is gone had not ended. */
  async #endSpool(kind: SpoolKind, writer: string): Promise<void> {
    if (kind !== "meter") return;
    const { clock, store } = this.#deps;
    for (;;) {
      const args = { writer, placement: LOCAL_PLACEMENT, wallMs: Math.round(clock.wallMs()) };
      const { ended, isMore } = await store.call(storeModule, "endSpool", args);
      if (ended > 0) this.#options.onTaken?.();
      if (!isMore) return;
    }
  }

  async #expire(spools: readonly SpoolName[]): Promise<void> {
    const { clock, store } = this.#deps;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#expireAtMs) return;
    const { keepMs, lineBytesMax = NO_BOUND, recordBytesMax = NO_BOUND } = this.#options;
    const wallMs = Math.round(clock.wallMs());
    const beforeMs = Math.round(wallMs - keepMs);
    const usageBeforeMs = wallMs - USAGE_MS;
    const meterSpools = spools.filter(({ kind }) => kind === "meter").map(({ writer }) => writer);
    const sizes = { lineBytesMax, recordBytesMax, limit: EXPIRE_ROWS_MAX };
    const retention = { wallMs, beforeMs, usageBeforeMs, meterSpools, ...sizes };
    const isMore = await store.call(storeModule, "sweepTelemetry", retention);
    if (!isMore) this.#expireAtMs = nowMs + EXPIRE_EVERY_MS;
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

function isSame(a: SpoolPosition, b: SpoolPosition): boolean {
  return a.segment === b.segment && a.offset === b.offset;
}

/** Bytes of whole records; a torn tail is left for later. */
function wholeBytes(kind: SpoolKind, bytes: Uint8Array): number {
  if (kind === "logs") return bytes.lastIndexOf(LINE_FEED) + 1;
  return bytes.length - (bytes.length % METER_RECORD_BYTES);
}

/** Whole records that were read from one place of a spool. */
interface Part {
  readonly from: SpoolPosition;
  readonly next: SpoolPosition;
  bytes: Uint8Array;
}

/** Cuts off the end that is too young, and says how far the rest leads. */
function dropYoung(kind: SpoolKind, parts: Part[], nowMs: number): SpoolPosition | undefined {
  for (let last = parts.at(-1); last !== undefined; last = parts.at(-1)) {
    const settled = settledBytes(kind, last.bytes, nowMs);
    if (settled === last.bytes.length) return last.next;
    last.bytes = last.bytes.subarray(0, settled);
    if (settled > 0) return { ...last.from, offset: last.from.offset + settled };
    parts.pop();
  }
  return undefined;
}

/** Bytes of what is not too young. By a clock that was set meanwhile nothing waits longer. */
function settledBytes(kind: SpoolKind, whole: Uint8Array, nowMs: number): number {
  let settled = whole.length;
  while (settled > 0) {
    const last = kind === "meter" ? settled - METER_RECORD_BYTES : startOfLine(whole, settled);
    const atMs = kind === "meter" ? meterEndWallMs(whole, last) : lineWallMs(whole, last);
    if (!(Math.abs(nowMs - atMs) < SETTLE_MS)) break;
    settled = last;
  }
  // What stands in front of a record goes with it.
  const isSplit = kind === "meter" && settled > 0 && settled < whole.length;
  const before = settled - METER_RECORD_BYTES;
  return isSplit && isActionEntry(whole, before) ? before : settled;
}

function startOfLine(lines: Uint8Array, end: number): number {
  return end < 2 ? 0 : lines.lastIndexOf(LINE_FEED, end - 2) + 1;
}

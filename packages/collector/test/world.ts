/** A real store and real spools in a temporary directory, with faults where a crash could fall. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  createIdSource,
  createLog,
  seededRandom,
  silentLog,
  systemClock,
  systemRandom,
  type Clock,
  type FunctionId,
  type IdSource,
  type InstanceId,
  type RevisionId,
} from "@skerry/base";
import type { LogLineResource } from "@skerry/api-schema";
import {
  encodeMeterRecord,
  METER_RECORD_BYTES,
  meterIdsOf,
  type MeterRecord,
  type SpooledLogLine,
} from "@skerry/contracts";
import { openPostgresStore, openSqliteStoreHere, type Store } from "@skerry/store";
import { openSpoolWriter, type SpoolWriter } from "@skerry/telemetry";
import { HandClock } from "@skerry/testkit";
import { Collector } from "../src/collector.ts";
import { TelemetryQueries } from "../src/queries.ts";
import { storeModule, storeModuleUrl, type SpoolKind } from "../src/store-module.ts";

export const UNSAFE_MODULE = new URL("./unsafe-module.ts", import.meta.url).href;

/** What happens to the next call of one kind: lost on its way to the store, or its answer is. */
export type Fault = "none" | "before-commit" | "after-commit";

export class World {
  readonly root = mkdtempSync(join(tmpdir(), "skerry-collector-"));
  readonly clock = new HandClock();
  readonly ids: IdSource;
  readonly told: string[] = [];
  /** What collectors waited for, one after the other: the next of their rounds above all. */
  readonly pausesMs: number[] = [];
  readonly functionId: FunctionId;
  readonly revisionId: RevisionId;
  readonly instanceId: InstanceId;
  fault: Fault = "none";
  endFault: Fault = "none";
  /** What each `take` waits for before it reaches the store. */
  beforeTake: () => Promise<void> = () => Promise.resolve();
  /** How far the collector's wall clock is ahead, so that what just ended is long over for it. */
  aheadMs = 1_000;
  keepMs = 86_400_000;
  lineBytesMax = Number.MAX_SAFE_INTEGER;
  recordBytesMax = Number.MAX_SAFE_INTEGER;
  #store: Store | undefined;
  readonly #collectors: Collector[] = [];
  readonly #writers = new Set<SpoolWriter>();

  private constructor(seed: number) {
    this.ids = createIdSource({ clock: this.clock, random: seededRandom(seed) });
    this.functionId = this.ids.id("fn");
    this.revisionId = this.ids.id("rev");
    this.instanceId = this.ids.id("inst");
  }

  static async open(
    t: TestContext,
    options: { seed?: number; module?: string; databaseUrl?: string } = {},
  ): Promise<World> {
    const world = new World(options.seed ?? 1);
    const modules = [{ module: storeModule, url: options.module ?? storeModuleUrl }];
    const deps = { clock: systemClock(), log: silentLog(), random: systemRandom() };
    const { databaseUrl: url } = options;
    world.#store =
      url === undefined
        ? await openSqliteStoreHere(deps, { directory: join(world.root, "state"), modules })
        : await openPostgresStore(deps, { url, modules, poolMax: 2 });
    t.after(() => world.#close());
    return world;
  }

  get store(): Store {
    if (this.#store === undefined) throw new TypeError("the world is not open");
    return this.#store;
  }

  spoolRoot(kind: SpoolKind): string {
    return join(this.root, kind);
  }

  writer(kind: SpoolKind, name: string, segmentBytesMax = 4_096): SpoolWriter {
    const directory = join(this.spoolRoot(kind), name);
    const writer = openSpoolWriter(
      { clock: this.clock, log: silentLog() },
      { directory, pid: process.pid, segmentBytesMax },
    );
    this.#writers.add(writer);
    return writer;
  }

  #faultOf(name: string): Fault {
    const isEnd = name === "endSpool";
    if (!isEnd && name !== "take") return "none";
    const fault = isEnd ? this.endFault : this.fault;
    if (isEnd) this.endFault = "none";
    else this.fault = "none";
    return fault;
  }

  /** A collector as a process that has just started has it. Its own timers stand still. */
  collector(onTaken: () => void = () => undefined): Collector {
    const call: Store["call"] = async (module, name, args) => {
      const fault = this.#faultOf(name);
      if (name === "take") await this.beforeTake();
      if (fault === "before-commit") throw new TypeError("lost before the commit");
      const result = await this.store.call(module, name, args);
      if (fault === "after-commit") throw new TypeError("lost after the commit");
      return result;
    };
    const { keepMs, lineBytesMax, recordBytesMax } = this;
    const clock: Clock = {
      monotonicMs: () => this.clock.monotonicMs(),
      wallMs: () => this.clock.wallMs() + this.aheadMs,
      schedule: (delayMs, run) => {
        this.pausesMs.push(delayMs);
        return this.clock.schedule(delayMs, run);
      },
    };
    const log = createLog((level, message) => this.told.push(`${level} ${message}`));
    const meterSpool = this.spoolRoot("meter");
    const logSpool = this.spoolRoot("logs");
    const collector = new Collector(
      { clock, log, store: { call } },
      { meterSpool, logSpool, keepMs, lineBytesMax, recordBytesMax, onTaken },
    );
    this.#collectors.push(collector);
    return collector;
  }

  /** Reads what is there, unless a collector is to catch up first. */
  queries(catchUp: () => Promise<void> = () => Promise.resolve()): TelemetryQueries {
    return new TelemetryQueries({ store: this.store, catchUp });
  }

  record(over: Partial<MeterRecord> = {}): MeterRecord {
    return {
      requestId: this.ids.requestId(),
      functionId: this.functionId,
      revisionId: this.revisionId,
      instanceId: this.instanceId,
      outcome: "ok",
      coldReason: "warm",
      startKind: "warm",
      status: 200,
      memoryMb: 128,
      startWallMs: this.clock.wallMs(),
      queueUs: 0,
      placeUs: 0,
      bootUs: 0,
      codeUs: 0,
      initUs: 0,
      handlerUs: 1_000,
      bytesIn: 0,
      bytesOut: 0,
      billedUs: 1_000,
      ...over,
    };
  }

  line(text: string, over: Partial<SpooledLogLine> = {}): Uint8Array {
    const line: SpooledLogLine = {
      t: this.clock.wallMs(),
      l: "info",
      s: "console",
      f: this.functionId,
      v: this.revisionId,
      i: this.instanceId,
      m: text,
      ...over,
    };
    return Buffer.from(`${JSON.stringify(line)}\n`);
  }

  /** The function's whole log, page by page. */
  async log(limit = 100): Promise<readonly LogLineResource[]> {
    const queries = this.queries();
    const all: LogLineResource[] = [];
    for (;;) {
      const after = all.at(-1)?.cursor;
      const from = after === undefined ? {} : { after };
      const page = await queries.list({ functionId: this.functionId, limit, ...from });
      all.push(...page);
      if (page.length < limit) return all;
    }
  }

  async #close(): Promise<void> {
    for (const collector of this.#collectors) await collector.close();
    for (const writer of this.#writers) await writer.close();
    await this.#store?.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function bytesOf(...records: readonly MeterRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * METER_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries())
    encodeMeterRecord(view, index * METER_RECORD_BYTES, { record, ids: meterIdsOf(record) });
  return bytes;
}

/** Collects until nothing is left, through whatever faults are set. */
export async function collectAll(collector: Collector): Promise<void> {
  for (;;) if (!(await collector.collect())) return;
}

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { seededRandom, silentLog, systemClock, spanIdOf } from "@skerry/base";
import {
  encodeActionEntry,
  encodeTraceEntry,
  METER_RECORD_BYTES,
  type MeterRecord,
} from "@skerry/contracts";
import { freePort, until } from "@skerry/testkit";
import { OtlpReceiver } from "@skerry/testkit/otlp-receiver";
import { bytesOf, collectAll, World } from "../test/world.ts";
import { Delivery, type DeliveryOptions, type DeliverySink } from "./delivery.ts";
import { createFileSink } from "./file-sink.ts";
import { createLogSink, createSpanSink, parseHeaderLines } from "./otlp-sink.ts";
import { storeModule } from "./store-module.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const [INVOCATION, TRIGGER, EXECUTION] = [
  "faas.invocation_id",
  "skerry.trigger_id",
  "skerry.execution_id",
] as const;

/** A delivery whose pauses are as short as they can be. */
async function start(
  world: Pick<World, "store">,
  sink: DeliverySink,
  options: Partial<DeliveryOptions> = {},
): Promise<Delivery> {
  // It begins with what comes from now on.
  await world.store.call(storeModule, "openDelivery", sink.name);
  const real = systemClock();
  const clock = {
    ...real,
    schedule: (_ms: number, run: () => void) => real.schedule(1, run),
  };
  const namesOf = (ids: readonly string[]): Promise<Map<string, { app: string; fn: string }>> =>
    Promise.resolve(new Map(ids.map((id) => [id, { app: "shop", fn: "pay" }])));
  const deps = { clock, random: seededRandom(1), log: silentLog(), store: world.store, namesOf };
  return new Delivery(deps, { sink, ...options });
}

/** A record, with the trace that its caller asked for in front of it. */
function tracedBytes(record: MeterRecord): Uint8Array {
  const bytes = new Uint8Array(METER_RECORD_BYTES);
  const { requestId, startWallMs } = record;
  const context = { traceId: TRACE, parentId: PARENT, flags: 1 };
  encodeTraceEntry(new DataView(bytes.buffer), 0, { requestId, startWallMs, ...context });
  return Buffer.concat([bytes, bytesOf(record)]);
}

async function taken(world: World, parts: { meter?: Uint8Array[]; logs?: Uint8Array[] }) {
  for (const kind of ["meter", "logs"] as const) {
    if (parts[kind] === undefined) continue;
    const writer = world.writer(kind, `w${world.ids.requestId()}`, 1 << 20);
    for (const bytes of parts[kind]) writer.append(bytes);
    await writer.close();
  }
  await collectAll(world.collector());
}

/** The delivery has come to what it read last, and stands there. */
async function untilDelivered(delivery: Delivery, count: number): Promise<void> {
  await until("everything is delivered", () => {
    const { sent, dropped, behind } = delivery.figures;
    return sent + dropped >= count && behind === 0;
  });
}

test("sampled invocations arrive as spans, their log lines in the same trace", async (t) => {
  const world = await World.open(t);
  world.keepMs = 1e12;
  await using receiver = await OtlpReceiver.start();
  const options = { endpoint: `${receiver.url}/`, headers: { "x-token": "t" }, fetch };
  const spans = await start(world, createSpanSink(options, "sampled"));
  const lines = await start(world, createLogSink(options));
  const record = world.record({
    ...{ startWallMs: 1_700_000_000_000.5, queueUs: 100, initUs: 300, handlerUs: 2_000 },
    ...{ coldReason: "first_instance", startKind: "blank", outcome: "timeout", status: 504 },
  });
  const other = world.record({ startWallMs: 1_700_000_000_000 });
  const printed = world.line("it says é\u2028", { r: record.requestId, l: "warn" });
  const alone = world.line("alone", { r: other.requestId });
  await taken(world, { meter: [tracedBytes(record), bytesOf(other)], logs: [printed, alone] });
  await untilDelivered(spans, 4);
  await untilDelivered(lines, 2);
  assert.deepEqual(receiver.faults, []);
  const names = receiver.spans.map(({ name, kind }) => `${name} ${kind}`);
  assert.deepEqual(names, ["shop/pay 2", "queue 1", "init 1", "handler 1"]);
  const [whole, , , handler] = receiver.spans;
  assert.deepEqual([whole?.traceId, whole?.parentSpanId], [TRACE, PARENT]);
  assert.equal(whole?.spanId, spanIdOf(record.requestId));
  assert.deepEqual(whole?.status, { code: 2, message: "timeout" });
  assert.equal(whole?.startTimeUnixNano, "1700000000000500000");
  assert.equal(whole?.endTimeUnixNano, "1700000000002900000");
  assert.equal(whole?.attributes["http.response.status_code"], "504");
  assert.equal(whole?.resource["service.name"], "pay");
  assert.deepEqual(
    receiver.lines.map(({ body, severityText, traceId, spanId }) => [
      ...[body, severityText, traceId, spanId],
    ]),
    [
      ["it says é\u2028", "WARN", TRACE, handler?.spanId],
      ["alone", "INFO", undefined, undefined],
    ],
  );
  assert.ok(receiver.seenHeaders.every((headers) => headers["x-token"] === "t"));
  await Promise.all([spans.close(), lines.close()]);
});

test("a run of an action names its trigger and its execution in its span, and no other does", async (t) => {
  const world = await World.open(t);
  await using receiver = await OtlpReceiver.start();
  const options = { endpoint: receiver.url, headers: {}, fetch };
  const delivery = await start(world, createSpanSink(options, "all"));
  const [run, plain] = [world.record(), world.record()];
  const triggerId = "arena/reset:timer";
  const action = { drive: "timer", triggerId, executionId: run.requestId } as const;
  const entry = new Uint8Array(METER_RECORD_BYTES);
  encodeActionEntry(new DataView(entry.buffer), 0, action);
  await taken(world, { meter: [Buffer.concat([entry, bytesOf(run)]), bytesOf(plain)] });
  await untilDelivered(delivery, 2);
  const named = receiver.spans
    .filter(({ name }) => name === "shop/pay")
    .map(({ attributes: { [INVOCATION]: id, [TRIGGER]: by, [EXECUTION]: as } }) => [id, by, as]);
  assert.deepEqual(
    new Set(named.map(String)),
    new Set(
      [
        [run.requestId, triggerId, run.requestId],
        [plain.requestId, undefined, undefined],
      ].map(String),
    ),
  );
  await delivery.close();
});

test("with `all` every invocation is a trace, named after its request", async (t) => {
  const world = await World.open(t);
  await using receiver = await OtlpReceiver.start();
  const options = { endpoint: receiver.url, headers: {}, fetch };
  const delivery = await start(world, createSpanSink(options, "all"), { parcelMax: 3 });
  const records = Array.from({ length: 10 }, () =>
    world.record({ startWallMs: world.clock.wallMs() }),
  );
  await taken(world, { meter: [bytesOf(...records)] });
  await untilDelivered(delivery, 20);
  assert.deepEqual(receiver.faults, []);
  const traces = new Set(receiver.spans.map(({ traceId }) => traceId));
  assert.deepEqual(
    [...traces],
    records.map(({ requestId }) => requestId.replaceAll("-", "")),
  );
  await delivery.close();
});

test("what may be tried again is tried again, in order; what is refused is counted", async (t) => {
  const world = await World.open(t);
  await using receiver = await OtlpReceiver.start();
  const answers = [429, 503, 200, 502, 400, 200, 200];
  receiver.next = (n) => ({
    status: answers[n - 1] ?? 200,
    body: n === 6 ? { partialSuccess: { rejectedLogRecords: "1" } } : {},
  });
  const sink = createLogSink({ endpoint: receiver.url, headers: {}, fetch });
  const delivery = await start(world, sink, { parcelMax: 2 });
  const texts = Array.from({ length: 8 }, (_, n) => `line ${n}`);
  await taken(world, { logs: texts.map((text) => world.line(text)) });
  await untilDelivered(delivery, 8);
  assert.deepEqual(
    receiver.lines.map(({ body }) => body),
    ["line 0", "line 1", "line 4", "line 5", "line 6", "line 7"],
  );
  const { sent, dropped } = delivery.figures;
  assert.deepEqual([sent, dropped], [5, 3]);
  await delivery.close();
});

test("a receiver that is away costs nothing but its share of the store, and gets what waits", async (t) => {
  const world = await World.open(t);
  // Of those that no other test is given by chance while nobody listens there.
  const port = await freePort();
  const sink = createLogSink({ endpoint: `http://127.0.0.1:${port}`, headers: {}, fetch });
  const delivery = await start(world, sink, { parcelMax: 5, behindMax: 20 });
  await taken(world, { logs: Array.from({ length: 50 }, (_, n) => world.line(`line ${n}`)) });
  await until("the oldest were dropped", () => delivery.figures.dropped === 30);
  await using back = await OtlpReceiver.start(port);
  await untilDelivered(delivery, 50);
  const bodies = back.lines.map(({ body }) => body);
  assert.deepEqual(
    bodies,
    Array.from({ length: 20 }, (_, n) => `line ${n + 30}`),
  );
  await delivery.close();
});

test("a receiver that answers without end is read a little, and what it was sent counts as sent", async () => {
  let given = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      given += 1 << 14;
      // Whoever reads on is told that something is wrong, not left without memory.
      if (given > 64 << 20) controller.error(new TypeError("read on and on"));
      else controller.enqueue(new Uint8Array(1 << 14));
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const fetch = (): Promise<Response> => Promise.resolve(new Response(endless));
  const sink = createLogSink({ endpoint: "http://otlp.test", headers: {}, fetch });
  const parcel = { lines: [], records: [], to: 1, nameOf: () => ({ app: "", fn: "" }) };
  const receipt = await sink.deliver(parcel, new AbortController().signal);
  assert.deepEqual(receipt, { sent: 0, dropped: 0 });
  assert.ok(given < 1 << 20, String(given));
  assert.equal(cancelled, true);
});

test("headers for the receiver are read line by line, and a bad one is named", () => {
  assert.deepEqual(parseHeaderLines("f", "Authorization: Bearer x:y\r\n\nX-Team:  a \n"), {
    authorization: "Bearer x:y",
    "x-team": "a",
  });
  assert.throws(() => parseHeaderLines("f", "ok: 1\nno header"), /line 2/);
});

interface Written {
  readonly seq: number;
  readonly kind: string;
  readonly text?: string;
  readonly outcome?: string;
  readonly app: string;
}

function openDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "skerry-deliver-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** All lines of all files, the oldest file first. */
function written(directory: string): readonly Written[] {
  const names = readdirSync(directory).toSorted((a, b) => b.localeCompare(a));
  return names.flatMap((name) =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Written),
  );
}

test("lines and records are appended to a file in order, and put aside by size", async (t) => {
  const world = await World.open(t);
  const directory = openDirectory(t);
  const path = join(directory, "out.jsonl");
  const options = { path, fileBytesMax: 2_000, filesKept: 3 };
  const delivery = await start(world, createFileSink(options), { parcelMax: 4 });
  const first = { t: world.clock.wallMs() };
  for (let n = 0; n < 6; n += 1) {
    await taken(world, {
      logs: [world.line(`line ${n}`, first)],
      meter: [bytesOf(world.record())],
    });
    await untilDelivered(delivery, 2 * (n + 1));
  }
  const all = written(directory);
  const seqs = all.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    all.flatMap(({ text }) => text ?? []),
    Array.from({ length: 6 }, (_, n) => `line ${n}`),
  );
  assert.equal(
    all.filter(({ kind, outcome }) => kind === "invocation" && outcome === "ok").length,
    6,
  );
  assert.ok(all.every(({ app }) => app === "shop"));
  assert.ok(readdirSync(directory).length >= 2);
  for (const name of readdirSync(directory)) {
    assert.ok(readFileSync(join(directory, name)).length <= 2_000 + 1_000, name);
  }
  await delivery.close();
});

test("no more files stay than are to be kept", async (t) => {
  const world = await World.open(t);
  const directory = openDirectory(t);
  const path = join(directory, "out.jsonl");
  const delivery = await start(world, createFileSink({ path, fileBytesMax: 300, filesKept: 2 }), {
    parcelMax: 1,
  });
  await taken(world, { logs: Array.from({ length: 9 }, (_, n) => world.line(`line ${n}`)) });
  await untilDelivered(delivery, 9);
  assert.deepEqual(readdirSync(directory).toSorted(), ["out.jsonl", "out.jsonl.1", "out.jsonl.2"]);
  assert.deepEqual(
    written(directory).map(({ text }) => text),
    ["line 6", "line 7", "line 8"],
  );
  await delivery.close();
});

test("after a crash between file and store nothing is in the file twice, and a torn line is whole", async (t) => {
  const world = await World.open(t);
  const directory = openDirectory(t);
  const path = join(directory, "out.jsonl");
  const options = { path, fileBytesMax: 1 << 20, filesKept: 1 };
  let isDead = false;
  const real = world.store;
  const call: typeof real.call = async (module, name, args) => {
    if (name === "moveDelivery" && isDead) throw new TypeError("killed");
    return await real.call(module, name, args);
  };
  const crashing = await start({ store: { ...real, call } }, createFileSink(options), {
    parcelMax: 2,
  });
  isDead = true;
  await taken(world, { logs: Array.from({ length: 5 }, (_, n) => world.line(`line ${n}`)) });
  await until("something was written", () => written(directory).length > 0);
  await crashing.close();
  const torn = readFileSync(path);
  truncateSync(path, torn.length - 7);
  const next = await start(world, createFileSink(options), { parcelMax: 2 });
  await until("all is there", () => next.figures.behind === 0 && written(directory).length >= 5);
  assert.deepEqual(
    written(directory).map(({ text }) => text),
    Array.from({ length: 5 }, (_, n) => `line ${n}`),
  );
  await next.close();
});

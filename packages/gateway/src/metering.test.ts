import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { openRaw } from "@skerry/testkit";
import { seededRandom, type Clock } from "@skerry/base";
import {
  decodeMeterRecord,
  GATEWAY_HEADERS,
  METER_RECORD_BYTES,
  type FunctionEntry,
  type MeterRecord,
} from "@skerry/contracts";
import { askPort, clock, until, World } from "../test/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  if (world.gateway !== undefined) await world.close();
});

/** Runs the crashing gateway; returns what its spool holds. */
async function recordsAfterCrash(mode: "at-once" | "late"): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), "spool-"));
  const child = fork(join(import.meta.dirname, "../test/crash.ts"), [directory, mode]);
  const ended = new Promise<string | null>((resolve) => {
    child.once("exit", (_code, signal) => resolve(signal));
  });
  child.once("message", (port) => {
    void askPort(Number(port), { path: "/-/shop/hello/" }).catch(() => undefined);
  });
  assert.equal(await ended, "SIGKILL");
  const outcomes: string[] = [];
  for (const name of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, name));
    for (let at = 0; at + METER_RECORD_BYTES <= bytes.length; at += METER_RECORD_BYTES) {
      const record = decodeMeterRecord(bytes, at);
      if (record !== undefined) outcomes.push(record.outcome);
    }
  }
  rmSync(directory, { recursive: true });
  return outcomes;
}

test("a gateway killed between record and answer has recorded the answer", async () => {
  assert.deepEqual(await recordsAfterCrash("at-once"), ["ok"]);
});

test("a meter that writes later would lose it", async () => {
  assert.deepEqual(await recordsAfterCrash("late"), []);
});

test("a record begins when the body was there, so that its stages end when the answer left", async () => {
  const fn = world.fn();
  await world.agent();
  await world.start();
  using client = await openRaw(world.port);
  const lines = "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.write(`POST /-/${fn.app}/${fn.name}/ ${lines}1\r\nx\r\n`);
  const slowMs = clock.wallMs() + 200;
  await until(() => clock.wallMs() >= slowMs);
  client.write("0\r\n\r\n");
  assert.match(await client.receive(/\r\n\r\n/), /^HTTP\/1\.1 200 /);
  const [record] = world.records;
  assert.ok((record?.startWallMs ?? 0) >= slowMs - 2, `${record?.startWallMs} of ${slowMs}`);
});

test("in a storm of answers, failures, crashes and aborts every request has exactly one record", async () => {
  const random = seededRandom(7);
  const fn = world.fn({ kind: "fetch", config: { concurrency: 5, timeoutMs: 250 } });
  const agent = await world.agent();
  agent.handle = (call) => {
    const dice = random.float();
    if (dice < 0.5) return call.answer("ok");
    if (dice < 0.6) return call.fail("failed");
    if (dice < 0.62) return agent.died(call.instance);
    if (dice < 0.65) return;
    if (dice < 0.8) return void setTimeout(() => call.answer("slow"), 20);
    call.begin("part");
    setTimeout(() => (dice < 0.9 ? call.stream.end() : call.stream.cancel("no")), 5);
  };
  await world.start();
  const connections = new Agent({ keepAlive: true, maxSockets: 40 });
  const answered = new Set<unknown>();
  const one = async (): Promise<void> =>
    await new Promise((resolve) => {
      const path = `/-/${fn.app}/${fn.name}/`;
      const body = random.float() < 0.5 ? Buffer.alloc(100_000) : Buffer.from("x");
      const req = request({ port: world.port, path, method: "POST", agent: connections });
      req.on("response", (res) => {
        answered.add(res.headers[GATEWAY_HEADERS.requestId]);
        res
          .resume()
          .on("close", resolve)
          .on("error", () => undefined);
      });
      req.on("error", () => undefined).on("close", () => resolve());
      req.end(body);
      if (random.float() < 0.15) {
        const waitMs = 30 * random.float();
        req.on("socket", () => void setTimeout(() => req.destroy(), waitMs));
      }
    });
  const total = 600;
  await Promise.all(Array.from({ length: total }, one));
  connections.destroy();
  await until(() => {
    const { live, waiting } = world.gateway.stats();
    return live + waiting === 0;
  });
  const requestIds = new Set(world.records.map(({ requestId }) => requestId));
  assert.equal(requestIds.size, world.records.length);
  // A client that left before its head was sent has no request; who was answered had one.
  assert.ok(world.records.length <= total && answered.size > total / 2, `${answered.size}`);
  for (const id of answered) assert.ok(requestIds.has(id as never), "an answer without record");
  const outcomes = new Set(world.records.map(({ outcome }) => outcome));
  for (const seen of ["ok", "function_error", "crashed", "timeout", "cancelled"] as const) {
    assert.ok(outcomes.has(seen), `${seen} is among ${[...outcomes].join()}`);
  }
  const dispatched = agent.instances.flatMap(({ calls }) => calls.map(({ head }) => head.id));
  assert.equal(new Set(dispatched).size, dispatched.length);
  for (const id of dispatched) assert.ok(requestIds.has(id as never), "a dispatch without record");
});

/** Asks with a key, so that the anatomy is shown. */
async function askShown(fn: FunctionEntry, key: string): Promise<string> {
  const { headers } = await world.call(fn, { headers: { authorization: `Bearer ${key}` } });
  return String(headers["server-timing"]);
}

function lastRecord(): Pick<MeterRecord, "outcome" | "coldReason" | "startKind" | "billedUs"> {
  const record = world.records.at(-1);
  assert.ok(record !== undefined);
  assert.equal(record.instanceId, undefined);
  const { outcome, coldReason, startKind, billedUs } = record;
  return { outcome, coldReason, startKind, billedUs };
}

const IN_VAIN = { coldReason: "first_instance", startKind: "none", billedUs: 0 } as const;
const NO_START = { coldReason: "warm", startKind: "warm", billedUs: 0 } as const;

test("a request whose start failed in the function's code says so and how long that took", async () => {
  const fn = world.fn();
  const key = world.key();
  const agent = await world.agent();
  const refusal = { kind: "init_failed", name: "Error", message: "no", initUs: 25_000 } as const;
  // Stands still from the refusal on: it is not tried again however long the answers take.
  let refusedMs: number | undefined;
  agent.onStart = async () => {
    await new Promise<void>((resolve) => clock.schedule(40, resolve));
    refusedMs = clock.monotonicMs();
    return { ok: false, refusal };
  };
  const halting: Clock = {
    monotonicMs: () => refusedMs ?? clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, run, options) => clock.schedule(delayMs, run, options),
  };
  await world.start({}, { clock: halting });
  const shown = await askShown(fn, key);
  assert.match(shown, /init;dur=25\.000, .*reason;desc="first_instance", start;desc="none"/);
  assert.deepEqual(lastRecord(), { outcome: "init_failed", ...IN_VAIN });
  const { queueUs = 0, initUs } = world.records[0] ?? {};
  assert.equal(initUs, 25_000);
  assert.ok(queueUs > 5_000, `queue ${queueUs}`);
  await askShown(fn, key);
  assert.deepEqual(lastRecord(), { outcome: "init_failed", ...NO_START });
  assert.equal(world.records[1]?.initUs, 0);
  assert.equal(agent.starts.length, 1);
});

test("a failed start that a request joined late is shown as far as it waited for it", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  const refusal = { kind: "init_failed", name: "Error", message: "no", initUs: 9e9 } as const;
  agent.onStart = () => ({ ok: false, refusal });
  await world.start();
  await world.call(fn);
  const [record] = world.records;
  assert.ok(record !== undefined && record.initUs > 0 && record.initUs < 9e6);
  assert.equal(record.queueUs, 0);
});

for (const [outcome, onStart, initTimeoutMs] of [
  ["throttled", () => undefined, 100],
  [
    "unavailable",
    () => ({ ok: false, refusal: { kind: "unavailable", why: "no sandbox" } }) as const,
    // Nobody is told so before the agent's word is there.
    20_000,
  ],
] as const) {
  test(`a request that is ${outcome} after a start in vain says which start that was`, async () => {
    const fn = world.fn({ config: { queueTimeoutMs: 60, initTimeoutMs } });
    const key = world.key();
    const agent = await world.agent();
    agent.onStart = onStart;
    await world.start();
    assert.match(await askShown(fn, key), /init;dur=0\.000, .*reason;desc="first_instance"/);
    assert.deepEqual(lastRecord(), { outcome, ...IN_VAIN });
    assert.ok((world.records[0]?.queueUs ?? 0) > 50_000);
  });
}

test("a request that is throttled where nothing was started says nothing of a start", async () => {
  const fn = world.fn({ config: { queueTimeoutMs: 60, maxInstances: 1 } });
  const key = world.key();
  const agent = await world.agent();
  agent.handle = () => undefined;
  await world.start();
  const first = world.call(fn);
  await until(() => agent.instances[0]?.calls.length === 1);
  assert.match(await askShown(fn, key), /^queue;dur=[1-9].*reason;desc="warm"/);
  assert.deepEqual(lastRecord(), { outcome: "throttled", ...NO_START });
  agent.instances[0]?.calls[0]?.answer("");
  await first;
});

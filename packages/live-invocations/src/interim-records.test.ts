import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, type RequestId } from "@skerry/base";
import {
  decodeActionEntry,
  decodeInterimRecord,
  decodeTraceEntry,
  METER_RECORD_BYTES,
  meterIdsOf,
  type MeterRecord,
} from "@skerry/contracts";
import { HandClock } from "@skerry/testkit";
import { InterimRecords, type Ongoing } from "./interim-records.ts";
import type { Metered } from "./meter-turn.ts";

const EVERY_MS = 10_000;
const BEHIND_EVERY_MS = 300_000;

class World {
  readonly clock = new HandClock();
  readonly ids = createIdSource({ clock: this.clock, random: seededRandom(3) });
  readonly functionId = this.ids.id("fn");
  readonly revisionId = this.ids.id("rev");
  readonly appended: Buffer[] = [];
  isBehind = false;
  readonly interims = new InterimRecords(this.clock, {
    append: (bytes) => this.appended.push(Buffer.from(bytes)),
    isBehind: () => this.isBehind,
  });

  call(more: Partial<Metered> = {}): Ongoing & { readonly requestId: RequestId } {
    const requestId = this.ids.requestId();
    const startMs = this.clock.monotonicMs();
    const interim = (): Metered => {
      const record: MeterRecord = {
        ...{ requestId, functionId: this.functionId, revisionId: this.revisionId },
        ...{ instanceId: undefined, outcome: "gateway_lost", coldReason: "warm" },
        ...{ startKind: "warm", status: 200, memoryMb: 128, startWallMs: 0 },
        ...{ queueUs: 0, placeUs: 0, bootUs: 0, codeUs: 0, initUs: 0, billedUs: 0 },
        ...{ handlerUs: (this.clock.monotonicMs() - startMs) * 1_000, bytesIn: 0, bytesOut: 0 },
      };
      return { record, ids: meterIdsOf(record), trace: undefined, ...more };
    };
    return { requestId, interim };
  }

  /** What was left since the last look: whose, and for how long it has gone on. */
  left(): readonly (readonly [RequestId, number])[] {
    return this.appended.splice(0).flatMap((bytes) =>
      Array.from({ length: bytes.length / METER_RECORD_BYTES }, (_, n) => {
        const record = decodeInterimRecord(bytes, n * METER_RECORD_BYTES);
        assert.ok(record !== undefined);
        return [record.requestId, record.handlerUs / 1_000] as const;
      }),
    );
  }
}

test("a call that goes on leaves one every interval, one that has ended none, with one timer for all", () => {
  const world = new World();
  const { clock, interims } = world;
  assert.equal(clock.timers, 0);
  const [long, short] = [world.call(), world.call()];
  interims.add(long);
  interims.add(short);
  assert.equal(clock.timers, 1);
  clock.advance(EVERY_MS - 1);
  assert.deepEqual(world.left(), []);
  interims.delete(short);
  clock.advance(1);
  assert.deepEqual(world.left(), [[long.requestId, EVERY_MS]]);
  const later = world.call();
  interims.add(later);
  clock.advance(EVERY_MS);
  assert.deepEqual(world.left(), [
    [later.requestId, EVERY_MS],
    [long.requestId, 2 * EVERY_MS],
  ]);
  interims.delete(long);
  interims.delete(later);
  clock.advance(3 * EVERY_MS);
  assert.deepEqual(world.left(), []);
  assert.equal(clock.timers, 0, "nothing goes on, and nobody looks");
  interims.add(world.call());
  assert.equal(clock.timers, 1);
  interims.close();
  assert.equal(clock.timers, 0);
});

test("many that are due together leave theirs look by look, each once in an interval", () => {
  const world = new World();
  const all = Array.from({ length: 1_000 }, () => world.call());
  for (const call of all) world.interims.add(call);
  world.clock.advance(EVERY_MS);
  const first = world.left().length;
  assert.ok(first > 0 && first < all.length, `${first} at the first look`);
  world.clock.advance(EVERY_MS - 250);
  const left = [...world.left().map(([id]) => id)];
  assert.equal(first + left.length, all.length);
  world.clock.advance(2 * EVERY_MS);
  const counts = Map.groupBy(world.left(), ([id]) => id);
  assert.equal(counts.size, all.length);
  assert.ok([...counts.values()].every(({ length }) => length === 2));
});

test("while nobody reads, a call leaves its first as ever and others every five minutes", () => {
  const world = new World();
  const { clock, interims } = world;
  const old = world.call();
  interims.add(old);
  clock.advance(EVERY_MS);
  assert.deepEqual(world.left(), [[old.requestId, EVERY_MS]]);
  world.isBehind = true;
  const young = world.call();
  interims.add(young);
  clock.advance(BEHIND_EVERY_MS - 1);
  assert.deepEqual(world.left(), [[young.requestId, EVERY_MS]]);
  clock.advance(1);
  assert.deepEqual(world.left(), [[old.requestId, EVERY_MS + BEHIND_EVERY_MS]]);
  clock.advance(3_600_000 - BEHIND_EVERY_MS);
  const hour = Map.groupBy(world.left(), ([id]) => id);
  assert.deepEqual(
    [old, young].map(({ requestId }) => hour.get(requestId)?.length),
    [11, 11],
    "of an hour's 360",
  );
  world.isBehind = false;
  clock.advance(EVERY_MS);
  const again = world.left().map(([id]) => id);
  assert.deepEqual(again.toSorted(), [old.requestId, young.requestId].toSorted());
});

test("its trace and its action stand in front of it", () => {
  const world = new World();
  const executionId = world.ids.requestId();
  const trace = {
    ...{ requestId: executionId, startWallMs: 5, flags: 1, state: undefined },
    ...{ traceId: "0af7651916cd43dd8448eb211c80319c", parentId: "b7ad6b7169203331" },
  };
  const action = { drive: "timer", triggerId: "arena/reset:timer", executionId } as const;
  const call = world.call({ trace, action });
  world.interims.add(call);
  world.clock.advance(EVERY_MS);
  const [bytes = Buffer.alloc(0)] = world.appended;
  assert.equal(bytes.length, 3 * METER_RECORD_BYTES);
  assert.equal(decodeTraceEntry(bytes, 0)?.traceId, trace.traceId);
  assert.deepEqual(decodeActionEntry(bytes, METER_RECORD_BYTES), action);
  assert.equal(decodeInterimRecord(bytes, 2 * METER_RECORD_BYTES)?.requestId, call.requestId);
});

import assert from "node:assert/strict";
import { isRequestId, type RedriveId, type RequestId } from "@skerry/base";
import { ids, onBothStores, type LedgerCases, type LedgerWorld } from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import type { NewInvocation } from "../ledger/accept.ts";
import { newRedrive, type Counted, type Found, type Redrive } from "./decide.ts";
import { redrivenId, type RedriveRange } from "./redrivable.ts";
import type { AcceptedAnew, DuePlace, DueRedrives } from "./redrives.ts";
import type { RedriveRecord, RedriveSelection } from "./tables.ts";

const SELECTION: RedriveSelection = {
  ...{ functionId: null, apps: null, source: null, states: ["failed", "expired"] },
  ...{ limit: null, ratePerSecond: null, dryRun: false },
};

/** Invocations that have come to this end. */
async function end(
  world: LedgerWorld,
  outcome: "too_large" | "ok",
  ...items: readonly NewInvocation[]
): Promise<void> {
  await world.accept(...items);
  for (const fn of new Set(items.map(({ functionId }) => functionId)))
    for (let runs = (await world.claim(fn)).runs; runs.length > 0;) {
      await world.settle(runs, outcome);
      ({ runs } = await world.claim(fn));
    }
}

function range(world: LedgerWorld, more: Partial<RedriveSelection> = {}) {
  const { accountId } = world;
  const selection = { ...SELECTION, ...more };
  return { accountId, selection, fromSeq: 0, toSeq: Number.MAX_SAFE_INTEGER, rowsMax: 100 };
}

async function seqs(world: LedgerWorld, more: Partial<RedriveSelection> = {}) {
  const args = { ...range(world, more), without: [], itemsMax: 100 };
  const { items } = await world.store.call(LEDGER, "lookRedrivable", args);
  return items.map(({ seq }) => seq);
}

async function make(world: LedgerWorld, more: { once?: string; openMax?: number } = {}) {
  const { accountId, nowMs: madeMs } = world;
  const redrive = newRedrive({ fromSeq: 0, toSeq: 1_000 });
  const asked = { app: "shop", function: null, from: null, to: null };
  return await world.store.call(LEDGER, "makeRedrive", {
    ...{ id: ids.id("rdr"), accountId, asked, selection: SELECTION, redrive, madeMs },
    ...{ once: null, openMax: 100, ...more },
  });
}

function anew(world: LedgerWorld, old: NewInvocation): AcceptedAnew {
  const { functionId, seq, id } = old;
  const made = world.invocation(functionId);
  const told = { id: redrivenId(id), source: "redrive", sourceId: id } as const;
  return { from: { seq, id }, invocation: { ...made, ...told } };
}

function step(
  world: LedgerWorld,
  { id, version, redrive }: RedriveRecord,
  more: { readonly next?: Partial<Redrive>; readonly enter?: readonly AcceptedAnew[] } = {},
) {
  const { next, enter = [] } = more;
  const args = { id, version, next: { ...redrive, ...next }, enter, nowMs: world.nowMs, slot: 0 };
  return world.store.call(LEDGER, "stepRedrive", args);
}

async function read(world: LedgerWorld, id: RedriveId): Promise<RedriveRecord> {
  const { accountId } = world;
  return (await world.store.call(LEDGER, "getRedrive", { accountId, id })) ?? assert.fail(id);
}

/** What has something to do. */
function due(world: LedgerWorld, rowsMax = 10, after: DuePlace | null = null) {
  return world.store.call(LEDGER, "dueRedrives", { nowMs: world.nowMs, after, rowsMax });
}

function idsOf({ redrives }: DueRedrives): readonly RedriveId[] {
  return redrives.map(({ id }) => id);
}

const CASES: LedgerCases = {
  "those that rest keep none that has something to do from its turn": async (world) => {
    const accepting = { phase: "accepting", position: 0 } as const;
    const untilMs = world.nowMs + 10_000;
    for (let i = 0; i < 6; i += 1) {
      const next = { ...accepting, nextMs: untilMs + i };
      await step(world, await make(world), { next });
    }
    world.nowMs += 1;
    const fresh = await make(world);
    const first = await due(world, 2);
    assert.deepEqual([idsOf(first), first.next], [[fresh.id], null]);
    assert.equal(first.nextDueMs, untilMs);
    await step(world, fresh, { next: { ...accepting, nextMs: untilMs + 0.5 } });
    assert.deepEqual(idsOf(await due(world)), [], "the control: it rests as well");
    world.nowMs = untilMs + 10;
    assert.equal(idsOf(await due(world)).length, 7, "the control: their time has come");
    world.nowMs -= 4_000_000;
    assert.equal(idsOf(await due(world)).length, 7, "and has by a clock that was set back");
  },
  "those that have something to do take turns, page by page": async (world) => {
    const made: RedriveId[] = [];
    for (let i = 0; i < 5; i += 1) {
      made.push((await make(world)).id);
      world.nowMs += 1;
    }
    const [a = "" as RedriveId, ...rest] = made;
    await step(world, await read(world, a));
    const seen: RedriveId[] = [];
    let after: DuePlace | null = null;
    do {
      const page: DueRedrives = await due(world, 2, after);
      seen.push(...idsOf(page));
      after = page.next;
    } while (after !== null);
    assert.deepEqual(seen, [...rest, a], "whose turn it was is last");
    await step(world, await read(world, a), { next: { state: "done" } });
    assert.deepEqual(idsOf(await due(world)), rest);
  },
  "finds what failed or expired and fits, in order, and not what was redriven": async (world) => {
    const [one, two] = [world.function(), world.function()];
    const a = world.invocation(one);
    const b = world.invocation(two, { app: "blog", source: "timer", sourceId: "tmr_1" });
    const c = world.invocation(one, { source: "call" });
    const d = world.invocation(one);
    await end(world, "too_large", a, b, c, d);
    await end(world, "ok", world.invocation(one));
    await world.accept(world.invocation(one));
    assert.deepEqual(await seqs(world), [a.seq, b.seq, d.seq]);
    assert.deepEqual(await seqs(world, { functionId: two }), [b.seq]);
    assert.deepEqual(await seqs(world, { apps: ["shop"] }), [a.seq, d.seq]);
    assert.deepEqual(await seqs(world, { apps: [] }), []);
    assert.deepEqual(await seqs(world, { source: "call" }), [c.seq]);
    assert.deepEqual(await seqs(world, { states: ["expired"] }), []);
    const other = { ...range(world), accountId: ids.id("acct") };
    const none = await world.store.call(LEDGER, "countRedrivable", other);
    assert.deepEqual(none, { fresh: [], known: 0, nextSeq: null });
    await step(world, await make(world), { enter: [anew(world, a)] });
    assert.deepEqual(await seqs(world), [b.seq, d.seq]);
    const found = await world.store.call(LEDGER, "countRedrivable", range(world));
    assert.deepEqual(found, { fresh: [d.seq, b.seq], known: 1, nextSeq: null });
  },
  "reads both states page by page, and leaves nothing out between pages": async (world) => {
    const [one, two] = [world.function(), world.function()];
    const items = Array.from({ length: 11 }, (_, i) =>
      world.invocation(i % 3 === 0 ? two : one, { payload: Buffer.alloc(i) }),
    );
    await end(world, "too_large", ...items);
    const all = items.map(({ seq }) => seq);
    const seen: number[] = [];
    let fromSeq: number | null = 0;
    while (fromSeq !== null) {
      const page: Found = await world.store.call(LEDGER, "lookRedrivable", {
        ...{ ...range(world), fromSeq, rowsMax: 4, without: [], itemsMax: 3 },
      });
      assert.ok(page.items.every(({ payloadBytes, seq }) => payloadBytes === all.indexOf(seq)));
      seen.push(...page.items.map(({ seq }) => seq));
      fromSeq = page.nextSeq;
    }
    assert.deepEqual(seen, all);
    const back: number[] = [];
    let toSeq: number | null = Number.MAX_SAFE_INTEGER;
    while (toSeq !== null) {
      const args: RedriveRange = { ...range(world), toSeq, rowsMax: 4 };
      const page: Counted = await world.store.call(LEDGER, "countRedrivable", args);
      back.push(...page.fresh);
      toSeq = page.nextSeq;
    }
    assert.deepEqual(back, all.toReversed());
    const without = { ...range(world), without: [one], itemsMax: 100 };
    const rest = await world.store.call(LEDGER, "lookRedrivable", without);
    assert.ok(rest.items.length === 4 && rest.items.every(({ functionId }) => functionId === two));
  },
  "a step accepts and moves on in one, with the event and the order of the old ones": async (
    world,
  ) => {
    const fn = world.function();
    const more = { orderingKey: "k", event: { ct: "text/x" } } as const;
    const items = [1, 2].map((n) =>
      world.invocation(fn, { ...more, payload: Buffer.from(`payload ${n}`) }),
    );
    await end(world, "too_large", ...items);
    const made = await make(world);
    const enter = items.map((one) => anew(world, one));
    const done = await step(world, made, { enter, next: { position: 7 } });
    assert.deepEqual(done, { kind: "stepped", functionIds: [fn, fn] });
    const stand = await read(world, made.id);
    assert.deepEqual([stand.redrive.redriven, stand.redrive.position], [2, 7]);
    const { runs } = await world.claim(fn);
    const [run] = runs;
    assert.deepEqual([runs.length, run?.id], [1, redrivenId(items[0]?.id ?? ("" as RequestId))]);
    assert.equal(Buffer.from(run?.payload ?? []).toString(), "payload 1");
    assert.deepEqual([run?.event, run?.source], [{ ct: "text/x" }, "redrive"]);
    const { difference, openDifference } = await world.balance();
    assert.deepEqual([difference, openDifference], [0, 0]);
  },
  "a step from where a redrive does not stand any more writes nothing": async (world) => {
    const fn = world.function();
    const [a, b] = [world.invocation(fn), world.invocation(fn)];
    await end(world, "too_large", a, b);
    const made = await make(world);
    await step(world, made, { enter: [anew(world, a)] });
    const late = await step(world, made, { enter: [anew(world, b)], next: { position: 99 } });
    assert.deepEqual(late, { kind: "overtaken" });
    const { accountId, nowMs } = world;
    const name = { accountId, id: made.id, nowMs, openMax: 1 };
    await world.store.call(LEDGER, "turnRedrive", { ...name, turn: { kind: "pause" } });
    const paused = await read(world, made.id);
    const held = await step(world, paused, { enter: [anew(world, b)] });
    assert.deepEqual(held, { kind: "overtaken" }, "also as it stands: it does not run");
    assert.deepEqual(await seqs(world), [b.seq]);
    await world.store.call(LEDGER, "turnRedrive", { ...name, turn: { kind: "resume" } });
    const resumed = await step(world, await read(world, made.id), { enter: [anew(world, b)] });
    assert.equal(resumed.kind, "stepped", "the control: it runs again");
    assert.equal((await read(world, made.id)).redrive.redriven, 2);
  },
  "never finds what it accepted itself, however late the clock of who carries it out": async (
    world,
  ) => {
    const fn = world.function();
    const items = [world.invocation(fn), world.invocation(fn, { orderingKey: "k" })];
    await end(world, "too_large", ...items);
    const made = await make(world);
    const { toSeq } = made.redrive;
    const enter = items.map((one) => anew(world, one));
    assert.ok(enter.every(({ invocation }) => invocation.seq < toSeq));
    await step(world, made, { enter });
    const { runs } = await world.claim(fn);
    assert.equal((await world.settle(runs, "too_large")).length, 2);
    const found = await world.store.call(LEDGER, "countRedrivable", { ...range(world), toSeq });
    assert.deepEqual(found, { fresh: [], known: 2, nextSeq: null });
    const all = await world.store.call(LEDGER, "countRedrivable", range(world));
    assert.equal(all.fresh.length, 2, "the control: they failed again, and others may find them");
  },
  "what was redriven by somebody else, or is gone, is not counted as accepted": async (world) => {
    const fn = world.function();
    const a = world.invocation(fn);
    await end(world, "too_large", a);
    const [first, second] = [await make(world), await make(world)];
    await step(world, first, { enter: [anew(world, a)] });
    const gone = world.invocation(fn);
    await step(world, second, { enter: [anew(world, a), anew(world, gone)] });
    const counts = [await read(world, first.id), await read(world, second.id)];
    assert.deepEqual(
      counts.map(({ redrive }) => redrive.redriven),
      [1, 0],
    );
  },
  "is made once under one name, within a bound, and forgotten after its end": async (world) => {
    const first = await make(world, { once: "a" });
    assert.deepEqual(await make(world, { once: "a" }), first);
    const second = await make(world);
    await assert.rejects(make(world, { openMax: 2 }), { reason: "REDRIVES_OPEN_LIMITED" });
    await step(world, first, { next: { state: "done", redriven: 4 } });
    const third = await make(world, { openMax: 2 });
    const list = async (before: string | null, limit: number) => {
      const args = { accountId: world.accountId, before, limit };
      return (await world.store.call(LEDGER, "listRedrivesOf", args)).map(({ id }) => id);
    };
    // Those of one millisecond are in any order, but always in the same one.
    const all = [first, second, third].map(({ id }) => id).toSorted((a, b) => (a < b ? 1 : -1));
    assert.deepEqual(await list(null, 1), all.slice(0, 2), "one more than asked for");
    assert.deepEqual(await list(all[0] ?? null, 10), all.slice(1));
    const { redrives } = await due(world);
    assert.deepEqual(new Set(redrives.map(({ id }) => id)), new Set([second.id, third.id]));
    const forget = (beforeMs: number) =>
      world.store.call(LEDGER, "forgetRedrives", { beforeMs, rowsMax: 10 });
    assert.equal(await forget(world.nowMs), 0);
    assert.equal(await forget(world.nowMs + 1), 1);
    const kept = all.filter((id) => id !== first.id);
    assert.deepEqual(await list(null, 10), kept, "what is open stays");
    const strange = { accountId: ids.id("acct"), id: second.id };
    assert.equal(await world.store.call(LEDGER, "getRedrive", strange), null);
  },
  "one that has failed goes on only where there is room for one more": async (world) => {
    const failed = await make(world);
    const { accountId, nowMs } = world;
    const turn = (kind: "pause" | "resume", openMax: number) =>
      world.store.call(LEDGER, "turnRedrive", {
        ...{ accountId, id: failed.id, nowMs, openMax, turn: { kind } },
      });
    await turn("pause", 1);
    assert.equal((await turn("resume", 1))?.redrive.state, "running", "it has its own place");
    await step(world, await read(world, failed.id), { next: { state: "failed" } });
    await make(world);
    await assert.rejects(turn("resume", 1), { reason: "REDRIVES_OPEN_LIMITED" });
    assert.equal((await read(world, failed.id)).redrive.state, "failed");
    assert.equal((await turn("resume", 2))?.settledMs, null);
  },
  "gives each invocation one id to be redriven under": (world) => {
    const all = Array.from({ length: 200 }, () => world.invocation(world.function()).id);
    const made = all.map(redrivenId);
    assert.ok(made.every((id) => isRequestId(id)));
    assert.deepEqual(all.map(redrivenId), made);
    assert.equal(new Set([...all, ...made]).size, 400);
    return Promise.resolve();
  },
};

onBothStores("redrives", CASES);

/** What is claimed and ended in sets is what it is one by one, in as few statements as for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, FunctionId, RedriveId, RequestId } from "@skerry/base";
import { ASYNC_POLICY, type AttemptOutcome } from "@skerry/contracts";
import type { Tx, TxReply, TxStep } from "@skerry/store";
import { MemoryStore } from "@skerry/testkit/simulation";
import { ids, onBothStores, type LedgerCases } from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import { accept, type NewInvocation } from "./accept.ts";
import { CALL_COLUMNS } from "./calls.ts";
import { claim, type ClaimArgs } from "./claim.ts";
import { DELIVERY_LANES, DELIVERY_TABLES, type Destinations } from "./destinations.ts";
import { PROGRESS_TABLES } from "./progress.ts";
import { findKnown } from "./read.ts";
import { forgetEnded } from "./retention.ts";
import { settle, type AttemptEnd } from "./settle.ts";
import { createSequence } from "./sequence.ts";
import { KEY_ANSWERS, LEDGER_TABLES, OPEN_TABLES, QUEUE_REBUILT } from "./tables.ts";
import { newRedrive } from "../redrives/decide.ts";
import { lookRedrivable } from "../redrives/redrivable.ts";
import { makeRedrive, stepRedrive } from "../redrives/redrives.ts";
import { REDRIVE_DUE_COLUMNS, REDRIVE_TABLES, type RedriveSelection } from "../redrives/tables.ts";

const MANY = 300;
const OUTCOMES: readonly AttemptOutcome[] = ["ok", "function_error", "throttled", "too_large"];
const KINDS = ["succeeded", "retry", "retry", "failed"];

const CASES: LedgerCases = {
  "ends more at once than one statement takes, each as it was told": async (world) => {
    const fn = world.function();
    const items = Array.from({ length: MANY }, (_, i) =>
      world.invocation(fn, {
        dueMs: world.nowMs - (i % 7),
        payload: Buffer.from(`p${i}`),
        orderingKey: i % 10 === 0 ? `key-${i % 20}` : null,
      }),
    );
    await world.accept(...items);
    const { runs } = await world.claim(fn, { max: 2 * MANY });
    // Of the two keys the first is ready, and the rest is behind it.
    const keyed = items.filter(({ orderingKey }) => orderingKey !== null);
    const ready = items.filter((item) => !keyed.slice(2).includes(item));
    const inOrder = ready.toSorted((a, b) => a.dueMs - b.dueMs || a.seq - b.seq);
    assert.deepEqual(
      runs.map(({ id, attempt, requestId, payload }) => [id, attempt, requestId, textOf(payload)]),
      inOrder.map(({ id, payload }) => [id, 1, id, textOf(payload)]),
    );
    const ends = runs.map(({ id, attempt }, i): AttemptEnd => ({
      ...{ id, attempt, outcome: OUTCOMES[i % 4] ?? "ok", policy: ASYNC_POLICY, chance: 1 },
      ...{ startedMs: world.nowMs, endedMs: world.nowMs + i, status: 200 + i },
      result: Buffer.from(`r${i}`),
    }));
    const [first] = ends;
    assert.ok(first !== undefined);
    const strangers = [
      { ...first, attempt: 2 },
      { ...first, id: ids.requestId() },
    ];
    const told = [...ends.slice(0, 9), ...strangers, ...ends.slice(9), first];
    const args = { holder: "one", items: told, nowMs: world.nowMs, slot: 1 };
    const answers = await world.store.call(LEDGER, "settle", args);
    const shown = answers.map((one) => (one.kind === "settled" ? one.end : one.kind));
    const wanted = ends.map((_, i) => KINDS[i % 4] ?? "");
    const stale = ["stale", "stale"];
    assert.deepEqual(shown, [...wanted.slice(0, 9), ...stale, ...wanted.slice(9), "stale"]);
    const woken = answers.filter((one) => one.kind === "settled" && one.woke === true);
    const keyedEnds = runs.filter(
      ({ id }, i) => (i % 4) % 3 === 0 && keyed.some((item) => item.id === id),
    );
    assert.equal(woken.length, keyedEnds.length, "an end of a key's first wakes its next");
    for (const [i, { id }] of runs.entries()) {
      const { accountId } = world;
      const found = await world.store.call(LEDGER, "getInvocation", { accountId, id });
      assert.deepEqual(
        found?.ended.map(({ outcome }) => outcome),
        [OUTCOMES[i % 4]],
      );
      if (i % 4 === 0) assert.equal(found?.record.status, 200 + i);
    }
    assert.equal((await world.balance()).difference, 0);
  },
  "accepts many with keys at once as if each had come alone": async (world) => {
    const fn = world.function();
    const named = (key: string, digest = "d") => {
      return { idempotency: { key, digest, expiresMs: world.nowMs + 1_000 } };
    };
    const of = (more: Partial<NewInvocation>) => world.invocation(fn, more);
    const first = [
      of({ orderingKey: "o", ...named("a") }),
      of({ orderingKey: "o" }),
      of(named("b")),
      of({ ...named("b"), orderingKey: "p" }),
      of({ orderingKey: "p" }),
      of({}),
    ];
    const answers = await world.accept(...first);
    const kindsOf = (given: typeof answers) => given.map(({ kind }) => kind);
    const accepted = "accepted";
    const expected = [accepted, accepted, accepted, "repeated", accepted, accepted];
    assert.deepEqual(kindsOf(answers), expected);
    assert.equal(answers[3]?.id, first[2]?.id);
    const second = [
      of({ orderingKey: "p", seq: 1 }),
      of({ orderingKey: "o" }),
      of(named("a", "other")),
      of({ orderingKey: "q" }),
      of({ orderingKey: "q", ...named("c") }),
    ];
    const later = await world.accept(...second, ...first.slice(0, 2));
    const told = [accepted, accepted, "conflict", accepted, accepted, "repeated", "repeated"];
    assert.deepEqual(kindsOf(later), told);
    const orders = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { runs } = await world.claim(fn, { max: 20 });
      orders.push(new Set(runs.map(({ id }) => id)));
      await world.settle(runs, "ok");
    }
    const idsOf = (...items: readonly (NewInvocation | undefined)[]) =>
      new Set(items.map((item) => item?.id));
    const [a, b, c, , e, f] = first;
    const [g, h, , j, k] = second;
    assert.deepEqual(orders, [idsOf(a, c, e, f, j), idsOf(b, g, k), idsOf(h)]);
    assert.equal((await world.balance()).difference, 0);
  },
  "gives everything that is tried again at once a name of its own": async (world) => {
    const fn = world.function();
    await world.accept(...Array.from({ length: 20 }, () => world.invocation(fn)));
    await world.settle((await world.claim(fn, { max: 20 })).runs, "throttled");
    world.nowMs += 60_000;
    const { runs } = await world.claim(fn, { max: 20 });
    assert.deepEqual(
      runs.map(({ attempt }) => attempt),
      Array.from(runs, () => 2),
    );
    assert.equal(new Set(runs.flatMap(({ id, requestId }) => [id, requestId])).size, 40);
  },
};

onBothStores("sets of the ledger", CASES);

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

test("many are accepted, claimed, ended and forgotten in as few statements as one", () => {
  const [one, many] = [1, 200].map(statementsFor);
  assert.deepEqual(many, one);
});

for (const [what, keys] of Object.entries({
  "ordering keys": (i: number) => ({ orderingKey: `key-${i % 7}` }),
  "idempotency keys": (i: number) => ({
    idempotency: { key: `key-${i}`, digest: "d", expiresMs: 1_000 },
  }),
} satisfies Record<string, (i: number) => Partial<NewInvocation>>))
  test(`many with ${what} are accepted in as few statements as two`, () => {
    const [two, many] = [2, 200].map((count) => {
      const ledger = emptyLedger();
      const items = itemsOf(count, Buffer.from([1])).map((item, i) => ({ ...item, ...keys(i) }));
      const counts = ledger.perform(counted(accept), { items, slot: 1 }, "told");
      ledger.close();
      return counts;
    });
    assert.deepEqual(many, two);
  });

test("a redrive looks at many, and accepts them anew, in as few statements as one", () => {
  const [one, many] = [1, 200].map(statementsOfRedrive);
  assert.deepEqual(many, one);
});

/** Of a look at what failed, and of the step that accepts it anew. */
function statementsOfRedrive(count: number): readonly number[] {
  const ledger = emptyLedger();
  const items = itemsOf(count, Buffer.from([1]));
  ledger.perform(accept, { items, slot: 1 }, "told");
  const requestIds = items.map((_, i) => `fresh_${i}` as RequestId);
  ledger.perform(claim, { ...HELD, requestIds }, "told");
  const ends = items.map(({ id }): AttemptEnd => ({
    ...{ id, attempt: 1, outcome: "too_large", policy: ASYNC_POLICY, chance: 1 },
    ...{ startedMs: 2, endedMs: 3 },
  }));
  ledger.perform(settle, { holder: "one", items: ends, nowMs: 3, slot: 1 }, "told");
  const accountId = "acct_one" as AccountId;
  const selection: RedriveSelection = {
    ...{ functionId: null, apps: null, source: null, states: ["failed"] },
    ...{ limit: null, ratePerSecond: null, dryRun: false },
  };
  const range = { accountId, selection, fromSeq: 0, toSeq: 1_000, rowsMax: 1_000 };
  const looking = { ...range, without: [], itemsMax: 1_000 };
  const [found] = ledger.perform(lookedAt, looking, "told");
  assert.equal(found, count);
  const redrive = newRedrive({ fromSeq: 0, toSeq: 1_000 });
  const id = "rdr_one" as RedriveId;
  const made = { id, accountId, asked: {}, selection, redrive, madeMs: 3 };
  ledger.perform(makeRedrive, { ...made, once: null, openMax: 1 }, "told");
  const enter = items.map(({ seq, id: old, payload: _payload, event: _event, ...item }, i) => ({
    from: { seq, id: old },
    invocation: { ...item, seq: 2_000 + i, id: `anew_${i}` as RequestId },
  }));
  const stepping = { id, version: 1, next: redrive, enter, nowMs: 4, slot: 1 };
  const counts = [
    ...ledger.perform(counted(lookRedrivable), looking, "told"),
    ...ledger.perform(counted(stepRedrive), stepping, "told"),
  ];
  const anew = ledger.rows<{ n: number }>(
    "SELECT COUNT(*) AS n FROM ledger_invocations WHERE state = 'waiting'",
  );
  assert.equal(anew[0]?.n, count);
  ledger.close();
  return counts;
}

function* lookedAt(tx: Tx, args: Parameters<typeof lookRedrivable>[1]): TxStep<number> {
  return (yield* lookRedrivable(tx, args)).items.length;
}

const FN = "fn_one" as FunctionId;
const HELD = { functionId: FN, holder: "one", nowMs: 2, slot: 1 };
const OTHER = {
  onSuccess: {
    ...{ kind: "function" as const, target: "shop/other", functionId: "fn_two" as FunctionId },
    ...{ app: "shop", fn: "other", maxAgeMs: 1_000 },
  },
} satisfies Destinations;

function emptyLedger(): MemoryStore {
  return new MemoryStore([
    ...[
      ...LEDGER_TABLES,
      ...DELIVERY_TABLES,
      ...DELIVERY_LANES,
      ...OPEN_TABLES,
      ...PROGRESS_TABLES,
    ],
    ...[
      ...CALL_COLUMNS,
      ...REDRIVE_TABLES,
      ...REDRIVE_DUE_COLUMNS,
      ...QUEUE_REBUILT,
      ...KEY_ANSWERS,
    ],
  ]);
}

function itemsOf(count: number, payload: Uint8Array): readonly NewInvocation[] {
  return Array.from({ length: count }, (_, i): NewInvocation => ({
    ...{
      seq: i + 1,
      id: `req_${i}` as RequestId,
      accountId: "acct_one" as AccountId,
      functionId: FN,
    },
    ...{ app: "shop", fn: "work", source: "url", sourceId: null, acceptedMs: 1, dueMs: 1 },
    ...{ expiresMs: 1_000, orderingKey: null, idempotency: null, event: {}, payload },
  }));
}

test("of many large ones that expired at once, a function is told a few at a time", () => {
  const ledger = emptyLedger();
  const items = itemsOf(25, new Uint8Array(1 << 20));
  ledger.perform(accept, { items, slot: 1 }, "told");
  const requestIds = items.map((_, i) => `fresh_${i}` as RequestId);
  const held = { functionId: FN, holder: "one", nowMs: 1_000, requestIds, slot: 1 };
  const { onSuccess: onFailure } = OTHER;
  const destinations = { onFailure };
  const [most = 0] = ledger.perform(mostRead, { ...held, destinations }, "told");
  assert.ok(most >= 1 << 20 && most <= 8 << 20, `${most} bytes at once`);
  const told = ledger.rows<{ n: number }>(
    `SELECT COUNT(*) AS n FROM ledger_deliveries AS d
     JOIN ledger_invocations AS i ON i.id = d.told_id
     WHERE d.state = 'delivered' AND i.function_id = 'fn_two' AND i.state = 'waiting'`,
  );
  assert.equal(told[0]?.n, 25);
  ledger.close();
});

/** A claim, with the bytes of payloads that one of its statements read. */
function* mostRead(tx: Tx, args: ClaimArgs): TxStep<number> {
  const steps = claim(tx, args);
  let most = 0;
  for (let step = steps.next(0); step.done !== true;) {
    const reply = yield step.value;
    most = Math.max(most, payloadBytesOf(reply));
    step = steps.next(reply);
  }
  return most;
}

function payloadBytesOf(reply: TxReply): number {
  if (typeof reply === "number") return 0;
  return reply.reduce((sum, { payload }) => {
    return sum + (payload instanceof Uint8Array ? payload.length : 0);
  }, 0);
}

test("however many are looked up, there is a statement for few numbers of them alone", () => {
  const ledger = emptyLedger();
  ledger.perform(accept, { items: itemsOf(3, Buffer.from([1])), slot: 1 }, "told");
  const texts = new Set<string>();
  const looked = function* (tx: Tx, args: Parameters<typeof findKnown>[1]): TxStep<number> {
    const steps = findKnown(tx, args);
    let step = steps.next(0);
    while (step.done !== true) {
      texts.add(step.value.sql);
      step = steps.next(yield step.value);
    }
    return step.value.length;
  };
  for (let count = 0; count <= 300; count += 1) {
    const asked = Array.from({ length: count }, (_, i) => `req_${i}` as RequestId);
    assert.deepEqual(ledger.perform(looked, { ids: asked }, "told"), [Math.min(count, 3)]);
  }
  assert.equal(texts.size, 9);
  ledger.close();
});

test("whoever is told of ends takes numbers that what is accepted at the moment has not", () => {
  const wallMs = 2;
  const toldIn = (isNumbered: boolean): number | undefined => {
    const ledger = emptyLedger();
    const nextSeq = createSequence({ wallMs: () => wallMs });
    const items = itemsOf(8, Buffer.from([1])).map((item) => ({ ...item, seq: nextSeq() }));
    ledger.perform(accept, { items, slot: 1 }, "told");
    const requestIds = items.map((_, i) => `fresh_${i}` as RequestId);
    const held = { functionId: FN, holder: "one", nowMs: wallMs, requestIds, slot: 1 };
    ledger.perform(claim, held, "told");
    const ends = items.map(({ id }): AttemptEnd => ({
      ...{ id, attempt: 1, outcome: "ok", policy: ASYNC_POLICY, chance: 1 },
      ...{ startedMs: wallMs, endedMs: wallMs },
    }));
    const toldSeq = isNumbered ? nextSeq(ends.length) : undefined;
    const settled = { holder: "one", items: ends, nowMs: wallMs, toldSeq, slot: 1 };
    const destinations = { [FN]: OTHER };
    const [count] = ledger.perform(counted(settle), { ...settled, destinations }, "told");
    const told = ledger.rows<{ seq: number }>(
      "SELECT seq FROM ledger_invocations WHERE source = 'destination'",
    );
    assert.equal(told.length, 8);
    if (isNumbered) assert.ok(told.every(({ seq }) => seq < nextSeq()));
    ledger.close();
    return count;
  };
  const [numbered = 0, byTime = 0] = [toldIn(true), toldIn(false)];
  assert.ok(numbered < byTime, `the control: ${byTime} statements, and not ${numbered}`);
});

/** Of an acceptance, a claim, a settle whose ends a function is told, and of retention. */
function statementsFor(count: number): readonly number[] {
  const ledger = emptyLedger();
  const items = itemsOf(count, Buffer.from([1]));
  const requestIds = items.map((_, i) => `fresh_${i}` as RequestId);
  const ends = items.map(({ id }): AttemptEnd => ({
    ...{ id, attempt: 1, outcome: "ok", policy: ASYNC_POLICY, chance: 1 },
    ...{ startedMs: 2, endedMs: 3, result: Buffer.from([1]) },
  }));
  const held = { functionId: FN, holder: "one", nowMs: 2, requestIds, slot: 1 };
  const settled = { holder: "one", items: ends, nowMs: 3, slot: 1 };
  const destinations = { [FN]: OTHER };
  const forgotten = { beforeMs: 10, bytesMax: null, rowsMax: count, slot: 1 };
  const counts = [
    ...ledger.perform(counted(accept), { items, slot: 1 }, "told"),
    ...ledger.perform(counted(claim), held, "told"),
    ...ledger.perform(counted(settle), { ...settled, destinations }, "told"),
    ...ledger.perform(counted(forgetEnded), forgotten, "told"),
  ];
  const left = ledger.rows<{ id: string }>(
    "SELECT id FROM ledger_invocations WHERE source = 'url'",
  );
  assert.deepEqual(left, [], "all of them came to their end and were forgotten");
  ledger.close();
  return counts;
}

/** The same, with the number of its statements for a result. */
function counted<Args>(procedure: (tx: Tx, args: Args) => TxStep<unknown>) {
  return function* (tx: Tx, args: Args): TxStep<number> {
    const steps = procedure(tx, args);
    let count = 0;
    let step = steps.next(0);
    for (; step.done !== true; count += 1) step = steps.next(yield step.value);
    return count;
  };
}

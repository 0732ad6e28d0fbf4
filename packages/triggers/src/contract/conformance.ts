/**
 * What every trigger source promises, as checks that run against any of them: hand each check a
 * fresh world. A check throws where a promise is broken. Time is the world's: a check waits by
 * `pass`, never by the clock of the machine.
 */
import { assert } from "@skerry/base";
import type { Acknowledged, BatchEnd, TriggerBatch, TriggerSource } from "./trigger.ts";

/** What the checks count on. */
export const WORLD_SETTINGS = {
  batchMessages: 4,
  batchesAtOnce: 1,
  attempts: 3,
  retryDelayMs: 100,
  retryDelayMsMax: 400,
} as const;

/** A source's surroundings, empty at first. */
export interface TriggerWorld {
  /** Batches that may be out at once over all that it is cut into. */
  readonly batchesOutMax: number;
  /** How many passes are waited for something that must come. */
  readonly passesMax: number;
  /** What the platform remembers of the batches that it ran, whoever dies; empty at first. */
  readonly ends: Map<string, BatchEnd>;
  /** Publishes to what the source reads, on record when it resolves. */
  publish(
    messages: readonly { readonly key: string | null; readonly value: string }[],
  ): Promise<void>;
  /** Another process that serves the same trigger; not started. */
  open(): Promise<TriggerSource>;
  /** Its process ends without a word: nothing that it does reaches anybody any more. */
  kill(source: TriggerSource): void;
  /** It is believed to be dead, and does not know. Whatever it says still arrives. */
  isolate(source: TriggerSource): void;
  /** Some time goes by, and whatever can happen meanwhile happens. */
  pass(): Promise<void>;
  nowMs(): number;
}

/** Says how a batch ends; undefined holds it back. */
type Answer = (batch: TriggerBatch) => BatchEnd | undefined;

/** Runs each batch once by its name, and remembers everything. */
class Witness {
  readonly batches: TriggerBatch[] = [];
  readonly source: TriggerSource;
  outMost = 0;
  answer: Answer;
  readonly #world: TriggerWorld;
  readonly #out = new Map<string, TriggerBatch>();
  #done: string[] = [];
  /** Of these it is not known whether they come again. */
  readonly #unsure = new Set<string>();

  constructor(world: TriggerWorld, source: TriggerSource, answer: Answer) {
    this.#world = world;
    this.source = source;
    this.answer = answer;
  }

  static async start(world: TriggerWorld, answer: Answer = () => OK): Promise<Witness> {
    const witness = new Witness(world, await world.open(), answer);
    const sink = { deliver: (batch: TriggerBatch) => witness.#deliver(batch) };
    await during(world, witness.source.start(sink));
    return witness;
  }

  /** Values in the order in which they were settled as done. */
  get done(): readonly string[] {
    return this.#done;
  }

  /** Those of which it is sure. */
  get settled(): readonly string[] {
    return this.#done.filter((value) => !this.#unsure.has(value));
  }

  forget(): void {
    this.#done = [];
  }

  get values(): string[] {
    return this.batches.flatMap(({ messages }) => messages.map(valueOf));
  }

  get out(): readonly TriggerBatch[] {
    return [...this.#out.values()];
  }

  /** Ends what was held back. */
  async release(end: BatchEnd = OK): Promise<void> {
    const ended = this.out.map((batch) => this.end(batch, end));
    await during(this.#world, Promise.all(ended));
  }

  async end(batch: TriggerBatch, end: BatchEnd): Promise<void> {
    this.#out.delete(batch.name);
    this.#world.ends.set(batch.name, end);
    const as = await this.source.acknowledge(batch.name, end);
    if (as !== "stale" && (end.kind === "ok" || end.kind === "partial")) this.#note(batch, end, as);
  }

  #note(batch: TriggerBatch, end: BatchEnd, as: Acknowledged): void {
    const failed = new Set(end.kind === "partial" ? end.failed : []);
    const heldKeys = new Set<string>();
    for (const message of batch.messages) {
      const isHeld = message.key !== null && heldKeys.has(message.key);
      if (failed.has(message.id) && message.key !== null) heldKeys.add(message.key);
      if (!failed.has(message.id) && !isHeld) this.#push(valueOf(message), as);
    }
  }

  #push(value: string, as: Acknowledged): void {
    if (this.#unsure.delete(value)) this.#done = this.#done.filter((one) => one !== value);
    if (as === "unknown") this.#unsure.add(value);
    this.#done.push(value);
  }

  #deliver(batch: TriggerBatch): void {
    const known = this.#world.ends.get(batch.name);
    if (known !== undefined) return void this.end(batch, known);
    if (this.#out.has(batch.name)) return;
    this.batches.push(batch);
    this.#out.set(batch.name, batch);
    this.outMost = Math.max(this.outMost, this.#out.size);
    const end = this.answer(batch);
    if (end !== undefined) void this.end(batch, end);
  }
}

const OK: BatchEnd = { kind: "ok" };
const HOLD: Answer = () => undefined;

function valueOf({ value }: { readonly value: Uint8Array }): string {
  return Buffer.from(value).toString("utf8");
}

async function until(world: TriggerWorld, what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < world.passesMax; i += 1) {
    if (holds()) return;
    await world.pass();
  }
  assert(holds(), `it never came to pass: ${what}`);
}

/** Time goes by while it is waited for. */
async function during<T>(world: TriggerWorld, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  for (let i = 0; i < world.passesMax && !isOver; i += 1) await world.pass();
  assert(isOver, "a call never came to its end");
  return await over;
}

async function quiet(world: TriggerWorld, passes = 60): Promise<void> {
  for (let i = 0; i < passes; i += 1) await world.pass();
}

interface Numbered {
  readonly key: string;
  readonly value: string;
}

/** `count` messages over keys; a value names its key and its place in it. */
function numbered(count: number, keys: number, from = 0): readonly Numbered[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    return { key: `k${n % keys}`, value: `k${n % keys}#${Math.floor(n / keys)}` };
  });
}

/** Of each key, the values that were done are those published, in order, each once. */
function assertDone(done: readonly string[], published: readonly Numbered[]): void {
  const byKey = Map.groupBy(done, (value) => value.split("#")[0] ?? "");
  for (const [key, messages] of Map.groupBy(published, (message) => message.key)) {
    const [wanted, found] = [messages.map(({ value }) => value), byKey.get(key) ?? []];
    const shown = `${found.join(" ")} instead of ${wanted.join(" ")}`;
    assert(found.join(" ") === wanted.join(" "), `${key} was done as ${shown}`);
  }
}

async function assertLag(world: TriggerWorld, witness: Witness, wanted: number): Promise<void> {
  let lag = await witness.source.lag();
  for (let i = 0; i < world.passesMax && lag !== wanted; i += 1) {
    await world.pass();
    lag = await witness.source.lag();
  }
  assert(lag === wanted, `${lag} are said to wait instead of ${wanted}`);
}

/** Fails what it is told to, as often as it comes. */
function failing(isBad: (value: string) => boolean): Answer {
  return ({ messages }) => {
    const failed = messages.filter((one) => isBad(valueOf(one))).map(({ id }) => id);
    return failed.length === 0 ? OK : { kind: "partial", failed, reason: "refused" };
  };
}

const DELIVERY = {
  async "gives out what is published, each key in order, so many batches at once"(world) {
    const published = numbered(60, 7);
    await world.publish(published.slice(0, 25));
    const witness = await Witness.start(world);
    await world.publish(published.slice(25));
    await until(world, "everything is done", () => witness.done.length >= 60);
    assertDone(witness.done, published);
    await quiet(world);
    assert(witness.values.length === 60, "something came twice");
    assert(witness.outMost <= world.batchesOutMax, "too many batches were out at once");
    for (const { messages } of witness.batches) {
      assert(messages.length <= WORLD_SETTINGS.batchMessages, "a batch is too large");
    }
    await assertLag(world, witness, 0);
  },

  async "counts what is out as not settled, until it is told"(world) {
    await world.publish(numbered(3, 1));
    const witness = await Witness.start(world, HOLD);
    await until(world, "a batch is out", () => witness.out.length > 0);
    await quiet(world);
    await assertLag(world, witness, 3);
    witness.answer = () => OK;
    await witness.release();
    await assertLag(world, witness, 0);
  },

  async "gives out again what was out when its process died"(world) {
    const published = numbered(30, 5);
    await world.publish(published);
    const first = await Witness.start(world, HOLD);
    await until(world, "a batch is out", () => first.out.length > 0);
    world.kill(first.source);
    const second = await Witness.start(world);
    await until(world, "everything is done", () => second.done.length >= 30);
    assertDone(second.done, published);
  },

  async "does not give out again what was acknowledged before its process died"(world) {
    const published = numbered(40, 5);
    await world.publish(published.slice(0, 20));
    const first = await Witness.start(world);
    await until(world, "all is done", () => first.done.length >= 20);
    world.kill(first.source);
    await world.publish(published.slice(20));
    const second = await Witness.start(world);
    await until(world, "the rest is done", () => second.done.length >= 20);
    await quiet(world);
    const before = first.done.filter((value) => !second.done.includes(value));
    assertDone([...before, ...second.done], published);
  },

  async "refuses the word of a process that was taken over"(world) {
    const published = numbered(12, 3);
    await world.publish(published);
    const zombie = await Witness.start(world, HOLD);
    await until(world, "a batch is out", () => zombie.out.length > 0);
    world.isolate(zombie.source);
    const second = await Witness.start(world, HOLD);
    await until(world, "it was taken over", () => second.out.length >= zombie.out.length);
    await zombie.release();
    assert(zombie.settled.length === 0, "a zombie settled what is another's");
    second.answer = () => OK;
    await second.release();
    await until(world, "everything is done", () => second.done.length >= 12);
    await quiet(world);
    assertDone(second.done, published);
  },

  async "takes the word on a batch once, and on none that it did not give out"(world) {
    await world.publish(numbered(2, 1));
    const witness = await Witness.start(world, HOLD);
    let words: readonly Acknowledged[] = ["stale"];
    // One whose source has just lost touch is stale, and comes again.
    for (let i = 0; i < 20 && words[0] === "stale"; i += 1) {
      await until(world, "a batch is out", () => witness.out.length > 0);
      const name = witness.out[0]?.name ?? "";
      const both = [
        witness.source.acknowledge(name, OK),
        witness.source.acknowledge(name, { kind: "failed", reason: "late" }),
      ];
      words = await during(world, Promise.all(both));
    }
    assert(words[0] !== "stale" && words[1] === "stale", `it took ${words.join()}`);
    const anybody = await during(world, witness.source.acknowledge("nobody/1", OK));
    assert(anybody === "stale", "it took any name");
  },
} satisfies TriggerChecks;

const FAILURES = {
  async "tries again only what failed, and keeps the order of its key"(world) {
    const published = numbered(40, 5);
    const seen = new Map<string, number>();
    const witness = await Witness.start(world, (batch) => {
      for (const one of batch.messages) {
        seen.set(valueOf(one), (seen.get(valueOf(one)) ?? 0) + 1);
      }
      return failing((value) => value.startsWith("k2#") && (seen.get(value) ?? 0) < 2)(batch);
    });
    await world.publish(published);
    await until(world, "everything is done", () => witness.done.length >= 40);
    await quiet(world);
    assertDone(witness.done, published);
    for (const [value, times] of seen) {
      assert(value.startsWith("k2#") || times === 1, `${value} came ${times} times`);
    }
  },

  async "gives a message up after its attempts, and holds up no other key for it"(world) {
    const published = numbered(40, 5);
    await world.publish(published);
    let failures = 0;
    const witness = await Witness.start(world, (batch) => {
      failures += batch.messages.filter((one) => valueOf(one) === "k1#0").length;
      return failing((value) => value === "k1#0")(batch);
    });
    await until(world, "everything else is done", () => witness.done.length >= 39);
    await quiet(world);
    assert(failures === WORLD_SETTINGS.attempts, `it was tried ${failures} times`);
    assertDone(
      witness.done,
      published.filter(({ value }) => value !== "k1#0"),
    );
    await assertLag(world, witness, 0);
  },

  async "gives up no message for the fault of one beside it"(world) {
    const published = numbered(24, 6);
    await world.publish(published);
    const witness = await Witness.start(world, ({ messages }) => {
      const isBad = messages.some((one) => valueOf(one) === "k3#1");
      return isBad ? { kind: "failed", reason: "threw" } : OK;
    });
    await until(world, "everything else is done", () => witness.done.length >= 23);
    await quiet(world);
    assertDone(
      witness.done,
      published.filter(({ value }) => value !== "k3#1"),
    );
    await assertLag(world, witness, 0);
  },

  async "gives nothing up while the platform cannot run it"(world) {
    const published = numbered(8, 2);
    await world.publish(published);
    let refusals = 0;
    const witness = await Witness.start(world, () => {
      refusals += 1;
      return refusals > 10 ? OK : { kind: "unavailable" };
    });
    await until(world, "everything is done", () => witness.done.length >= 8);
    assertDone(witness.done, published);
  },

  async "goes on with what is to be tried again after its process died"(world) {
    const published = numbered(20, 5);
    await world.publish(published);
    const tried = new Set<string>();
    const first = await Witness.start(world, (batch) => {
      const values = batch.messages.map(valueOf);
      if (values.some((value) => tried.has(value))) return undefined;
      for (const value of values) if (value.startsWith("k4#")) tried.add(value);
      return failing((value) => tried.has(value))(batch);
    });
    await until(world, "some failed", () => tried.size > 0 && first.done.length > 0);
    await quiet(world, 20);
    world.kill(first.source);
    const second = await Witness.start(world);
    await until(world, "all are done", () => second.done.some((value) => value === "k4#3"));
    await quiet(world);
    const last = published.filter(({ value }) => value.startsWith("k4#"));
    assertDone(
      second.done.filter((value) => value.startsWith("k4#")),
      last,
    );
  },
} satisfies TriggerChecks;

const LANE_AND_OFFSET = /^(.+):(\d+)$/;

const STEERING = {
  async "gives nothing out while it is paused, and loses nothing by it"(world) {
    const published = numbered(20, 4);
    const witness = await Witness.start(world);
    await world.publish(published.slice(0, 8));
    await until(world, "the first are done", () => witness.done.length >= 8);
    await during(world, witness.source.pause());
    const before = witness.batches.length;
    await world.publish(published.slice(8));
    await quiet(world);
    assert(witness.batches.length === before, "a batch was given out in a pause");
    await during(world, witness.source.resume());
    await until(world, "everything is done", () => witness.done.length >= 20);
    assertDone(witness.done, published);
  },

  async "stays paused over the death of its process"(world) {
    await world.publish(numbered(6, 2));
    const first = await Witness.start(world, HOLD);
    await during(world, first.source.pause());
    world.kill(first.source);
    const second = await Witness.start(world);
    await quiet(world, 600);
    assert(second.batches.length === 0, "a batch was given out in a pause");
    await during(world, second.source.resume());
    await until(world, "everything is done", () => second.done.length >= 6);
  },

  async "gives everything out again from the beginning, when told so"(world) {
    const published = numbered(16, 4);
    await world.publish(published);
    const witness = await Witness.start(world);
    await until(world, "everything is done", () => witness.done.length >= 16);
    witness.answer = HOLD;
    await world.publish(numbered(1, 1, 100));
    await until(world, "a batch is out", () => witness.out.length > 0);
    const [stale] = witness.out;
    await during(world, witness.source.seek({ kind: "earliest" }));
    assert(stale !== undefined, "a batch is out");
    const as = await during(world, witness.source.acknowledge(stale.name, OK));
    assert(as === "stale", "a batch from before a seek was settled");
    witness.forget();
    witness.answer = () => OK;
    await witness.release();
    await until(world, "it came again", () => witness.done.length >= 17);
    await quiet(world);
    assertDone(witness.done, [...published, ...numbered(1, 1, 100)]);
  },

  async "goes on from a time, and from the end"(world) {
    const early = numbered(8, 4);
    const late = numbered(8, 4, 8);
    await world.publish(early);
    await world.pass();
    const timeMs = world.nowMs();
    await world.publish(late);
    const witness = await Witness.start(world, HOLD);
    await during(world, witness.source.seek({ kind: "latest" }));
    await assertLag(world, witness, 0);
    witness.answer = () => OK;
    await during(world, witness.source.seek({ kind: "time", timeMs }));
    await until(world, "the late ones are done", () => witness.done.length >= 8);
    await quiet(world);
    assertDone(witness.done, late);
    assert(witness.done.length === 8, "an early one came");
  },

  /** Of a source that is read by offset; one that is not says so by its ids. */
  async "goes on from an offset of one lane, and leaves the others alone"(world) {
    await world.publish(numbered(24, 8));
    const witness = await Witness.start(world);
    await until(world, "everything is done", () => witness.done.length >= 24);
    await quiet(world);
    const [first] = witness.batches;
    const place = LANE_AND_OFFSET.exec(first?.messages.at(-1)?.id ?? "");
    if (place === null) return;
    const [, lane = "", offset] = place;
    const from = Number(offset);
    const again = witness.batches
      .flatMap(({ messages }) => messages)
      .filter(({ id }) => id.startsWith(`${lane}:`) && Number(id.slice(lane.length + 1)) >= from);
    witness.forget();
    await during(world, witness.source.seek({ kind: "offsets", offsets: { [lane]: from } }));
    await until(world, "they came again", () => witness.done.length >= again.length);
    await quiet(world);
    assert(
      witness.done.toSorted().join() === again.map(valueOf).toSorted().join(),
      "what came again is not what follows the offset",
    );
  },
} satisfies TriggerChecks;

/** By title; each in a fresh world. */
export type TriggerChecks = Readonly<Record<string, (world: TriggerWorld) => Promise<void>>>;

/** The whole of the contract. */
export const TRIGGER_CHECKS: TriggerChecks = { ...DELIVERY, ...FAILURES, ...STEERING };

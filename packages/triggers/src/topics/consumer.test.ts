import assert from "node:assert/strict";
import { it } from "node:test";
import { groupSettings, type GroupSettings } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import { decide, type BatchResult, type ConsumerEvent } from "./consumer.ts";
import {
  flightsOf,
  startConsumer,
  type ConsumerState,
  type MessageHead,
} from "./consumer-state.ts";

/** A consumer with a log of keys, `-` for none, and what it did, as words. */
class Script {
  nowMs = 0;
  words: string[] = [];
  state: ConsumerState;
  readonly #log: readonly MessageHead[];

  constructor(keys: string, settings: Partial<GroupSettings> = {}) {
    this.#log = keys.split("").map((key, offset) => ({
      ...{ offset, key: key === "-" ? null : key, bytes: 10, atMs: 0 },
    }));
    this.state = startConsumer({
      settings: groupSettings.parse({
        batchesAtOnce: 1,
        retryDelayMs: 100,
        batchMessages: 4,
        ...settings,
      }),
      ...{ position: 0, readOffset: 0, endOffset: 0, open: [], nextFlight: 1, heads: [] },
      isPaused: false,
    });
    this.tell({ kind: "appended", endOffset: this.#log.length });
  }

  /** What it did since it was asked last. */
  get news(): string {
    return this.words.splice(0).join(" ");
  }

  tell(event: ConsumerEvent): void {
    const { state, effects } = decide(this.state, event, this.nowMs);
    this.state = state;
    for (const effect of effects) {
      if (effect.kind === "dispatch") {
        this.words.push(`${effect.flight}:${effect.offsets.join(",")}`);
      } else if (effect.kind === "save") {
        this.words.push(...effect.dead.map(({ offset }) => `dead:${offset}`));
      } else if (effect.kind === "wake") this.words.push(`wake:${effect.atMs}`);
      else this.#read(effect.from, effect.messagesMax);
    }
  }

  #read(from: number, messagesMax: number): void {
    const nextOffset = Math.min(this.#log.length, from + messagesMax);
    const messages = this.#log.slice(from, nextOffset);
    this.tell({ kind: "read", from, messages, nextOffset, endOffset: this.#log.length });
  }

  end(flight: number, result: BatchResult): void {
    this.tell({ kind: "ended", flight, result, chance: 1 });
  }

  at(nowMs: number): void {
    this.nowMs = nowMs;
    this.tell({ kind: "tick" });
  }
}

const OK: BatchResult = { kind: "ok" };
const FAILED: BatchResult = { kind: "failed", reason: "threw" };
const named = (...failed: number[]): BatchResult => ({ kind: "partial", failed, reason: "bad" });

void it("gives out full batches in order, the rest when the oldest has waited", () => {
  const script = new Script("abcdef", { batchWaitMs: 50 });
  assert.equal(script.news, "1:0,1,2,3");
  script.end(1, OK);
  assert.equal(script.news, "wake:50");
  script.at(50);
  assert.equal(script.news, "2:4,5");
});

void it("closes a batch before the message that would make it too large", () => {
  const script = new Script("abcd", { batchBytes: 25 });
  assert.equal(script.news, "1:0,1");
});

void it("runs batches at once only with keys that are in none of them", () => {
  const script = new Script("aabacabd", { batchMessages: 2, batchesAtOnce: 3 });
  assert.equal(script.news, "1:0,1 2:2,4 3:7");
  script.end(1, OK);
  assert.equal(script.news, "4:3,5");
  script.end(2, OK);
  assert.equal(script.news, "5:6");
});

void it("tries again what was named, and what follows it with its key, and settles the rest", () => {
  const script = new Script("abab", {});
  assert.equal(script.news, "1:0,1,2,3");
  script.end(1, named(1));
  assert.equal(script.news, "wake:100");
  assert.deepEqual(
    script.state.open.map(({ offset, attempts }) => [offset, attempts]),
    [
      [1, 1],
      [3, 0],
    ],
  );
  script.at(100);
  assert.equal(script.news, "2:1,3");
});

void it("goes on with other keys while one waits to be tried again", () => {
  const script = new Script("aabb", { batchMessages: 1 });
  script.end(1, FAILED);
  assert.equal(script.news, "1:0 2:2");
  script.end(2, OK);
  script.end(3, OK);
  assert.equal(script.news, "3:3 wake:100");
  script.at(100);
  assert.equal(script.news, "4:0");
});

void it("halves a batch that failed as a whole until the culprit is alone, and gives up that one", () => {
  const script = new Script("abcd", { attempts: 2 });
  const toxic = 2;
  const given: string[] = [];
  for (let i = 0; i < 20 && (script.state.open.length > 0 || i === 0); i += 1) {
    const news = script.news;
    given.push(...news.split(" ").filter((word) => !word.startsWith("wake")));
    const [flight, offsets = ""] = (/\d+:[\d,]+/.exec(news)?.[0] ?? "").split(":");
    if (offsets === "") script.at(script.nowMs + 1_000);
    else script.end(Number(flight), offsets.split(",").includes(`${toxic}`) ? FAILED : OK);
  }
  assert.deepEqual(given.join(" ").trim().split(/\s+/), [
    ...["1:0,1,2,3", "2:0,1", "3:2,3", "4:2", "5:3", "6:2"],
  ]);
  assert.equal(script.news, "dead:2");
});

void it("waits longer with each fault of the platform, and gives nothing up for them", () => {
  const script = new Script("a", { attempts: 1, retryDelayMsMax: 300 });
  const waits: string[] = [script.news];
  for (let flight = 1; flight <= 4; flight += 1) {
    const beforeMs = script.nowMs;
    script.end(flight, { kind: "unavailable" });
    const wakeMs = Number(/wake:(\d+)/.exec(script.news)?.[1]);
    waits.push(String(wakeMs - beforeMs));
    script.at(wakeMs);
    assert.equal(script.news, `${flight + 1}:0`);
  }
  assert.deepEqual(waits, ["1:0", "100", "200", "300", "300"]);
});

void it("skips and counts what has become too old", () => {
  const script = new Script("abc", { batchMessages: 1, maxAgeMs: 1_000 });
  assert.equal(script.news, "1:0");
  script.nowMs = 2_000;
  const { effects } = decide(
    script.state,
    { kind: "ended", flight: 1, result: OK, chance: 0 },
    2_000,
  );
  const [save] = effects;
  assert.ok(save?.kind === "save");
  assert.deepEqual([save.saved.expired, save.saved.settled, save.saved.position], [2, 1, 3]);
});

void it("a batch keeps its name where retention took a part of it, and its end counts for the rest", () => {
  const out = { attempts: 0, dueMs: 0, suspects: 0, flight: 7 };
  const heads = [1, 2].map((offset) => ({ offset, key: null, bytes: 10, atMs: 0 }));
  const begin = () =>
    startConsumer({
      ...{ settings: groupSettings.parse({}), position: 0, readOffset: 3, endOffset: 3 },
      ...{ open: [0, 1, 2].map((offset) => ({ ...out, offset })), nextFlight: 8 },
      ...{ isPaused: false, heads },
    });
  assert.deepEqual([...flightsOf(begin())], [7]);
  const endOf = (result: BatchResult): readonly unknown[] => {
    const ended = { kind: "ended", flight: 7, result, chance: 0 } as const;
    const save = decide(begin(), ended, 2_000).effects.find(({ kind }) => kind === "save");
    assert.ok(save?.kind === "save");
    const { settled, expired, open } = save.saved;
    return [settled, expired, open.map(({ offset, attempts }) => [offset, attempts])];
  };
  assert.deepEqual(endOf(OK), [2, 1, []]);
  assert.deepEqual(endOf(named(0)), [2, 1, []], "only what is gone has failed");
  assert.deepEqual(endOf(named(0, 2)), [1, 1, [[2, 1]]]);
  // The control: what names nothing of the batch fails all of it.
  assert.equal(endOf(named(9))[0], 0);
});

void it("gives nothing out in a pause, and hears how the rest ends", () => {
  const script = new Script("ab", { batchMessages: 1 });
  script.tell({ kind: "paused", isPaused: true });
  script.end(1, OK);
  assert.equal(script.news, "1:0");
  script.tell({ kind: "paused", isPaused: false });
  assert.equal(script.news, "2:1");
});

void it("reads past a key that is held back, up to its bound", () => {
  const script = new Script(
    `a${"a".repeat(LIMITS.topicOpenMessagesMax - 100)}b${"a".repeat(500)}`,
    {
      batchMessages: 1,
    },
  );
  script.end(1, FAILED);
  assert.match(script.news, /^1:0 2:3901\b/);
  script.end(2, OK);
  assert.ok(script.state.open.length <= LIMITS.topicOpenMessagesMax);
});

void it("waits before it reads again where a read brought nothing", () => {
  const script = new Script("");
  const empty = { messages: [], nextOffset: 0, endOffset: 0 };
  script.tell({ kind: "appended", endOffset: 5 });
  script.words.length = 0;
  const vain = decide({ ...script.state, isReading: true }, { kind: "read", from: 0, ...empty }, 0);
  assert.deepEqual(vain.effects, [{ kind: "wake", atMs: 500 }]);
});

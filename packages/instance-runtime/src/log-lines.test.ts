import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS, LOG_LINE_MARK, type RuntimeLogLine } from "@skerry/contracts";
import { cutToLimit, LOG_BACKLOG_BYTES_MAX, LogLines } from "./log-lines.ts";

interface Rig {
  readonly lines: LogLines;
  /** What the descriptor has taken. */
  readonly written: () => string;
  readonly writes: () => number;
  /** Bytes the descriptor takes from now on. */
  room: number;
  endTurn(): void;
  passMs(ms: number): void;
}

function rig(): Rig {
  let output = Buffer.alloc(0);
  let writes = 0;
  let nowMs = 0;
  let turnEnds: (() => void)[] = [];
  let timers: { at: number; run: () => void }[] = [];
  const self = {
    room: Infinity,
    written: () => output.toString(),
    writes: () => writes,
    endTurn: () => {
      for (const run of turnEnds.splice(0)) run();
    },
    passMs: (ms: number) => {
      nowMs += ms;
      const due = timers.filter(({ at }) => at <= nowMs);
      timers = timers.filter(({ at }) => at > nowMs);
      for (const { run } of due) run();
    },
  };
  const lines = new LogLines({
    tryWrite: (bytes) => {
      const taken = Math.min(bytes.length, self.room);
      self.room -= taken;
      output = Buffer.concat([output, bytes.subarray(0, taken)]);
      writes += 1;
      return taken;
    },
    clock: {
      monotonicMs: () => nowMs,
      wallMs: () => 1_000,
      schedule: (delayMs, run) => {
        timers.push({ at: nowMs + delayMs, run });
        return () => undefined;
      },
    },
    scheduleFlush: (flush) => turnEnds.push(flush),
    pause: () => (nowMs += 1),
  });
  turnEnds = [];
  return Object.assign(self, { lines });
}

function entriesOf(text: string): RuntimeLogLine[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith(LOG_LINE_MARK))
    .map((line) => JSON.parse(line.slice(1)) as RuntimeLogLine);
}

test("an entry is the mark, JSON and a line feed, also when its text has several lines", () => {
  const { lines, written } = rig();
  lines.line("warn", "one\ntwo", "id");
  assert.equal(written(), `${LOG_LINE_MARK}{"t":1000,"l":"warn","r":"id","m":"one\\ntwo"}\n`);
});

test("the first lines of a turn leave at once, a flood leaves in one write at its end", () => {
  const { lines, written, writes, endTurn } = rig();
  lines.line("info", "first");
  assert.equal(entriesOf(written()).length, 1, "what precedes a hang is not lost");
  for (let n = 0; n < 100; n += 1) lines.line("info", String(n));
  assert.ok(writes() < 12, `${writes()} writes`);
  endTurn();
  assert.equal(entriesOf(written()).length, 101);
  assert.ok(writes() < 13);
});

test("a line after a quiet millisecond leaves at once, however many came before", () => {
  const { lines, written, passMs } = rig();
  for (let n = 0; n < 100; n += 1) lines.line("info", String(n));
  passMs(1);
  lines.line("info", "late");
  assert.equal(entriesOf(written()).at(-1)?.m, "late");
});

test("a reader that is full loses nothing up to the bound, then lines are dropped and counted", () => {
  const log = rig();
  log.room = 10;
  const text = "x".repeat(1000);
  const sent = Math.ceil(LOG_BACKLOG_BYTES_MAX / 1000) + 50;
  for (let n = 0; n < sent; n += 1) log.lines.line("info", text);
  log.endTurn();
  assert.equal(log.written().length, 10);
  log.room = Infinity;
  log.passMs(5);
  const entries = entriesOf(log.written());
  const dropped = Number(/(\d+) lines dropped/.exec(entries.at(-1)?.m ?? "")?.[1]);
  assert.ok(dropped > 0);
  assert.equal(entries.length - 1 + dropped, sent);
});

test("raw output keeps its place among entries and never runs into one", () => {
  const { lines, written, endTurn } = rig();
  let done = 0;
  lines.line("info", "a");
  lines.raw(Buffer.from("raw without end"), () => (done += 1));
  lines.line("info", "b");
  endTurn();
  const [before, raw, after, ...rest] = written().split("\n");
  assert.ok(before?.startsWith(LOG_LINE_MARK) && before.endsWith('"m":"a"}'));
  assert.equal(raw, "raw without end");
  assert.ok(after?.startsWith(LOG_LINE_MARK) && after.endsWith('"m":"b"}'));
  assert.deepEqual(rest, [""]);
  assert.equal(done, 1);
});

test("raw output is acknowledged only when it has left", () => {
  const log = rig();
  let done = false;
  log.room = 3;
  log.lines.raw(Buffer.from("123456"), () => (done = true));
  log.endTurn();
  assert.equal(done, false);
  log.room = Infinity;
  log.passMs(5);
  assert.equal(done, true);
  assert.equal(log.written(), "123456");
});

test("drain waits for a slow reader, but not for ever; later lines leave at once", () => {
  const log = rig();
  log.room = 0;
  log.lines.line("info", "held");
  log.lines.drain();
  assert.equal(log.written(), "");
  log.room = Infinity;
  log.lines.line("info", "last words");
  assert.deepEqual(
    entriesOf(log.written()).map(({ m }) => m),
    ["held", "last words"],
  );
});

test("a long line is cut at a whole character and says what is missing", () => {
  const cut = cutToLimit("é".repeat(LIMITS.logLineBytesMax));
  const [kept = "", rest = ""] = cut.split("…");
  assert.equal(Buffer.byteLength(kept), LIMITS.logLineBytesMax);
  assert.equal(rest, ` [cut: ${LIMITS.logLineBytesMax} bytes more]`);
  assert.equal(cutToLimit("aé", 2), "a… [cut: 2 bytes more]");
  assert.equal(cutToLimit("short"), "short");
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import {
  createIdSource,
  seededRandom,
  systemClock,
  type FunctionId,
  type InstanceId,
  type RevisionId,
} from "@skerry/base";
import { LIMITS, LOG_LINE_MARK, type SpooledLogLine } from "@skerry/contracts";
import { HandClock } from "@skerry/testkit";
import { LogCollector } from "./log-collector.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261110);
const OWNER = { f: "fn_1" as FunctionId, v: "rev_1" as RevisionId, i: "inst_1" as InstanceId };
const REQUEST = createIdSource({ clock: systemClock(), random: seededRandom(1) }).requestId();

interface Fixture {
  readonly collector: LogCollector;
  readonly clock: HandClock;
  readonly lines: SpooledLogLine[];
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

function fixture(options: { readonly owned?: boolean } = {}): Fixture {
  const clock = new HandClock();
  clock.advance(5_000);
  const lines: SpooledLogLine[] = [];
  const collector = new LogCollector({
    clock,
    spool: {
      append: (bytes) => lines.push(JSON.parse(Buffer.from(bytes).toString()) as SpooledLogLine),
    },
  });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  collector.follow({ stdout, stderr });
  if (options.owned !== false) collector.own(OWNER);
  return { collector, clock, lines, stdout, stderr };
}

/** Writes and lets the stream deliver. */
async function write(
  stream: PassThrough,
  ...parts: readonly (string | Uint8Array)[]
): Promise<void> {
  for (const part of parts) {
    stream.write(part);
    await new Promise(setImmediate);
  }
}

function marked(line: object): string {
  return `${LOG_LINE_MARK}${JSON.stringify(line)}\n`;
}

function shortOf(lines: readonly SpooledLogLine[]): readonly string[] {
  return lines.map(({ s, l, r, m }) => `${s} ${l} ${r === undefined ? "-" : "r"} ${m}`);
}

test("a marked line keeps its time, level and request; raw output says only where it came from", async () => {
  const { lines, stdout, stderr, clock } = fixture();
  const t = clock.wallMs() - 3.25;
  await write(stdout, marked({ t, l: "warn", r: REQUEST, m: "two\nlines" }), "raw\n");
  await write(stderr, "bad\n");
  assert.deepEqual(lines, [
    { t, l: "warn", s: "console", ...OWNER, r: REQUEST, m: "two\nlines" },
    { t: clock.wallMs(), l: "info", s: "stdout", ...OWNER, m: "raw" },
    { t: clock.wallMs(), l: "error", s: "stderr", ...OWNER, m: "bad" },
  ]);
});

test("lines are the same wherever chunks are cut, inside characters too", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED);
  const text =
    marked({ t: 1, l: "info", m: "größe 😀" }) +
    "rohe Zeile ß\n\n" +
    marked({ t: 1, l: "error", m: "" }) +
    "語\n";
  const bytes = Buffer.from(text);
  const whole = fixture();
  await write(whole.stdout, bytes);
  assert.deepEqual(shortOf(whole.lines), [
    "console info - größe 😀",
    "stdout info - rohe Zeile ß",
    "stdout info - ",
    "console error - ",
    "stdout info - 語",
  ]);
  for (let round = 0; round < 100; round += 1) {
    const cut = fixture();
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + Math.floor(random.float() * 12);
      cut.stdout.write(bytes.subarray(at, end));
      at = end;
    }
    await new Promise(setImmediate);
    assert.deepEqual(shortOf(cut.lines), shortOf(whole.lines));
  }
});

test("what only looks like the runtime's line is raw output", async () => {
  const { lines, stdout, stderr } = fixture();
  const bad = [
    "not JSON",
    "null",
    "[]",
    "{}",
    '{"t":"1","l":"info","m":"x"}',
    '{"t":1,"l":"loud","m":"x"}',
    '{"t":1,"l":"info"}',
  ];
  for (const text of bad) await write(stdout, `${LOG_LINE_MARK}${text}\n`);
  await write(stderr, marked({ t: 1, l: "info", m: "on stderr" }));
  assert.deepEqual(
    lines.map(({ s }) => s),
    [...bad.map(() => "stdout"), "stderr"],
  );
});

test("a forged line is taken within bounds: its time, its request, its length", async () => {
  const { lines, stdout, clock } = fixture();
  const now = clock.wallMs();
  for (const t of [1e300, -1, now + 86_400_000, 0, now - 90_000_000])
    await write(stdout, marked({ t, l: "info", m: "x" }));
  assert.deepEqual(
    lines.map(({ t }) => t),
    Array.from({ length: 5 }, () => now),
  );
  for (const r of [5, {}, "", "x".repeat(5_000), "00000000-0000-0000-0000-00000000000g"])
    await write(stdout, marked({ t: now, l: "info", r, m: "x" }));
  assert.ok(lines.every(({ r }) => r === undefined));
  await write(stdout, marked({ t: now, l: "info", m: "y".repeat(60_000), f: "fn_other" }));
  const last = lines.at(-1);
  assert.ok(Buffer.byteLength(last?.m ?? "") < LIMITS.logLineBytesMax + 100);
  assert.equal(last?.f, OWNER.f);
});

test("a message of the runtime at its limit is kept whole, however JSON writes it", async () => {
  for (const character of ["a", '"', "\n", "\u0001", "ß", "\\"]) {
    const { lines, stdout, clock } = fixture();
    const m = character.repeat(LIMITS.logLineBytesMax / Buffer.byteLength(character));
    await write(stdout, marked({ t: clock.wallMs(), l: "info", m: `${m}… [cut: 5 bytes more]` }));
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.s, "console");
    assert.ok(lines[0]?.m === `${m}… [cut: 5 bytes more]`, JSON.stringify(character));
  }
});

test("a raw line above the limit is cut at a whole character and says how much is missing", async () => {
  for (const [character, bytes] of [
    ["a", 1],
    ["ß", 2],
    ["語", 3],
    ["😀", 4],
  ] as const) {
    const { lines, stdout } = fixture();
    const count = 200_000;
    await write(stdout, `${character.repeat(count)}\nnext\n`);
    const [cut, next] = lines.map(({ m }) => m);
    const kept = Math.floor(LIMITS.logLineBytesMax / bytes);
    assert.ok(cut === `${character.repeat(kept)}… [cut: ${(count - kept) * bytes} bytes more]`);
    assert.equal(next, "next");
  }
});

test("a flood is cut off at its share, counted, and told once it is over", async () => {
  const { lines, stdout, clock } = fixture();
  const text = "f".repeat(1_000);
  const fits = Math.floor(LIMITS.logBytesPerSecondMax / text.length);
  await write(stdout, `${text}\n`.repeat(fits + 500));
  assert.equal(lines.length, fits);
  clock.advance(1_000);
  await write(stdout, "after\n");
  assert.deepEqual(
    lines.slice(fits).map(({ s, m }) => `${s} ${m}`),
    [
      `platform 500 log lines dropped: more than ${LIMITS.logBytesPerSecondMax} bytes in a second.`,
      "stdout after",
    ],
  );
});

test("a flood without a line's end holds no memory and drops nothing else", async () => {
  const { lines, stdout } = fixture();
  for (let n = 0; n < 50; n += 1) await write(stdout, "z".repeat(100_000));
  await write(stdout, "\nnext\n");
  assert.match(lines[0]?.m ?? "", /… \[cut: 4983616 bytes more\]$/);
  assert.equal(lines[1]?.m, "next");
});

test("what a blank prints belongs to nobody; its last words are still remembered", async () => {
  const { collector, lines, stdout, stderr } = fixture({ owned: false });
  await write(stdout, "from a blank\n", marked({ t: 1, l: "info", m: "too" }));
  await write(stderr, "why it died\n");
  collector.remark("info", "nobody's");
  assert.deepEqual(lines, []);
  assert.deepEqual(collector.tail, ["why it died"]);
  collector.own(OWNER);
  await write(stdout, "from an instance\n");
  assert.deepEqual(shortOf(lines), ["stdout info - from an instance"]);
});

test("what is unfinished at the end is written out, by the stream's end or by flush", async () => {
  const { collector, lines, stdout, stderr } = fixture();
  await write(stdout, "no newline");
  await write(stderr, "half");
  collector.flush();
  assert.deepEqual(shortOf(lines), ["stdout info - no newline", "stderr error - half"]);
  await write(stdout, "the very end");
  stdout.end();
  stderr.end();
  await collector.lastWords();
  assert.equal(lines.at(-1)?.m, "the very end");
});

test("last words are waited for, but not for ever", async () => {
  const { collector, clock } = fixture();
  let isOver = false;
  const waiting = collector.lastWords().then(() => (isOver = true));
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  clock.advance(1_000);
  await waiting;
  assert.equal(clock.timers, 0);
});

test("only the newest lines of stderr are remembered", async () => {
  const { collector, stderr } = fixture();
  for (let n = 0; n < 100; n += 1) await write(stderr, `${n} ${"x".repeat(1_000)}\n`);
  assert.equal(collector.tail.length, 40);
  assert.match(collector.tail.at(-1) ?? "", /^99 x+$/);
  assert.ok(collector.tail.every((line) => line.length <= 512));
});

test("what lies in the pipes when the wait is over is still read: this process was held up", async (t) => {
  const { collector, clock } = fixture();
  // What is written to such a socket is there at once for its peer.
  const directory = mkdtempSync(join(tmpdir(), "skerry-words-"));
  const path = join(directory, "stderr");
  const server = createServer();
  const taken = once(server, "connection") as Promise<[Socket]>;
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const dying = connect(path);
  const [[stderr]] = await Promise.all([taken, once(dying, "connect")]);
  t.after(() => {
    for (const socket of [dying, stderr]) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  collector.follow({ stdout: new PassThrough(), stderr });
  // From a timer on, what is written at once is read when sockets are looked at, behind all timers.
  await new Promise<void>((resolve) => void systemClock().schedule(1, resolve));
  dying.write("out of memory\n");
  const told = collector.lastWords();
  clock.advance(60_000);
  await told;
  assert.deepEqual(collector.tail, ["out of memory"]);
});

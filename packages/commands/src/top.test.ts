/** The live view: as lines, by keys, and as pipes and terminals get it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { TopItem, TopResource } from "@skerry/api-schema";
import { createStyle, widthOf } from "@skerry/terminal";
import { startFakePlatform, onTerminal, withPipes } from "@skerry/testkit/clients";
import { choose, FIRST_CHOICE, moneyText, topLines, type TopChoice } from "./top-view.ts";
import { top } from "./top.ts";

const runPiped = withPipes([top]);
const runOnTerminal = onTerminal([top]);

function item(name: string, over: Partial<TopItem> = {}): TopItem {
  return {
    ...{ app: "shop", function: name, live: 0, waiting: 0, calls: 0, errors: 0, throttled: 0 },
    ...{ p50Ms: null, p95Ms: null, memoryBytes: 0, costToday: 0 },
    instances: { starting: 0, ready: 0, resting: 0 },
    ...over,
  };
}

const TOP: TopResource = {
  windowMs: 10_000,
  prices: { currency: "EUR", gbSecond: 1, millionCalls: 1, alwaysOnGbHour: 1 },
  functions: [
    item("idle"),
    item("busy", {
      ...{ live: 3, waiting: 2, calls: 120, errors: 6, p50Ms: 1.25, p95Ms: 40, throttled: 4 },
      ...{ memoryBytes: 64 << 20, costToday: 1.5 },
      instances: { starting: 1, ready: 2, resting: 0 },
    }),
    item("a-name-that-is-longer-than-what-one-would-like-to-read-in-one-line-of-a-terminal"),
  ],
};

test("the live view fits 80 and 140 columns, and any height", () => {
  const choice = FIRST_CHOICE;
  for (const columns of [80, 140]) {
    for (const rows of [5, 24]) {
      for (const coloured of [false, true]) {
        const style = createStyle(coloured);
        const lines = topLines(TOP, { choice, style, columns, rows });
        assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
        for (const line of lines) assert.ok(widthOf(line) <= columns, line);
        assert.equal(lines.join("").includes("\u001b"), coloured);
      }
    }
  }
  const style = createStyle(false);
  const [, , , first = ""] = topLines(TOP, { choice, style, columns: 140, rows: 24 });
  assert.match(first, /^shop\/busy +3\+2 +12\.0 +5% +1\.25 ms +40 ms +3 +0 +64 MiB +4 +1\.50$/);
});

test("what costs something is never shown as nothing", () => {
  const amounts = [0, 0.000_000_2, 0.000_012, 0.5, 3.414];
  const texts = ["0", "<0.000001", "0.000012", "0.500000", "3.41"];
  assert.deepEqual(amounts.map(moneyText), texts);
});

test("keys choose order and filter, and end it", () => {
  const press = (keys: readonly string[]): TopChoice | undefined => {
    let choice: TopChoice | undefined = FIRST_CHOICE;
    for (const key of keys) if (choice !== undefined) choice = choose(choice, key);
    return choice;
  };
  assert.equal(press(["s"])?.sort, "errors");
  assert.equal(press(["s", "S"])?.sort, "calls");
  assert.deepEqual(press(["/", "q", "u", "\u007f", "x", "\r"]), { ...FIRST_CHOICE, filter: "qx" });
  assert.equal(press(["/", "a", "\u001b"])?.filter, "");
  assert.equal(press(["q"]), undefined);
  assert.equal(press(["/", "\u0003"]), undefined);
  const filtered = { ...FIRST_CHOICE, filter: "BUSY" };
  const style = createStyle(false);
  const lines = topLines(TOP, { choice: filtered, style, columns: 80, rows: 24 });
  assert.equal(lines.filter((line) => line.startsWith("shop/")).length, 1);
});

test("top prints once for pipes and scripts, sorted as asked", async () => {
  await using platform = await startFakePlatform({ getTop: () => TOP });
  const { url } = platform;
  const text = await runPiped(["top"], { url });
  assert.match(text.stdout, /3 functions · 3 live · 12\.0 calls\/s · 3 instances · 64 MiB/);
  assert.ok(!text.stdout.includes("\u001b"));
  const json = await runPiped(["top", "--once", "--json", "--sort", "name"], { url });
  const { functions: items } = JSON.parse(json.stdout) as TopResource;
  assert.deepEqual(items.map((one) => one.function).slice(1), ["busy", "idle"]);
  const odd = await runPiped(["top", "--once", "--sort", "luck"], { url });
  assert.equal(odd.exitCode, 2);
});

test("on a terminal top draws over itself and leaves the terminal as it was", async () => {
  await using platform = await startFakePlatform({ getTop: () => TOP });
  const { url } = platform;
  let released = 0;
  const keys = (onKey: (key: string) => void): (() => void) => {
    setTimeout(() => onKey("ss"), 20);
    setTimeout(() => onKey("q"), 60);
    return () => void (released += 1);
  };
  const { stdout, exitCode } = await runOnTerminal(["top"], { url, keys });
  assert.equal(exitCode, 0);
  assert.equal(released, 1);
  assert.ok(stdout.startsWith("\u001b[?1049h") && stdout.endsWith("\u001b[?1049l"));
  assert.ok(!stdout.includes("\u001b[2J"), "never cleared, so it does not flicker");
  assert.match(stripVTControlCharacters(stdout), /sorted by calls[^]*sorted by p95/);
  const plain = await runOnTerminal(["top"], { url, keys, env: { NO_COLOR: "1" } });
  // oxlint-disable-next-line no-control-regex -- colours are what it is about
  assert.doesNotMatch(plain.stdout, /\u001b\[\d+m/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderTable, type Column } from "./table.ts";
import { ageText, bytesText, countText, cutTo, durationText, showable, widthOf } from "./text.ts";
import { parseServerTiming, stageLines } from "./timing.ts";
import { createStyle } from "./style.ts";

test("amounts and times are as people read them", () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 12 << 20, 5 * 2 ** 29].map(bytesText), [
    ...["0 B", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "12 MiB", "2.5 GiB"],
  ]);
  assert.deepEqual([0, 0.123, 9.99, 10, 999.4, 1_500, 59_900, 180_000].map(durationText), [
    ...["0.00 ms", "0.12 ms", "9.99 ms", "10 ms", "999 ms", "1.5 s", "59.9 s", "3 min"],
  ]);
  const hours = [1.5, 2, 5.5, 24, 48, 60, 168];
  assert.deepEqual(
    hours.map((count) => durationText(count * 3_600_000)),
    ["90 min", "2 h", "5.5 h", "24 h", "2 d", "2.5 d", "7 d"],
  );
  const now = Date.parse("2026-01-02T00:00:00Z");
  const ages = ["2026-01-01T23:59:55Z", "2026-01-01T23:48:00Z", "2026-01-01T21:00:00Z"];
  assert.deepEqual(
    ages.map((at) => ageText(at, now)),
    ["5s", "12m", "3h"],
  );
  assert.equal(ageText("2025-12-25T00:00:00Z", now), "8d");
  assert.equal(ageText("2026-01-03T00:00:00Z", now), "0s", "clocks differ");
  assert.equal(ageText("never", now), "?");
  assert.deepEqual(
    [0, 1, 2].map((n) => countText(n, "line")),
    ["0 lines", "1 line", "2 lines"],
  );
});

test("widths count columns of a terminal, not characters", () => {
  const widths = ["abc", "日本", "🙂", "e\u0301", "\u001b[31mred\u001b[39m", "👨‍👩‍👧"].map(widthOf);
  assert.deepEqual(widths, [3, 4, 2, 1, 3, 2]);
  assert.equal(cutTo("abcdef", 4), "abc…");
  assert.equal(cutTo("日本語", 4), "日…", "half a character is none");
  assert.equal(cutTo("abc", 3), "abc");
});

test("control characters become visible, line feeds and tabs stay", () => {
  assert.equal(
    showable("a\u0000\u001b[1m\t\n\r\u007f\u0085é🙂"),
    "a\\x00\\x1b[1m\t\n\\x0d\\x7f\\x85é🙂",
  );
});

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAME", text: ({ name }) => name },
  { title: "COUNT", text: ({ count }) => String(count), alignRight: true },
  { title: "NOTE", text: ({ note }) => note, flexible: true, paint: (text) => `<${text}>` },
];
const ROWS: readonly Row[] = [
  { name: "日本", count: 5, note: "short" },
  { name: "abcdef", count: 12_345, note: "x".repeat(60) },
];

test("columns are aligned, numbers to the right, and flexible ones give way", () => {
  const paintTitle = (text: string): string => text;
  assert.deepEqual(renderTable(COLUMNS, ROWS, { columns: 1_000, paintTitle }), [
    "NAME    COUNT  NOTE",
    "日本        5  <short>",
    `abcdef  12345  <${"x".repeat(60)}>`,
  ]);
  for (let columns = 25; columns < 90; columns += 1) {
    for (const line of renderTable(COLUMNS, ROWS, { columns, paintTitle })) {
      assert.ok(widthOf(line.replaceAll(/[<>]/g, "")) <= columns, `${columns}: ${line}`);
    }
  }
  const narrow = renderTable(COLUMNS, ROWS, { columns: 5, paintTitle });
  assert.ok(narrow[2]?.startsWith("abcdef  12345  <xxxxxxx…"), "what matters is never cut");
});

test("spare columns go before anything is cut, the last one first", () => {
  const columns: readonly Column<Row>[] = [
    { title: "NAME", text: ({ name }) => name },
    { title: "A", text: () => "aaaa", spare: true },
    { title: "B", text: () => "bbbb", spare: true },
    { title: "NOTE", text: () => "0123456789", flexible: true },
  ];
  const shown = (width: number): string | undefined => {
    const options = { columns: width, paintTitle: (text: string) => text };
    return renderTable(columns, ROWS.slice(1), options)[1];
  };
  assert.deepEqual([29, 24, 23, 18, 17].map(shown), [
    "abcdef  aaaa  0123456789",
    "abcdef  aaaa  0123456789",
    "abcdef  0123456789",
    "abcdef  0123456789",
    "abcdef  01234567…",
  ]);
  assert.equal(shown(30), "abcdef  aaaa  bbbb  0123456789");
});

test("Server-Timing is read as it is written, and whatever is not is left out", () => {
  const { stages, facts } = parseServerTiming(
    'queue;dur=0.5, handler;desc="my, handler;";dur=1.25, reason;desc="warm", junk, ;;=,"',
  );
  assert.deepEqual(stages, [
    { name: "queue", ms: 0.5 },
    { name: "handler", ms: 1.25 },
  ]);
  assert.deepEqual([...facts], [["reason", "warm"]]);
  assert.deepEqual(parseServerTiming(""), { stages: [], facts: new Map() });
});

test("stages show as shares of the whole, those without time not at all", () => {
  const lines = stageLines(
    [
      { name: "queue", ms: 1 },
      { name: "boot", ms: 0 },
      { name: "handler", ms: 3 },
    ],
    createStyle(false),
  );
  const bars = lines.map((line) => line.replaceAll(/[^█]/g, "").length);
  assert.deepEqual(bars, [8, 23, 0]);
  assert.match(lines.at(-1) ?? "", /total +4\.00 ms/);
  assert.equal(stageLines([], createStyle(false)).length, 1, "no division by nothing");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError, seededRandom } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { readEventList } from "./event-list.ts";

const NOW = 1_800_000_000_000;
const read = (text: string) => readEventList(Buffer.from(text), NOW);
const eventsOf = (text: string): readonly string[] =>
  read(text).map(({ bytes }) => Buffer.from(bytes).toString());

test("each event is kept as the bytes it was written in", () => {
  const events = ["1.0", "12345678901234567890", ' "a \\" , ] }" '.trim(), "null", "[ [], {} ]"];
  events.push('{"event": {"event": "]"}, "\\\\": "\\\\\\\\"}', '"größe"', '""', "{}", "-1e3");
  const list = events.map((event) => `{"event":${event}}`).join(",");
  assert.deepEqual(eventsOf(`[${list}]`), events);
  const spaced = events.map((event) => `\n { "event"\t: ${event} \r\n} `).join(" , ");
  assert.deepEqual(eventsOf(` [ ${spaced} ] `), events);
});

test("an event is found wherever its object names it, and the last name counts, as in JSON", () => {
  assert.deepEqual(eventsOf('[{"delayMs":5,"event":7,"orderingKey":"event"}]'), ["7"]);
  assert.deepEqual(eventsOf('[{"event":1,"\\u0065vent":2},{"event":3}]'), ["2", "3"]);
});

test("whatever its events look like, a list is walked as JSON reads it", () => {
  const random = seededRandom(5);
  const below = (n: number): number => Math.floor(random.float() * n);
  const words = ["", "event", 'a"b', "\\", "]}", "ü\n", ",:"];
  const value = (depth: number): unknown => {
    const kind = below(depth > 3 ? 4 : 6);
    if (kind === 0) return words[below(words.length)];
    if (kind === 1) return below(1e9) / 7;
    if (kind < 4) return [null, true, false][below(3)];
    const values = Array.from({ length: below(4) }, () => value(depth + 1));
    if (kind === 4) return values;
    return Object.fromEntries(values.map((one, i) => [words[i] ?? "", one]));
  };
  for (let round = 0; round < 2_000; round += 1) {
    const events = Array.from({ length: 1 + below(4) }, () => value(0) ?? null);
    const indent = below(3);
    const list = events.map((event) => ({ orderingKey: "k", event }));
    assert.deepEqual(
      eventsOf(JSON.stringify(list, undefined, indent)).map((text) => JSON.parse(text) as unknown),
      events,
    );
  }
});

test("what is said of an event is read as the headers are", () => {
  const list = [
    { event: 1, delayMs: 60_000 },
    { event: 2, notBefore: "2020-01-01T00:00:00Z" },
  ];
  const [first, second, third] = read(
    JSON.stringify([...list, { event: 3, orderingKey: "a b", idempotencyKey: "k" }]),
  );
  assert.deepEqual([first?.due, second?.due], [NOW + 60_000, Date.UTC(2020, 0, 1)]);
  assert.deepEqual([third?.ok, third?.idempotencyKey, third?.due], ["a b", "k", undefined]);
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["", /JSON/],
  ["[", /JSON/],
  ["{}", /no array/],
  ["[]", /empty/],
  ["[1]", /event 0 is no object/],
  ['[{"event":1},{"data":1}]', /event 1 is no object with an `event`/],
  ['[{"event":1,"key":"a"}]', /event 0 says `key`/],
  ['[{"event":1},{"event":1,"delayMs":-1}]', /`delayMs` of event 1/],
  ['[{"event":1,"delayMs":"5"}]', /`delayMs` of event 0/],
  ['[{"event":1,"delayMs":5,"notBefore":"2020-01-01T00:00:00Z"}]', /`notBefore` of event 0/],
  ['[{"event":1,"notBefore":"tomorrow"}]', /`notBefore` of event 0/],
  ['[{"event":1,"orderingKey":""}]', /`orderingKey` of event 0/],
  ['[{"event":1,"idempotencyKey":7}]', /`idempotencyKey` of event 0/],
  [
    JSON.stringify(Array.from({ length: LIMITS.asyncEventsMax + 1 }, () => ({ event: 1 }))),
    /at most/,
  ],
];

test("a list that is not as it should be is refused, and the error says what and where", () => {
  for (const [text, said] of REFUSED) {
    assert.throws(
      () => read(text),
      (error) =>
        PlatformError.from(error).reason === "GATEWAY_EVENTS_INVALID" &&
        said.test(PlatformError.from(error).message),
      text.slice(0, 80),
    );
  }
  const most = Array.from({ length: LIMITS.asyncEventsMax }, () => ({ event: 1 }));
  assert.equal(read(JSON.stringify(most)).length, LIMITS.asyncEventsMax);
});

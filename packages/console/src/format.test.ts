import assert from "node:assert/strict";
import { test } from "node:test";
import { countText, moneyText, msText, quoted, rateText, spanText } from "./index.ts";

test("times keep the digits that matter", () => {
  const texts = [null, 0, 1.234, 12.34, 123.4, 3_887, 12_345].map(msText);
  assert.deepEqual(texts, ["–", "0.00 ms", "1.23 ms", "12.3 ms", "123 ms", "3.89 s", "12.3 s"]);
  assert.deepEqual([400, 59_000, 618_300, 7_260_000].map(spanText), [
    ...["400 ms", "59 s", "10 min 18 s", "2 h 1 min"],
  ]);
});

test("a small amount of money keeps two digits that are not zero, and no currency is guessed", () => {
  const texts = [0, 0.000_000_21, 0.0013, 12.5, 1_234].map((amount) => moneyText(amount, "USD"));
  assert.deepEqual(texts, ["$0.00", "$0.00000021", "$0.0013", "$12.50", "$1,234.00"]);
  assert.equal(moneyText(0.5, "EUR"), "0.50 EUR");
});

test("counts and rates read at a glance", () => {
  assert.equal(countText(11_175), "11,175");
  assert.deepEqual(
    [0, 6, 90, 6_000].map((calls) => rateText(calls, 60_000)),
    ["0/s", "0.10/s", "1.5/s", "100/s"],
  );
});

test("an event stays one word of a shell, whatever quotes are in it", () => {
  assert.equal(quoted(`{"a":"it's"}`), String.raw`'{"a":"it'\''s"}'`);
});

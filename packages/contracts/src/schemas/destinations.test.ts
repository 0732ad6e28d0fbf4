import assert from "node:assert/strict";
import { test } from "node:test";
import { destination } from "./destinations.ts";

test("a destination is a function or a topic of the account, or an address that can be called", () => {
  for (const good of [
    { function: "shop/told" },
    { topic: "orders.done" },
    { webhook: "https://example.org" },
    { webhook: "https://example.org:8443/hook?to=%7Bme%7D&x=1" },
    { webhook: "http://[2001:db8::1]:8080/" },
  ]) {
    assert.deepEqual(destination.parse(good), good);
  }
});

test("what cannot be called is refused when it is deployed, by name", () => {
  const refusals: readonly (readonly [object, RegExp])[] = [
    [{}, /has one key/],
    [{ function: "shop/told", webhook: "https://example.org/" }, /has one key/],
    [{ function: "told" }, /APP\/FN/],
    [{ topic: "orders", function: "shop/told" }, /has one key/],
    [{ topic: "$bus" }, /topic name/],
    ...[
      ...["https://user:word@example.org/", "ftp://example.org/", "example.org", "https://"],
      ...["https://example.org:99999/", "https://1.2.3.999/", "https://example.org/#part"],
      ...["https://exa mple.org/", "https://example.org/\u00e9", "https://[::zz]/"],
    ].map((webhook) => [{ webhook }, /without credentials/] as const),
  ];
  for (const [bad, message] of refusals) {
    const { success, error } = destination.safeParse(bad);
    assert.ok(!success, JSON.stringify(bad));
    assert.match(error.message, message);
  }
});

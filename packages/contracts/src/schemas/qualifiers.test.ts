import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQualifiedPath, parseQualifier, versionsOfAlias } from "../qualifiers.ts";
import { aliasTarget } from "./qualifiers.ts";

test("a qualifier is $LATEST, a number from 1 on, or a name", () => {
  assert.deepEqual(parseQualifier("$LATEST"), { kind: "latest" });
  assert.deepEqual(parseQualifier("12"), { kind: "version", number: 12 });
  assert.deepEqual(parseQualifier("release"), { kind: "alias", name: "release" });
  for (const wrong of ["", "0", "01", "1.5", "-1", "1e3", "9".repeat(10), "Release", "a b", "$X"]) {
    assert.equal(parseQualifier(wrong), undefined, wrong);
  }
});

test("a function is named with its qualifier or without", () => {
  assert.deepEqual(parseQualifiedPath("shop/cart"), {
    app: "shop",
    fn: "cart",
    qualifier: undefined,
  });
  assert.deepEqual(parseQualifiedPath("shop/cart:3"), { app: "shop", fn: "cart", qualifier: "3" });
  for (const wrong of ["shop", "shop/cart:", "shop/cart:0", "shop/cart:a:b", "shop:3/cart"]) {
    assert.equal(parseQualifiedPath(wrong), undefined, wrong);
  }
});

test("shares of an alias are at most everything, and a part of a request is named", () => {
  const share = (perMille: number) => ({ version: 2, perMille });
  const isFine = (said: object): boolean => aliasTarget.safeParse({ version: 1, ...said }).success;
  assert.ok(isFine({ shares: [share(500), share(500)] }));
  assert.ok(!isFine({ shares: [share(500), share(501)] }));
  assert.ok(isFine({ stickyBy: { from: "header", name: "x-user" } }));
  assert.ok(isFine({ stickyBy: { from: "path" } }));
  assert.ok(!isFine({ stickyBy: { from: "header" } }));
  assert.ok(!isFine({ stickyBy: { from: "path", name: "x" } }));
  assert.ok(!isFine({ weight: 3 }), "unknown keys are refused");
});

test("every version that an alias may lead to is known, once", () => {
  const part = { from: "path" } as const;
  const said = aliasTarget.parse({
    version: 3,
    shares: [{ version: 2, perMille: 10 }],
    rules: [
      { part, is: { exact: "/" }, version: 5 },
      { part, is: { exact: "/x" }, version: 3 },
    ],
  });
  assert.deepEqual(versionsOfAlias(said), [3, 2, 5]);
});

/** What the start page has, as pipes get it from the command line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Asked, AT, startFakePlatform, withPipes } from "@skerry/testkit/clients";
import { CONSOLE_COMMANDS } from "./console.ts";

const runPiped = withPipes(CONSOLE_COMMANDS);

const LINE = {
  ...{ phase: "calling", atMs: 1, calls: 1, errors: 0, p50Ms: 1, p95Ms: 2, billedMs: 3 },
  ...{ memoryMb: 128, instances: { starting: 0, ready: 1, resting: 0 } },
};

test("a burst with --json is one object a line, as it comes", async () => {
  const lines = [LINE, { ...LINE, phase: "settled" }];
  await using platform = await startFakePlatform({ burstFunction: () => lines });
  const { stdout } = await runPiped(["burst", "shop/cart", "--json"], { url: platform.url });
  const told = stdout.trimEnd().split("\n");
  assert.deepEqual(
    told.map((line) => JSON.parse(line) as unknown),
    lines,
  );
});

/** A list of two pages. */
const paged =
  (items: readonly [object, object]) =>
  ({ query }: Asked): object => {
    const isFirst = query["cursor"] === undefined;
    return { items: [items[isFirst ? 0 : 1]], nextCursor: isFirst ? "2" : null };
  };

test("saved events and sign-ins are listed whole, however many pages they take", async () => {
  const event = (name: string): object => ({ name, event: { name }, updatedAt: AT });
  const session = (id: string): object => ({ id, keyId: "key_1", createdAt: AT, expiresAt: AT });
  await using platform = await startFakePlatform({
    listSavedEvents: paged([event("large"), event("small")]),
    listConsoleSessions: paged([session("ses_1"), session("ses_2")]),
  });
  const { url } = platform;
  const events = await runPiped(["events", "ls", "shop/cart"], { url });
  assert.match(
    events.stdout,
    /^NAME +EVENT\nlarge +\{"name":"large"\}\nsmall +\{"name":"small"\}\n$/,
  );
  const signIns = await runPiped(["sign-ins", "ls"], { url });
  assert.match(signIns.stdout, /^ID +KEY +UNTIL\nses_1 +key_1 .*\nses_2 +key_1 .*\n$/);
  for (const args of [
    ["events", "ls", "shop/cart"],
    ["sign-ins", "ls"],
  ]) {
    const { stdout } = await runPiped([...args, "--json"], { url });
    const { items } = JSON.parse(stdout) as { items: readonly unknown[] };
    assert.equal(items.length, 2);
  }
});

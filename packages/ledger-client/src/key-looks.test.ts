import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, PlatformError, seededRandom, type FunctionId } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { failLedger } from "./errors.ts";
import { KeyLooks } from "./key-looks.ts";

const ids = createIdSource({ clock: new HandClock(), random: seededRandom(3) });

test("of one function only so many keys are looked up at once, and of others still", async () => {
  const looks = new KeyLooks();
  const [flooded, other] = [ids.id("fn"), ids.id("fn")];
  const { promise, resolve } = Promise.withResolvers<string>();
  let asked = 0;
  const look = (f: FunctionId): Promise<string> =>
    looks.look(
      f,
      () => {
        asked += 1;
        return promise;
      },
      () => "refused",
    );
  const all = Array.from({ length: 70 }, () => look(flooded));
  const beside = look(other);
  assert.equal(asked, 65);
  resolve("known");
  const told = await Promise.all(all);
  assert.equal(told.filter((one) => one === "refused").length, 6);
  assert.deepEqual([await beside, await look(flooded)], ["known", "known"], "there is room again");
});

test("who cannot be told what its key stands for is refused as it would have been", async () => {
  const looks = new KeyLooks();
  const f = ids.id("fn");
  const details = { waitedMs: 1, retryAfterMs: 1 };
  for (const reason of ["LEDGER_AWAY", "LEDGER_UNCONFIRMED"] as const) {
    const ask = () => Promise.reject(failLedger(reason, details));
    assert.equal(await looks.look(f, ask, () => "refused"), "refused");
  }
  const broken = looks.look(
    f,
    () => Promise.reject(new TypeError("a bug")),
    () => "refused",
  );
  await assert.rejects(broken, (error) => !PlatformError.is(error), "the control");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { createLedgerClock, SET_BACK_MS_MAX } from "./ledger-clock.ts";

test("the ledger's time is the wall's as long as that goes on", () => {
  const wall = new HandClock();
  const ledger = createLedgerClock(wall);
  for (const byMs of [0, 5, 1_000, 3]) {
    wall.advance(byMs);
    assert.equal(ledger.wallMs(), wall.wallMs());
  }
  wall.jumpWall(90_000);
  assert.equal(ledger.wallMs(), wall.wallMs(), "also when it is set on");
});

test("a clock that is set back takes the ledger's time along slowly, never back", () => {
  const wall = new HandClock();
  const ledger = createLedgerClock(wall);
  let lastMs = ledger.wallMs();
  const startMs = lastMs;
  wall.jumpWall(-60_000);
  assert.equal(ledger.wallMs(), startMs, "what was due is due");
  for (let second = 1; second <= 130; second += 1) {
    wall.advance(1_000);
    const nowMs = ledger.wallMs();
    assert.ok(nowMs > lastMs, `second ${second}`);
    lastMs = nowMs;
    if (second === 100) assert.equal(nowMs, startMs + 50_000);
  }
  assert.equal(ledger.wallMs(), wall.wallMs(), "the wall has caught up");
});

test("what an earlier run of control has written is not in the future of the next", () => {
  const wall = new HandClock();
  const ledger = createLedgerClock(wall);
  const writtenMs = wall.wallMs() + 40_000;
  ledger.raise(writtenMs);
  assert.equal(ledger.wallMs(), writtenMs);
  ledger.raise(writtenMs - 10_000);
  assert.equal(ledger.wallMs(), writtenMs);
});

test("a clock that was wrong by more than the bound is followed", () => {
  const wall = new HandClock();
  const ledger = createLedgerClock(wall);
  ledger.raise(wall.wallMs() + SET_BACK_MS_MAX + 1_000);
  assert.equal(ledger.wallMs(), wall.wallMs());
  wall.jumpWall(-SET_BACK_MS_MAX - 1);
  assert.equal(ledger.wallMs(), wall.wallMs());
});

test("how far the ledger's time is ahead is told, and is nothing once the wall has caught up", () => {
  const wall = new HandClock();
  const ledger = createLedgerClock(wall);
  const aheads = [ledger.aheadMs()];
  wall.jumpWall(90_000);
  aheads.push(ledger.aheadMs());
  wall.jumpWall(-60_000);
  for (const byMs of [0, 100_000, 20_000, 1_000]) {
    wall.advance(byMs);
    aheads.push(ledger.aheadMs());
  }
  assert.deepEqual(aheads, [0, 0, 60_000, 10_000, 0, 0]);
});

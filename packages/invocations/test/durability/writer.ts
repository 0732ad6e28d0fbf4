/**
 * A process that works a ledger until it is ended, and says what was acknowledged, one line each:
 * `+ ID…` for accepted, `- END ID…` for ended, `! REASON` for refused; `ready` once its code is
 * loaded, `open` once the store is. It begins when it reads a line, and ends at the next:
 *
 *   node writer.ts DIRECTORY
 *
 * Standard output is a file, which Node writes synchronously: a line is out before the next call.
 * What is acknowledged is also appended to the file `unsynced`, which nobody flushes, and then a
 * line `u LENGTH` says how long that is.
 */
import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  PlatformError,
  silentLog,
  systemClock,
  systemRandom,
  type AccountId,
  type FunctionId,
  type RequestId,
} from "@skerry/base";
import { openSqliteStore } from "@skerry/store";
import type { NewInvocation } from "../../src/ledger/accept.ts";
import type { DestinationsByFunction } from "../../src/ledger/destinations.ts";
import { createSequence } from "../../src/ledger/sequence.ts";
import type { AttemptEnd } from "../../src/ledger/settle.ts";
import { ledgerSource, storeModule } from "../ledger-module.ts";

const ACCEPTORS = 4;
const WORKERS = 2;
const FUNCTIONS = ["fn_one", "fn_two", "fn_three"] as FunctionId[];
const HOUR_MS = 3_600_000;
const POLICY: AttemptEnd["policy"] = {
  ...{ attempts: 3, retryDelayMs: 10, retryDelayMsMax: 20, retryOn: ["error"], maxAgeMs: HOUR_MS },
};

const [TELLS, TOLD] = FUNCTIONS as [FunctionId, FunctionId];
const TOLD_OF = { kind: "function", target: "shop/two", functionId: TOLD } as const;
const DESTINATIONS: DestinationsByFunction = {
  [TELLS]: { onSuccess: { ...TOLD_OF, app: "shop", fn: "two", maxAgeMs: HOUR_MS } },
};

const [directory = ""] = process.argv.slice(2);
const clock = systemClock();
const random = systemRandom();
const nextSeq = createSequence(clock);
const isOver = new AbortController();
const deps = { log: silentLog(), clock };

say("ready");
await new Promise<void>((resolve) => process.stdin.once("data", () => resolve()));
const store = await openSqliteStore(deps, { directory, modules: [ledgerSource] });
const unsynced = openSync(join(directory, "unsynced"), "a");
say("open");
process.stdin.once("data", () => isOver.abort());
await Promise.all([
  ...Array.from({ length: ACCEPTORS }, () => repeat(acceptSome)),
  ...Array.from({ length: WORKERS }, (_, at) => repeat(() => runSome(`gateway${at}`))),
]);
closeSync(unsynced);
await store.close();
process.stdin.destroy();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function acknowledge(line: string): void {
  say(line);
  try {
    writeSync(unsynced, `${line}\n`);
    say(`u ${fstatSync(unsynced).size}`);
  } catch {
    // Its disk is cut off.
  }
}

async function repeat(act: () => Promise<void>): Promise<void> {
  while (!isOver.signal.aborted) {
    try {
      await act();
    } catch (error) {
      assert.ok(PlatformError.is(error), String(error));
      say(`! ${error.reason}`);
    }
  }
}

async function acceptSome(): Promise<void> {
  const items = Array.from({ length: 1 + Math.floor(random.float() * 12) }, newInvocation);
  const answers = await store.call(storeModule, "accept", { items, slot: slot() });
  acknowledge(`+ ${answers.map(({ id }) => id).join(" ")}`);
}

function newInvocation(): NewInvocation {
  const id = `req_${Buffer.from(random.bytes(12)).toString("hex")}` as RequestId;
  const acceptedMs = clock.wallMs();
  return {
    ...{ seq: nextSeq(), id, accountId: "acct_one" as AccountId, functionId: oneOf(FUNCTIONS) },
    ...{ app: "shop", fn: "work", source: "url", sourceId: null },
    ...{ acceptedMs, dueMs: acceptedMs, expiresMs: acceptedMs + HOUR_MS },
    orderingKey: random.float() < 0.3 ? oneOf(["a", "b"]) : null,
    idempotency:
      random.float() < 0.3 ? { key: id, digest: "d", expiresMs: acceptedMs + HOUR_MS } : null,
    ...{ event: { ct: "text/plain" }, payload: random.bytes(Math.floor(random.float() * 600)) },
  };
}

/** Claims, ends what it claimed, and lets go of the rest as if its holder had died. */
async function runSome(holder: string): Promise<void> {
  const nowMs = clock.wallMs();
  const requestIds = Array.from({ length: 8 }, () => newInvocation().id);
  const claimed = { functionId: oneOf(FUNCTIONS), holder, nowMs, requestIds, slot: slot() };
  const { runs, expired } = await store.call(storeModule, "claim", claimed);
  if (expired.length > 0) acknowledge(`- expired ${expired.join(" ")}`);
  const items = runs.slice(0, 7).map(({ id, attempt }): AttemptEnd => ({
    ...{ id, attempt, outcome: random.float() < 0.8 ? "ok" : "function_error" },
    ...{ startedMs: nowMs, endedMs: nowMs, policy: POLICY, chance: random.float() },
    result: random.bytes(40),
  }));
  const ended = { holder, items, destinations: DESTINATIONS, nowMs, slot: slot() };
  const answers = await store.call(storeModule, "settle", ended);
  for (const [i, answer] of answers.entries()) {
    if (answer.kind === "settled") acknowledge(`- ${answer.end} ${items[i]?.id}`);
  }
  const freed = { holder, kept: null, policy: POLICY, chance: 0, nowMs, rowsMax: 100 };
  await store.call(storeModule, "release", { ...freed, slot: slot() });
}

function oneOf<T>(list: readonly T[]): T {
  return list[Math.floor(random.float() * list.length)] as T;
}

function slot(): number {
  return Math.floor(random.float() * 16);
}

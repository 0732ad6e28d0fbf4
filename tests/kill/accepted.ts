/**
 * Invocations accepted to run later while processes are killed: who was answered 202, how long
 * nobody was after a kill, and whether the ledger kept its word to each.
 */
import assert from "node:assert/strict";
import { systemClock } from "@skerry/base";
import { callHttp, type Platform, type SourceFiles } from "@skerry/testkit";
import { readLedger, untilAllEnded } from "./books.ts";

/** Under way for a while, so that some are at any moment at which something is killed. */
export const LATER: SourceFiles = {
  "index.ts": `
export async function handler({ word }: { readonly word: number }): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return word;
}
`,
};

const CALLERS = 2;
const PAUSE_MS = 40;
const SHOWN = 20;

/** One that was answered 202; wall times. */
interface Accepted {
  readonly id: string;
  readonly askedMs: number;
  readonly answeredMs: number;
}

export interface Kill {
  readonly target: string;
  readonly atMs: number;
}

/** Milliseconds. */
export interface Spread {
  readonly kills: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface AcceptedAccount {
  readonly accepted: number;
  /** In the ledger without an answer that anybody heard. */
  readonly unheard: number;
  readonly lost: number;
  /** Attempts beyond the first of each. */
  readonly attemptsAgain: number;
  /** From a kill to the first 202 for what was asked after it, by what was killed. */
  readonly toAccept: Readonly<Record<string, Spread>>;
  /** From a kill to the start of the first that was asked for after it. */
  readonly toStart: Readonly<Record<string, Spread>>;
}

/** Callers that keep asking for `/-/load/later/`; what is refused is asked for again. */
export class LaterLoad {
  readonly #platform: Platform;
  readonly #clock = systemClock();
  readonly #accepted: Accepted[] = [];
  readonly #callers: readonly Promise<void>[];
  #words = 0;
  #isOver = false;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#callers = Array.from({ length: CALLERS }, () => this.#call());
  }

  /** Ends the callers, waits until all has ended, and holds the ledger against what was heard. */
  async account(kills: readonly Kill[]): Promise<AcceptedAccount> {
    await this.stop();
    await untilAllEnded(this.#platform);
    const ends = new Map(
      readLedger<{ id: string; state: string; attempts: number }>(
        this.#platform,
        "SELECT id, state, attempts FROM ledger_invocations WHERE fn = 'later'",
      ).map((row) => [row.id, row]),
    );
    const lost = lostOf(this.#accepted, ends);
    assert.deepEqual(lost.slice(0, SHOWN), [], `${lost.length} of ${this.#accepted.length}`);
    const never = { ...(this.#accepted[0] ?? assert.fail("none was accepted")), id: "req_never" };
    assert.deepEqual(lostOf([never], ends), ["req_never is undefined"], "control");
    const starts = this.#starts();
    const rows = [...ends.values()];
    return {
      accepted: this.#accepted.length,
      ...{ unheard: rows.length - this.#accepted.length, lost: lost.length },
      attemptsAgain: rows.reduce((sum, { attempts }) => sum + attempts - 1, 0),
      toAccept: spreads(kills, (atMs) => this.#firstAfter(atMs, ({ answeredMs }) => answeredMs)),
      toStart: spreads(kills, (atMs) => this.#firstAfter(atMs, ({ id }) => starts.get(id))),
    };
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    while (!this.#isOver) {
      this.#words += 1;
      const askedMs = this.#clock.wallMs();
      const answer = await callHttp({
        ...{ port: this.#platform.gatewayPort, path: "/-/load/later/", method: "POST" },
        headers: {
          ...{ "content-type": "application/json", prefer: "respond-async" },
          "x-skerry-key": this.#platform.key,
        },
        body: JSON.stringify({ word: this.#words }),
      }).catch(() => undefined);
      if (answer?.status === 202) {
        const { id } = JSON.parse(answer.text) as { readonly id: string };
        this.#accepted.push({ id, askedMs, answeredMs: this.#clock.wallMs() });
      }
      await new Promise<void>((resolve) => void this.#clock.schedule(PAUSE_MS, resolve));
    }
  }

  /** When something first happened to one that was asked for after `atMs`. */
  #firstAfter(atMs: number, when: (one: Accepted) => number | undefined): number {
    const times = this.#accepted.flatMap((one) =>
      one.askedMs > atMs ? (when(one) ?? Infinity) : [],
    );
    return times.reduce((first, time) => Math.min(first, time), Infinity);
  }

  #starts(): ReadonlyMap<string, number> {
    const sql = "SELECT id, MIN(started_ms) AS ms FROM ledger_attempts GROUP BY id";
    const rows = readLedger<{ id: string; ms: number }>(this.#platform, sql);
    return new Map(rows.map(({ id, ms }) => [id, ms]));
  }
}

function lostOf(
  accepted: readonly Accepted[],
  ends: ReadonlyMap<string, { readonly state: string }>,
): readonly string[] {
  return accepted.flatMap(({ id }) => {
    const state = ends.get(id)?.state;
    return state === "succeeded" ? [] : [`${id} is ${state}`];
  });
}

function spreads(
  kills: readonly Kill[],
  firstAfter: (atMs: number) => number,
): Readonly<Record<string, Spread>> {
  const took = kills.map(({ target, atMs }) => ({ target, ms: firstAfter(atMs) - atMs }));
  const whole = took.filter(({ target }) => target === "supervisor" || target === "all");
  const roles = took.filter((one) => !whole.includes(one));
  const named = [...Map.groupBy(took, ({ target }) => target)];
  return Object.fromEntries(
    [["any role or instance", roles] as const, ...named].map(([target, all]) => {
      return [target, spread(all.map(({ ms }) => ms))];
    }),
  );
}

function spread(all: readonly number[]): Spread {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.ceil(sorted.length * part) - 1] ?? 0;
  return { kills: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/**
 * Askers under idempotency keys, and a game with its tickets, while processes are killed: each asks
 * with one key until it has an answer that is kept, and a ticket is sent until it counts no more.
 * Afterwards each asks again, and what is in the ledger, in the topic and outside is held against
 * what they were told.
 */
import assert from "node:assert/strict";
import { systemClock } from "@skerry/base";
import { callHttp, until, type HttpAnswer, type HttpCall, type Platform } from "@skerry/testkit";
import { messagesOf } from "../../ledger/publishing.ts";
import { readLedger, untilAllEnded } from "../books.ts";
import { EFFECT, type Effects } from "./effects.ts";
import {
  faultsOf,
  type Answer,
  type Evidence,
  type Message,
  type Run,
  type Told,
} from "./faults.ts";
import { signedCall, type ServerKey } from "./tickets.ts";
import { CALLER, TOPIC, WAYS } from "./ways.ts";

type WayName = keyof typeof WAYS;

export interface WayAccount {
  readonly answered: number;
  /** Requests that a kill cut off. */
  readonly cutOff: number;
  /** Requests that were told to come again, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Of those answered: with the failure of the function, for good. */
  readonly failed: number;
}

export interface KeyedAccount {
  readonly ways: Readonly<Record<string, WayAccount>>;
  /** Signed calls whose run nobody heard of. */
  readonly unheard: number;
  /** Attempts beyond the first of each call. */
  readonly attemptsAgain: number;
  /** Effects beyond the first of each name. */
  readonly madeAgain: number;
  readonly faults: number;
}

/** Only tells what is answered from what never is. */
const ANSWERED_WITHIN_MS = 180_000;
const PAUSE_MS = 40;
const AGAIN_MS = 50;
/** Of one way, asked for at once. */
const OPEN_MAX = 5;
const ASK_AGAIN_AT_ONCE = 8;
const SHOWN = 20;
const GAME = "game's call";
const USED_UP = /^GATEWAY_TICKET_(?:USED|SKEWED)$/;

/** On a platform that may reach `effects`, with an app `load`. */
export async function deployKeyed(platform: Platform, effects: Effects): Promise<ServerKey> {
  const { client } = platform;
  const config = { auth: "none" as const, maxInstances: 2, concurrency: 50 };
  const connect = { effects: effects.address };
  const app = "load";
  await platform.deploy({ app, fn: "effect", files: EFFECT, config: { ...config, connect } });
  await platform.deploy({ app, fn: "caller", files: CALLER, config });
  await client.putTopic({ params: { topic: TOPIC }, body: { partitions: 3 } });
  const drives = { game: { ticket: "server" as const } };
  await client.putAction({
    params: { app, action: "score" },
    body: { function: "effect", drives },
  });
  return await client.createServerKey({ params: { app }, body: { name: "servers" } });
}

export class KeyedLoad {
  readonly #platform: Platform;
  readonly #serverKey: ServerKey;
  readonly #effects: Effects;
  readonly #told: Omit<Told, "again">[] = [];
  readonly #tickets: { readonly name: string; readonly answers: Answer[] }[] = [];
  readonly #cutOff = new Map<string, number>();
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #askers: readonly Promise<void>[];
  #isOver = false;

  constructor(
    platform: Platform,
    { serverKey, effects }: { readonly serverKey: ServerKey; readonly effects: Effects },
  ) {
    this.#platform = platform;
    this.#serverKey = serverKey;
    this.#effects = effects;
    const ways = Object.keys(WAYS) as WayName[];
    this.#askers = [...ways.map((way) => this.#ask(way)), this.#play()];
  }

  /** Resolves once everything that was asked for has an answer. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#askers);
  }

  /** Throws when a promise to a key or a ticket was broken. */
  async account(): Promise<KeyedAccount> {
    await this.stop();
    const evidence = await this.#gather((name) => name, this.#told);
    const faults = faultsOf(evidence);
    assert.deepEqual(faults.slice(0, SHOWN), [], `${faults.length} of ${evidence.told.length}`);
    const { runs, made } = evidence;
    return {
      ways: Object.fromEntries(
        [...Object.keys(WAYS), GAME].map((way) => [way, this.#countOf(way)]),
      ),
      unheard: this.#tickets.filter(({ answers }) => answers.length === 0).length,
      attemptsAgain: runs.reduce((sum, { attempts }) => sum + attempts - 1, 0),
      madeAgain: [...made.values()].reduce((sum, all) => sum + all.length - 1, 0),
      faults: faults.length,
    };
  }

  /**
   * For a control: the last of each way is asked for once more under a key, or a ticket, of its
   * own, as one would who has no keys. Returns what is wrong then.
   */
  async faultsWithoutKeys(): Promise<ReadonlyMap<string, readonly string[]>> {
    const last = Object.keys(WAYS).flatMap(
      (way) => this.#told.findLast((one) => one.way === way) ?? [],
    );
    const ticket = this.#tickets.findLast(({ answers }) => answers.length > 0);
    assert.ok(ticket !== undefined && last.length === Object.keys(WAYS).length);
    await untilAnswered(`${ticket.name} to be run anew`, async () => {
      const call = signedCall(this.#platform, this.#serverKey, ticket.name);
      return (await this.#send(GAME, call))?.status === 200;
    });
    const evidence = await this.#gather((name) => `${name}-anew`, last);
    const faults = faultsOf(evidence);
    return new Map(
      [...last, { way: GAME, name: ticket.name }].map(({ way, name }) => [
        way,
        faults.filter((fault) => fault.startsWith(`${name}:`)),
      ]),
    );
  }

  /**
   * One after the other. One that is cut off is asked for until it is answered, and meanwhile the
   * next ones are.
   */
  async #ask(way: WayName): Promise<void> {
    const open = new Set<Promise<void>>();
    for (let n = 0; !this.#isOver; n += 1) {
      const name = `${way.replaceAll(/\W/g, "-")}-${n}`;
      const cut = Promise.withResolvers<void>();
      const asking = this.#untilKept(way, { name, key: name }, cut.resolve).then((answer) => {
        this.#told.push({ way, name, answer });
        open.delete(asking);
      });
      open.add(asking);
      await Promise.race([asking, cut.promise]);
      if (open.size === OPEN_MAX) await Promise.race(open);
      await pause();
    }
    await Promise.all(open);
  }

  async #play(): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      const name = `game-${n}`;
      const answers: Answer[] = [];
      const call = signedCall(this.#platform, this.#serverKey, name);
      this.#tickets.push({ name, answers });
      await untilAnswered(`${name} to count no more`, async () => {
        const answer = await this.#send(GAME, call);
        if (answer?.status === 200) answers.push(shown(answer));
        return USED_UP.test(reasonOf(answer));
      });
      await pause();
    }
  }

  async #untilKept(
    way: WayName,
    asked: { readonly name: string; readonly key: string },
    wasCut = (): void => undefined,
  ): Promise<Answer> {
    const { ask, isKept } = WAYS[way];
    let failure: string | undefined;
    const answer = await untilAnswered(`an answer to ${asked.key}`, async () => {
      const told = await this.#send(way, ask(this.#platform, asked));
      if (told !== undefined && (isKept(told) || reasonOf(told) === failure)) return told;
      wasCut();
      if (told === undefined) return undefined;
      failure = failureOf(this.#platform, asked.key);
      const refused = this.#refused.get(way) ?? new Map<string, number>();
      const reason = reasonOf(told);
      this.#refused.set(way, refused.set(reason, (refused.get(reason) ?? 0) + 1));
      return undefined;
    });
    return shown(answer);
  }

  /** Undefined when it was cut off. Waits while nobody listens. */
  async #send(way: string, call: HttpCall): Promise<HttpAnswer | undefined> {
    return await untilAnswered("somebody to listen", async () => {
      const answer = await callHttp(call).catch((error: unknown) => error);
      if (isRefused(answer)) return undefined;
      if (!(answer instanceof Error)) return { answer: answer as HttpAnswer };
      this.#cutOff.set(way, (this.#cutOff.get(way) ?? 0) + 1);
      return { answer: undefined };
    }).then(({ answer }) => answer);
  }

  async #gather(
    keyOf: (name: string) => string,
    asked: readonly Omit<Told, "again">[],
  ): Promise<Evidence> {
    const platform = this.#platform;
    await untilAllEnded(platform);
    const told: Told[] = [];
    const waiting = asked.values();
    const askAgain = async (): Promise<void> => {
      for (const one of waiting) {
        const { way, name } = one;
        told.push({ ...one, again: await this.#untilKept(way, { name, key: keyOf(name) }) });
      }
    };
    await Promise.all(Array.from({ length: ASK_AGAIN_AT_ONCE }, askAgain));
    await untilAllEnded(platform);
    const kept = readLedger<{ key: string }>(
      platform,
      "SELECT key FROM ledger_keys WHERE answer IS NOT NULL",
    );
    const runs = readLedger<Run>(
      platform,
      `SELECT idempotency_key AS key, source, state, attempts,
        CAST(payload AS TEXT) AS payload, CAST(result AS TEXT) AS result
       FROM ledger_invocations WHERE fn = 'effect'`,
    );
    return {
      ...{ told, tickets: this.#tickets, runs, made: this.#effects.made },
      publishKeys: kept.map(({ key }) => key),
      messages: (await messagesOf(platform, TOPIC)) as unknown as readonly Message[],
    };
  }

  #countOf(way: string): WayAccount {
    const answers =
      way === GAME
        ? this.#tickets.flatMap((one) => one.answers)
        : this.#told.flatMap((one) => (one.way === way ? [one.answer] : []));
    const failed = answers.filter(({ text }) => text.includes('"reason"')).length;
    return {
      ...{ answered: answers.length, cutOff: this.#cutOff.get(way) ?? 0, failed },
      refused: Object.fromEntries(this.#refused.get(way) ?? []),
    };
  }
}

/**
 * Why the run under a key has failed for good, for whatever reason: whoever asks from then on is
 * told nothing else. Undefined while there is none, or while nobody can read the ledger.
 */
function failureOf(platform: Platform, key: string): string | undefined {
  const sql = `SELECT error FROM ledger_invocations
    WHERE idempotency_key = '${key}' AND state = 'failed'`;
  try {
    const [run] = readLedger<{ readonly error: string }>(platform, sql);
    return run && (JSON.parse(run.error) as { readonly reason: string }).reason;
  } catch {
    return undefined;
  }
}

/** It never left. */
function isRefused(answer: unknown): boolean {
  return answer instanceof Error && "code" in answer && answer.code === "ECONNREFUSED";
}

function untilAnswered<T>(what: string, look: () => Promise<T>) {
  return until(what, look, { deadlineMs: ANSWERED_WITHIN_MS, everyMs: AGAIN_MS });
}

function pause(): Promise<void> {
  return new Promise((resolve) => void systemClock().schedule(PAUSE_MS, resolve));
}

function shown({ status, text }: HttpAnswer): Answer {
  return { status, text };
}

/** Empty when there is none. */
function reasonOf(answer: HttpAnswer | undefined): string {
  if (answer === undefined) return "";
  const named = answer.headers["x-skerry-error"];
  if (named !== undefined) return String(named);
  return /"reason":"(\w+)"/.exec(answer.text)?.[1] ?? String(answer.status);
}

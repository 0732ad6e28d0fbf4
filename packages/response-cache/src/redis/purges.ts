/**
 * Purges in Redis: a counter for each stage, and the rules by the number at which they were made.
 * A kept answer has the counter's number of when it was asked for; only when that is not the last
 * one its rules are looked up. Commands of a connection are carried out in their order: whatever is
 * looked up after a purge was sent finds it. One that Redis does not take is held here and tried
 * again, and until then this process finds nothing of the stage.
 */
import type { Clock } from "@skerry/base";
import type { Purge } from "@skerry/contracts";
import type { KeptAnswer } from "../kept-answer.ts";
import { ALL, isBelow, ruleOf, rulesNaming } from "../purge-rules.ts";
import type { ToldPurge } from "../ports.ts";
import type { HeldStages } from "./held-stages.ts";
import { AWAY, type RedisArgument, type RedisLink } from "./link.ts";
import { purgeCommand, readShared, sharedCommand, type PurgeStep } from "./purge-script.ts";

const RETRY_MS = 500;
/** Of one stage; more become one purge of everything. */
const HELD_MAX = 10_000;
/** Of one script, for which Redis lets all others wait. */
const BATCH_MAX = 200;

/** What Redis has not taken of a stage, the oldest first. */
interface Held {
  /** By what they say, without those that are on their way. */
  steps: Map<string, PurgeStep>;
  isSending: boolean;
}

const EVERYTHING: PurgeStep = { number: 0, rules: [ALL] };

export interface RedisPurgesDeps {
  readonly link: RedisLink;
  readonly clock: Clock;
  /** Begins every key. */
  readonly prefix: string;
  /** Without it, what is held is lost when the process ends. */
  readonly heldStages?: HeldStages;
}

export class RedisPurges {
  readonly #link: RedisLink;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #heldStages: HeldStages | undefined;
  readonly #held = new Map<string, Held>();
  #isTrying = false;
  #isClosed = false;

  constructor({ link, clock, prefix, heldStages }: RedisPurgesDeps) {
    this.#link = link;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#heldStages = heldStages;
    for (const { stage, remove } of heldStages?.left() ?? []) {
      // It is in Redis, or noted as this process's own.
      void this.#take(stage, [EVERYTHING]).then(remove);
    }
  }

  /** Nothing of the stage may be found: Redis did not take a purge of it. */
  isHeld(stage: string): boolean {
    return this.#held.has(stage);
  }

  /** Resolves when it is in Redis, or is held until it is. */
  async purge(stage: string, what: Purge): Promise<void> {
    await this.#take(stage, [{ number: 0, rules: [ruleOf(what)] }]);
  }

  /** Brings a stage in line with what is told; resolves as `purge` does. */
  async follow(stage: string, told: readonly ToldPurge[]): Promise<void> {
    const steps = told.map(({ number, all }) => ({ number, rules: all.map(ruleOf) }));
    await this.#take(stage, steps);
  }

  /** Asks for the number of purges of a stage. */
  count(stage: string): RedisArgument[] {
    return ["GET", this.#key(stage, "count")];
  }

  /** Whether a purge since it was asked for names it; true when that cannot be told. */
  async isPurged({ mark, origin, tags }: KeptAnswer, count: number): Promise<boolean> {
    if (mark === count) return false;
    // A counter that went back was lost, and the purges with it.
    if (mark > count) return true;
    const { stage } = origin;
    const rules = rulesNaming(origin, tags);
    // Others may purge between any two: where a rule goes is looked up after where it was.
    const answered = await this.#link.ask(
      ["ZMSCORE", this.#key(stage, "rules"), ...rules],
      ["ZRANGE", this.#key(stage, "prefixes"), "0", "-1", "WITHSCORES"],
      ...rules.map((rule) => sharedCommand(this.#key(stage, "shared"), rule)),
      ["GET", this.#key(stage, "floor")],
    );
    if (answered === AWAY) return true;
    const [scores, prefixes, ...shared] = answered as [unknown[], unknown[], ...unknown[]];
    const floor = shared.pop() as Buffer | null;
    if (floor === null || Number(floor) > mark) return true;
    if (scores.some((score) => score !== null && Number(score) > mark)) return true;
    if (shared.some((reply) => readShared(reply) > mark)) return true;
    return pairsOf(prefixes).some(([rule, number]) => number > mark && isBelow(rule, origin));
  }

  close(): void {
    this.#isClosed = true;
  }

  async #take(stage: string, steps: readonly PurgeStep[]): Promise<void> {
    if (!this.#held.has(stage) && (await this.#send(stage, steps))) return;
    const held = this.#held.get(stage) ?? { steps: new Map(), isSending: false };
    if (!this.#held.has(stage)) this.#heldStages?.note(stage);
    this.#held.set(stage, held);
    for (const step of steps) {
      held.steps.delete(nameOf(step));
      held.steps.set(nameOf(step), step);
    }
    if (held.steps.size > HELD_MAX) held.steps = new Map([[nameOf(EVERYTHING), EVERYTHING]]);
    this.#tryLater();
  }

  /** Whether Redis took them. */
  async #send(stage: string, steps: readonly PurgeStep[]): Promise<boolean> {
    const command = purgeCommand((name) => this.#key(stage, name), steps);
    return (await this.#link.ask(command)) !== AWAY;
  }

  async #sendHeld(stage: string, held: Held): Promise<void> {
    if (held.isSending) return;
    held.isSending = true;
    while (held.steps.size > 0) {
      const some = [...held.steps].slice(0, BATCH_MAX);
      // The same may be purged again meanwhile.
      for (const [name] of some) held.steps.delete(name);
      const steps = some.map(([, step]) => step);
      if (await this.#send(stage, steps)) continue;
      held.steps = new Map([...some, ...held.steps]);
      break;
    }
    held.isSending = false;
    if (held.steps.size > 0) return this.#tryLater();
    this.#held.delete(stage);
    this.#heldStages?.clear(stage);
  }

  #tryLater(): void {
    if (this.#isTrying || this.#isClosed) return;
    this.#isTrying = true;
    this.#clock.schedule(
      RETRY_MS,
      () => {
        this.#isTrying = false;
        if (this.#isClosed) return;
        for (const [stage, held] of this.#held) void this.#sendHeld(stage, held);
      },
      { background: true },
    );
  }

  #key(stage: string, name: string): string {
    return `${this.#prefix}{${stage}}:${name}`;
  }
}

function nameOf({ number, rules }: PurgeStep): string {
  return [number, ...rules].join("\n");
}

/** Members and scores, flat or in pairs, as the two versions of the protocol say them. */
function pairsOf(members: readonly unknown[]): (readonly [string, number])[] {
  const flat = members.flat();
  return flat.flatMap((member, i) =>
    i % 2 === 0 ? [[String(member), Number(flat[i + 1])] as const] : [],
  );
}

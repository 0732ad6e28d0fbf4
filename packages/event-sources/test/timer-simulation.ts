/**
 * Two platforms on one database let timers tick while they die before and after any transaction,
 * owners change timers, and the wall clock is set. Everything follows from the seed.
 */
import type { TimerId } from "@skerry/base";
import type { Store } from "@skerry/store";
import { HandClock } from "@skerry/testkit";
import { Dice } from "@skerry/testkit/simulation";
import { storeModule } from "../src/store-module.ts";
import type { TimerScheduler } from "../src/timers/scheduler.ts";
import type { Ticked, TimerTick } from "../src/timers/tick.ts";
import { storeModule as ledgerModule } from "./ledger.ts";
import { TimerWorld, type Call } from "./timer-world.ts";

/** Protections that are taken away. */
export interface Planted {
  /** Ids do not follow from timer and time. */
  readonly freshIds?: boolean;
  /** What somebody was faster with is entered all the same. */
  readonly noFence?: boolean;
  /** A tick and its invocation are two transactions. */
  readonly twoSteps?: boolean;
}

const STEPS = 30;
const CRONS = { ten: "*/10 * * * * *", minute: "* * * * *", odd: "7 */2 * * * *" } as const;
const EVERY_MS = { ten: 10_000, minute: 60_000, odd: 120_000 } as const;
const PHASE_MS = { ten: 0, minute: 0, odd: 7_000 } as const;

type Name = keyof typeof CRONS;
const NAMES = Object.keys(CRONS) as readonly Name[];

class Died extends Error {}

/** One process: what it asks of the store may be its last word. */
class Process {
  readonly scheduler: TimerScheduler;
  isDead = false;
  pending = 0;
  readonly #store: Store;
  readonly #dice: Dice;
  readonly #planted: Planted;
  readonly #mayDie: () => boolean;

  constructor(
    { store, dice, planted }: { store: Store; dice: Dice; planted: Planted },
    at: { readonly world: TimerWorld; readonly clock: HandClock; readonly mayDie: () => boolean },
  ) {
    this.#store = store;
    this.#dice = dice;
    this.#planted = planted;
    this.#mayDie = at.mayDie;
    const call = async (module: never, name: never, args: never): Promise<unknown> => {
      this.pending += 1;
      try {
        return await this.#call(module, name, args);
      } finally {
        this.pending -= 1;
      }
    };
    this.scheduler = at.world.scheduler({ call } as unknown as Call, at.clock);
  }

  async #call(module: typeof storeModule, name: string, args: never): Promise<unknown> {
    this.#dieByChance();
    const answer =
      name === "tickTimers"
        ? await this.#tick((args as { items: readonly TimerTick[] }).items)
        : await this.#store.call(module, name as "findDueTimers", args);
    this.#dieByChance();
    return answer;
  }

  #dieByChance(): void {
    if (this.#mayDie() && this.#dice.chance(0.08)) this.isDead = true;
    if (this.isDead) throw new Died("the process is gone");
  }

  async #tick(asked: readonly TimerTick[]): Promise<readonly Ticked[]> {
    const { freshIds = false, noFence = false, twoSteps = false } = this.#planted;
    const items = freshIds ? asked.map((item) => this.#renamed(item)) : asked;
    if (!twoSteps && !noFence) return await this.#send(items);
    const answers: Ticked[] = [];
    for (const item of items) {
      const first = twoSteps ? { ...item, invocations: [] } : item;
      const [answer = "overtaken"] = await this.#send([first]);
      answers.push(answer);
      const isAccepted = answer === "overtaken" ? noFence : twoSteps;
      if (!isAccepted) continue;
      this.#dieByChance();
      const { invocations } = item;
      await this.#store.call(ledgerModule, "accept", { items: invocations, slot: 0 });
    }
    return answers;
  }

  async #send(items: readonly TimerTick[]): Promise<readonly Ticked[]> {
    return await this.#store.call(storeModule, "tickTimers", { items, slot: 0, nowMs: 0 });
  }

  #renamed(item: TimerTick): TimerTick {
    const invocations = item.invocations.map((one) => ({ ...one, id: this.#freshId() }));
    return { ...item, invocations };
  }

  #freshId() {
    const hex = Buffer.from(this.#dice.random.bytes(16)).toString("hex");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") as never;
  }
}

export interface SimulationEnd {
  readonly twice: number;
  readonly missing: number;
  readonly early: number;
  readonly deaths: number;
  readonly difference: number;
}

/** Plays one seed; the store is left without timers. */
export async function simulateTimers(
  store: Store,
  options: {
    readonly seed: number;
    readonly planted?: Planted;
    /** Clocks are never set, and show the same. */
    readonly isSteady?: boolean;
  },
): Promise<SimulationEnd> {
  const { seed, planted = {}, isSteady = false } = options;
  const dice = new Dice(seed);
  const clocks = [new HandClock(), new HandClock()] as const;
  const world = new TimerWorld(store, clocks[0]);
  if (!isSteady) clocks[1].jumpWall(Math.round(dice.float() * 400) - 200);
  let isWild = true;
  let deaths = 0;
  const start = (clock: HandClock): Process => {
    const process = new Process({ store, dice, planted }, { world, clock, mayDie: () => isWild });
    process.scheduler.wake();
    return process;
  };
  const running = clocks.map(start);
  const fromMs = world.clock.wallMs();
  const ids = new Map<Name, TimerId>();
  for (const name of NAMES) {
    ids.set(name, (await world.put(name, { cron: CRONS[name], missed: "all" })).id);
  }
  let latestMs = fromMs;
  const step = async (ms: number): Promise<void> => {
    for (const [i, clock] of clocks.entries()) {
      clock.advance(ms);
      latestMs = Math.max(latestMs, clock.wallMs());
      if (running[i]?.isDead !== true) continue;
      deaths += 1;
      await running[i].scheduler.close();
      running[i] = start(clock);
    }
    await settle(running, clocks);
  };
  for (let n = 0; n < STEPS; n += 1) {
    const chance = dice.float();
    const jumpMs = Math.round((dice.float() - 0.6) * 90_000);
    if (chance < 0.1 && !isSteady) for (const clock of clocks) clock.jumpWall(jumpMs);
    if (chance > 0.9) await world.put("ten", { cron: CRONS.ten, missed: "all", payload: `${n}` });
    await step(Math.round(dice.float() * 15_000));
  }
  isWild = false;
  for (let n = 0; n < 5; n += 1) await step(10_000);
  await Promise.all(running.map(({ scheduler }) => scheduler.close()));
  const end = await judge(world, { ids, fromMs, latestMs, nowMs: clocks[0].wallMs() - 1_000 });
  await store.call(storeModule, "deleteTimersOfApp", { accountId: world.accountId, app: "shop" });
  return { ...end, deaths };
}

/** Until nobody asks anything of the store and no clock has something for now. */
async function settle(running: readonly Process[], clocks: readonly HandClock[]): Promise<void> {
  for (let calm = 0; calm < 3;) {
    for (const clock of clocks) clock.advance(0);
    await new Promise((resolve) => void setImmediate(resolve));
    calm = running.some(({ pending }) => pending > 0) ? 0 : calm + 1;
  }
}

async function judge(
  world: TimerWorld,
  at: {
    readonly ids: ReadonlyMap<Name, TimerId>;
    readonly fromMs: number;
    readonly latestMs: number;
    readonly nowMs: number;
  },
): Promise<Omit<SimulationEnd, "deaths">> {
  let [twice, missing, early] = [0, 0, 0];
  for (const [name, id] of at.ids) {
    const found = await world.entered(id);
    const distinct = new Set(found);
    twice += found.length - distinct.size;
    early += found.filter((ms) => ms > at.latestMs).length;
    const everyMs = EVERY_MS[name];
    const first = Math.floor(at.fromMs / everyMs) * everyMs + PHASE_MS[name];
    for (let ms = first; ms <= at.nowMs; ms += everyMs) {
      if (ms > at.fromMs && !distinct.has(ms)) missing += 1;
    }
  }
  const { difference } = await world.store.call(ledgerModule, "readBalance", null);
  return { twice, missing, early, difference };
}

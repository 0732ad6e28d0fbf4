/**
 * Queue, scheduler, leases and timers together: platforms on one database, their gateways, callers
 * and owners, under one time and one seed. Processes die, stop for a while and go on, links break,
 * the store refuses, forgets to answer or undoes, and wall clocks are set, all at the same time.
 * Then the faults stop, and everything must come to its end.
 */
import type { RequestId } from "@skerry/base";
import type { TimerRequest } from "@skerry/api-schema";
import type { AcceptPiece } from "@skerry/contracts";
import { Dice, MemoryStore, SimulatedProcess, Timeline } from "@skerry/testkit/simulation";
import { createDispatch } from "../../src/index.ts";
import { ledgerSources } from "../../src/store-module.ts";
import { ACCOUNT, APP, CONFIG_LOG, FUNCTIONS, maxAgeMsOf, ORDERING_KEY } from "./functions.ts";
import { SimulatedGateway } from "./gateway.ts";
import { Broken, Judge, SIMULATION_LOG } from "./judge.ts";
import { SimulatedPlatform } from "./platform.ts";
import { StoreSide, type SharedStoreDeps } from "./shared-store.ts";
import { checkBooks, checkTicks } from "./tables.ts";

/** What may be taken out of a world, to see what something is found by. */
export type Part = "timers" | "callers" | "platforms" | "steps" | "deaths" | "refusals";

export interface Play {
  readonly seed: number;
  readonly without?: Part | undefined;
  /** The engines, perhaps with a mistake in them. */
  readonly engines?: Engines;
}

export interface Engines {
  readonly createDispatch: typeof createDispatch;
}

export interface Played {
  readonly history: readonly string[];
  /** How often each fault was met. */
  readonly reached: ReadonlyMap<string, number>;
  readonly accepted: number;
  readonly ticks: number;
}

const TURNS = 70;
const GATEWAYS_EACH = 2;
/** Short, so that a world need not last long. */
const LIMITS = { leaseMs: 5_000, startGraceMs: 2_000 };
const WEIGHTS = {
  ...{ tell: 20, tellAgain: 6, cancel: 2, change: 2, wait: 10 },
  ...{ killPlatform: 3, pausePlatform: 2, killGateway: 2, pauseGateway: 3, cut: 4 },
  ...{ refuse: 3, step: 4 },
};
const NEEDS: Readonly<Partial<Record<Turn, Part>>> = {
  ...{ killPlatform: "deaths", pausePlatform: "deaths", killGateway: "deaths" },
  ...{ pauseGateway: "deaths", cut: "deaths", refuse: "refusals", step: "steps" },
  ...{ tell: "callers", tellAgain: "callers", change: "timers" },
};
type Turn = keyof typeof WEIGHTS;

/** Throws `Broken` where something is not as it must be. */
export async function playWorld(play: Play): Promise<Played> {
  const world = new World(play);
  try {
    return await world.play();
  } finally {
    world.close();
  }
}

class World {
  readonly #play: Play;
  readonly #dice: Dice;
  readonly #timeline = new Timeline();
  readonly #memory = new MemoryStore([
    ...ledgerSources.flatMap(({ module }) =>
      module.migrations.flatMap(({ sql, sqlite = [] }) => [...sql, ...sqlite]),
    ),
    ...SIMULATION_LOG,
  ]);
  readonly #judge: Judge;
  readonly #platforms: SimulatedPlatform[] = [];
  readonly #gateways: SimulatedGateway[][] = [];
  readonly #skewMs: readonly number[];
  readonly #weights: Record<Turn, number> = { ...WEIGHTS };
  readonly #unanswered: AcceptPiece[] = [];
  /** Those that somebody was told of that they are accepted. */
  readonly #promised = new Set<string>();
  readonly #beats = new Map<string, number>();
  readonly #reached = new Map<string, number>();
  /** How far all wall clocks are from the true time; and the latest that one of them showed. */
  #offsetMs = 0;
  #latestMs = 0;
  #leaps = 0;
  #names = 0;
  #told = 0;
  #isPeace = true;

  constructor(play: Play) {
    this.#play = play;
    this.#dice = new Dice(play.seed);
    for (const [turn, part] of Object.entries(NEEDS))
      if (part === play.without) this.#weights[turn as Turn] = 0;
    const skewMs = this.#dice.chance(0.5) ? this.#dice.whole(-3, 3) : this.#dice.whole(-800, 800);
    this.#skewMs = [0, play.without === "steps" ? 0 : skewMs];
    this.#judge = new Judge({
      ...{ memory: this.#memory, maxAgeMsOf, nowMs: () => this.#timeline.nowMs },
      leaps: () => this.#leaps,
      isSurelyThere: (name, atMs) => this.#isSurelyThere(name, atMs),
    });
    const count = play.without === "platforms" || this.#dice.chance(0.25) ? 1 : 2;
    for (let at = 0; at < count; at += 1) this.#startPlatform(at, count > 1);
    for (let at = 0; at < count; at += 1) {
      this.#gateways.push([]);
      for (let i = 0; i < GATEWAYS_EACH; i += 1) this.#startGateway(at);
    }
  }

  close(): void {
    this.#memory.close();
  }

  async play(): Promise<Played> {
    await this.#pass(3_000);
    if (this.#play.without !== "timers") await this.#putTimers(true);
    const fromMs = this.#wallMs(0);
    this.#isPeace = false;
    for (let turn = 0; turn < TURNS; turn += 1) {
      const name = this.#dice.weighted(this.#weights);
      this.#reached.set(name, (this.#reached.get(name) ?? 0) + 1);
      this.#turns[name]();
      await this.#pass(this.#dice.whole(20, 2_000));
    }
    await this.#calmDown();
    const history = this.#judge.history;
    const ticks =
      this.#play.without === "timers" ? 0 : this.#checkTicks(fromMs, this.#wallMs(0) - 2_000);
    await this.#comeToEnd();
    return { history, reached: this.#reached, accepted: this.#judge.known.size, ticks };
  }

  readonly #turns: Readonly<Record<Turn, () => void>> = {
    wait: () => undefined,
    tell: () => this.#tell(this.#pieces()),
    tellAgain: () => this.#tell(this.#unanswered.splice(0, 5)),
    cancel: () => this.#cancel(),
    change: () => void this.#putTimers(false),
    killPlatform: () => this.#killPlatform(this.#somePlatform()),
    pausePlatform: () => this.#pause(this.#platforms[this.#somePlatform()]?.process),
    killGateway: () => this.#killGateway(),
    pauseGateway: () => this.#pause(this.#someGateway()?.process),
    cut: () => this.#cut(),
    refuse: () => this.#refuse(),
    step: () => this.#step(),
  };

  async #pass(ms: number): Promise<void> {
    await this.#timeline.pass(ms);
    this.#seeLatest();
    this.#judge.check();
    checkBooks(this.#memory, this.#judge);
    this.#judge.check();
  }

  #wallMs(at: number): number {
    return this.#platforms[at]?.process.clock.wallMs() ?? 0;
  }

  #seeLatest(): void {
    for (const { process } of this.#platforms)
      this.#latestMs = Math.max(this.#latestMs, process.clock.wallMs());
  }

  #somePlatform(): number {
    return this.#dice.whole(0, this.#platforms.length - 1);
  }

  #someGateway(): SimulatedGateway | undefined {
    return this.#dice.one(this.#gateways.flat());
  }

  #startPlatform(at: number, isShared: boolean): void {
    const [timeline, dice] = [this.#timeline, this.#dice];
    const process = new SimulatedProcess(timeline, () => this.#offsetMs + (this.#skewMs[at] ?? 0));
    const storeDeps: SharedStoreDeps = {
      ...{ timeline, dice, memory: this.#memory },
      isFaulty: () => !this.#isPeace && this.#play.without !== "refusals",
      onCommit: (done) => {
        if (done.name === "beat")
          for (const name of (done.args as { readonly holders: readonly string[] }).holders)
            this.#beats.set(name, timeline.nowMs);
        this.#judge.committed(done);
      },
      onBroken: (what) => this.#judge.breaks(what),
    };
    const platform = new SimulatedPlatform({
      createDispatch: this.#play.engines?.createDispatch ?? createDispatch,
      ...{ timeline, process, dice, configLog: CONFIG_LOG, isShared, limits: LIMITS },
      store: new StoreSide(storeDeps, process, !isShared),
    });
    this.#platforms[at] = platform;
    platform.start();
    this.#watch(at, platform, isShared);
  }

  /** A platform that is dead is started again after a while. */
  #watch(at: number, platform: SimulatedPlatform, isShared: boolean): void {
    const delayMs = this.#isPeace ? 500 : this.#dice.whole(100, 4_000);
    this.#timeline.after(delayMs, () => {
      if (platform.process.isAlive) this.#watch(at, platform, isShared);
      else this.#startPlatform(at, isShared);
    });
  }

  #startGateway(at: number): void {
    const timeline = this.#timeline;
    const process = new SimulatedProcess(timeline, () => this.#offsetMs + (this.#skewMs[at] ?? 0));
    this.#names += 1;
    const name = `gateway${this.#names}`;
    const gateway = new SimulatedGateway({
      ...{ name, process, dice: this.#dice, judge: this.#judge, isPeace: () => this.#isPeace },
      connect: () => this.#platforms[at]?.connect(name, process),
    });
    this.#gateways[at]?.push(gateway);
    timeline.after(this.#dice.whole(1, 500), () => gateway.start());
  }

  #isSurelyThere(name: string, atMs: number): boolean {
    for (const [at, platform] of this.#platforms.entries()) {
      const gateway = this.#gateways[at]?.find((one) => one.name === name);
      if (gateway === undefined) continue;
      const isLinked = gateway.readySinceMs <= atMs && platform.hasLink(name);
      const isNoted = (this.#beats.get(name) ?? 0) > atMs - LIMITS.leaseMs;
      return isLinked && (this.#platforms.length === 1 || isNoted);
    }
    return false;
  }

  #pieces(): readonly AcceptPiece[] {
    const dice = this.#dice;
    const length = dice.chance(0.1) ? dice.whole(6, 14) : dice.whole(1, 4);
    return Array.from({ length }, () => {
      this.#told += 1;
      const f = (dice.one(FUNCTIONS) ?? FUNCTIONS[0])?.id ?? ("" as AcceptPiece["f"]);
      const id = requestIdOf(this.#told);
      this.#judge.asked(id);
      return {
        ...{ id, f, src: "url", at: this.#wallMs(0) },
        ...(dice.chance(0.5) ? { ok: ORDERING_KEY } : {}),
      };
    });
  }

  #tell(pieces: readonly AcceptPiece[]): void {
    const ready = this.#gateways.flat().filter(({ isReady }) => isReady);
    const gateway = this.#dice.one(ready);
    if (gateway === undefined || pieces.length === 0) return void this.#unanswered.push(...pieces);
    gateway.accept(pieces).then(
      (answers) => {
        for (const answer of answers) if (answer.ok) this.#promised.add(answer.id);
      },
      () => this.#unanswered.push(...pieces),
    );
  }

  #cancel(): void {
    const open = [...this.#judge.known.values()].filter(({ end }) => end === undefined);
    const one = this.#dice.one(open);
    const { dispatch } = this.#platforms[this.#somePlatform()] ?? {};
    dispatch?.cancel(one?.id as RequestId).catch(() => undefined);
  }

  /** Of one platform now; or surely, wherever it can be done. */
  async #putTimers(isSure: boolean, enabled = true): Promise<void> {
    const wanted = isSure ? FUNCTIONS : FUNCTIONS.filter(() => this.#dice.chance(0.4));
    for (const { id: functionId, name, timer } of wanted) {
      const { cron, orderingKey } = timer;
      const request: TimerRequest = {
        ...{ function: name, cron, timezone: "UTC", missed: "all", enabled },
        ...{ eventFormat: "skerry", payload: this.#dice.whole(0, 9) },
        ...(orderingKey === undefined ? {} : { orderingKey }),
      };
      const { timers } = this.#platforms[this.#somePlatform()]?.dispatch ?? {};
      const named = { accountId: ACCOUNT, app: APP, name, ifVersion: null };
      const put = timers?.put({ ...named, functionId, request }).catch(() => undefined);
      if (isSure) await Promise.all([put, this.#pass(500)]);
    }
  }

  #killPlatform(at: number): void {
    this.#judge.note(`platform ${at} dies`);
    this.#platforms[at]?.die();
  }

  #killGateway(): void {
    const at = this.#somePlatform();
    const all = this.#gateways[at] ?? [];
    const gateway = this.#dice.one(all);
    if (gateway === undefined) return;
    this.#judge.note(`${gateway.name} dies`);
    gateway.die();
    this.#platforms[at]?.cut(gateway.name);
    all.splice(all.indexOf(gateway), 1);
    this.#startGateway(at);
  }

  #pause(process: SimulatedProcess | undefined): void {
    process?.pause();
    const forMs = this.#dice.chance(0.4)
      ? this.#dice.whole(6_000, 14_000)
      : this.#dice.whole(50, 3_000);
    this.#judge.note(`a process is held up for ${forMs} ms`);
    this.#timeline.after(forMs, () => process?.resume());
  }

  #cut(): void {
    const at = this.#somePlatform();
    const gateway = this.#dice.one(this.#gateways[at] ?? []);
    if (gateway !== undefined) this.#platforms[at]?.cut(gateway.name);
  }

  #refuse(): void {
    const at = this.#somePlatform();
    const forMs = this.#dice.whole(100, this.#dice.chance(0.4) ? 9_000 : 1_500);
    this.#judge.note(`the store refuses platform ${at} for ${forMs} ms`);
    const { store } = this.#platforms[at] ?? {};
    if (store !== undefined) store.refusesUntilMs = this.#timeline.nowMs + forMs;
  }

  /** All wall clocks are set; durations do not notice. */
  #step(): void {
    this.#seeLatest();
    const dice = this.#dice;
    const byMs = dice.chance(0.5) ? -dice.whole(500, 90_000) : dice.whole(500, 40_000);
    this.#offsetMs += byMs;
    if (byMs > 0) this.#leaps += 1;
    this.#judge.note(`clocks are set by ${byMs} ms`);
  }

  async #calmDown(): Promise<void> {
    this.#isPeace = true;
    for (const { process, store } of this.#platforms) {
      store.refusesUntilMs = 0;
      process.resume();
    }
    for (const { process } of this.#gateways.flat()) process.resume();
    this.#tell(this.#unanswered.splice(0));
    for (let i = 0; i < 8; i += 1) await this.#pass(5_000);
    this.#tell(this.#unanswered.splice(0));
  }

  #checkTicks(fromMs: number, untilMs: number): number {
    return checkTicks(this.#memory, this.#judge, { fromMs, untilMs, latestMs: this.#latestMs });
  }

  async #comeToEnd(): Promise<void> {
    if (this.#play.without !== "timers") await this.#putTimers(true, false);
    for (let i = 0; i < 24 && this.#judge.open > 0; i += 1) await this.#pass(5_000);
    await this.#pass(3_000);
    const { open, known } = this.#judge;
    const { length: platforms } = this.#platforms;
    const all = this.#gateways.flat();
    const stuck = (what: string): never => {
      throw new Broken(`once faults have stopped: ${what}`);
    };
    if (open > 0) stuck(`${open} of ${known.size} do not end`);
    for (const id of this.#promised) if (!known.has(id)) stuck(`${id} was accepted and is lost`);
    const holding = all.find(({ holds }) => holds > 0);
    if (holding !== undefined) stuck(`${holding.name} still has ${holding.holds} attempts`);
    for (let at = 0; at < platforms; at += 1)
      for (const { id } of FUNCTIONS) {
        const { out = 0, open: counted } = this.#platforms[at]?.dispatch.laneOf(id) ?? { open: 0 };
        if (out + counted > 0)
          stuck(`platform ${at} counts ${out} out and ${counted} open of ${id}`);
      }
  }
}

/** Names follow from the order in which callers come. */
function requestIdOf(n: number): RequestId {
  return `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}` as RequestId;
}

/**
 * A world around the ledger's procedures: callers, control and gateways, any of which may die,
 * pause past being given up, come back under its name or another, and say things twice or late,
 * while the clock jumps. Then the faults stop, and everything accepted must come to its end.
 */
import type { FunctionId, RequestId } from "@skerry/base";
import type { AsyncPolicy, AttemptOutcome } from "@skerry/contracts";
import { Dice, MemoryStore } from "@skerry/testkit/simulation";
import {
  CALL_COLUMNS,
  DELIVERY_LANES,
  DELIVERY_TABLES,
  KEY_ANSWERS,
  LEDGER_TABLES,
  OPEN_TABLES,
  PROGRESS_TABLES,
  QUEUE_REBUILT,
  SEQUENCE_PER_MS,
  type ClaimedRun,
} from "../../src/index.ts";
import { Callers, makeDestinations, makePolicies } from "./callers.ts";
import { Control, ControlDied, type EndedRun } from "./control.ts";
import { Broken } from "./fact.ts";
import { Facts } from "./facts.ts";
import type { SimulatedLedger } from "./procedures.ts";

/** How often each turn is, relative to the others. */
const TURNS = {
  ...{ tell: 7, claim: 10, begin: 10, finish: 10, settle: 10, speakLate: 3, cancel: 2 },
  ...{
    connect: 9,
    giveUp: 2,
    pause: 1,
    resume: 2,
    die: 1,
    restart: 1,
    time: 8,
    jump: 0.4,
    check: 3,
    remove: 0.4,
    forget: 1.5,
  },
};
type Turn = keyof typeof TURNS;

const OUTCOMES: Readonly<Partial<Record<AttemptOutcome, number>>> = {
  ...{ ok: 40, function_error: 14, bad_response: 2, init_failed: 2, timeout: 6, crashed: 4 },
  ...{ out_of_memory: 2, too_large: 3, gone: 2, throttled: 8, unavailable: 6, cancelled: 4 },
};
const PEACEFUL: typeof OUTCOMES = { ok: 7, function_error: 3 };
const GATEWAYS = 3;
const ROUNDS_MAX = 4_000;

interface PlayedGateway {
  readonly name: string;
  /** Control hears it, and it control. */
  isConnected: boolean;
  isPaused: boolean;
  /** Sent to it and not taken yet: lost with the connection. */
  inbox: ClaimedRun[];
  running: ClaimedRun[];
  ended: EndedRun[];
}

export interface Simulated {
  readonly accepted: number;
  readonly calls: number;
  readonly reached: ReadonlyMap<string, number>;
}

/** Plays one world to its end; throws at the first broken promise. */
export function simulate(
  procedures: SimulatedLedger,
  { seed, turns }: { readonly seed: number; readonly turns: number },
): Simulated {
  const world = new World(procedures, seed);
  try {
    return world.play(turns);
  } finally {
    world.close();
  }
}

class World {
  readonly #dice: Dice;
  readonly #ledger = new MemoryStore([
    ...[
      ...LEDGER_TABLES,
      ...DELIVERY_TABLES,
      ...DELIVERY_LANES,
      ...OPEN_TABLES,
      ...PROGRESS_TABLES,
    ],
    ...[...CALL_COLUMNS, ...QUEUE_REBUILT, ...KEY_ANSWERS],
  ]);
  readonly #facts: Facts;
  readonly #callers: Callers;
  readonly #procedures: SimulatedLedger;
  readonly #gateways: PlayedGateway[] = [];
  /** What gateways that died, or were given up, still had to say. */
  readonly #ghosts: { readonly name: string; readonly ended: readonly EndedRun[] }[] = [];
  readonly #policies: ReadonlyMap<FunctionId, AsyncPolicy>;
  #control!: Control;
  #nowMs = 1_000_000;
  #monotonicMs = 0;
  #calls = 0;
  #requestIds = 0;
  #names = 0;
  #isPeace = false;

  constructor(procedures: SimulatedLedger, seed: number) {
    this.#procedures = procedures;
    this.#dice = new Dice(seed);
    this.#policies = makePolicies(this.#dice);
    this.#facts = new Facts(this.#policies, makeDestinations(this.#dice, this.#policies));
    this.#callers = new Callers(this.#dice, this.#policies);
    for (let i = 0; i < GATEWAYS; i += 1) this.#gateways.push(this.#newGateway());
    this.#surviving(() => this.#restart());
  }

  close(): void {
    this.#ledger.close();
  }

  play(turns: number): Simulated {
    const acts = this.#turns();
    for (let turn = 0; turn < turns; turn += 1) {
      this.#surviving(acts[this.#dice.weighted(TURNS)]);
    }
    this.#isPeace = true;
    this.#restart();
    this.#bringToEnd();
    this.#control.check();
    const { acceptedSum: accepted, reached } = this.#facts;
    return { accepted, calls: this.#calls + this.#control.calls, reached };
  }

  #turns(): Readonly<Record<Turn, () => void>> {
    const dice = this.#dice;
    return {
      tell: () => this.#tell(),
      claim: () => this.#with("connected", (gateway) => this.#claim(gateway)),
      begin: () => this.#with("awake", (gateway) => this.#begin(gateway)),
      finish: () => this.#with("awake", (gateway) => this.#finish(gateway)),
      settle: () => this.#with("connected", (gateway) => this.#settle(gateway)),
      speakLate: () => this.#speakLate(),
      cancel: () => this.#control.cancel(this.#callers.someId()),
      connect: () => this.#with("away", (gateway) => this.#connect(gateway)),
      giveUp: () => this.#giveUp(),
      pause: () => this.#with("awake", (gateway) => void (gateway.isPaused = true)),
      resume: () => this.#gateways.forEach((gateway) => (gateway.isPaused = false)),
      die: () => this.#with("any", (gateway) => this.#die(gateway)),
      restart: () => this.#restart(),
      time: () => this.#advance(dice.whole(1, 1_500)),
      jump: () => this.#jump(),
      check: () => this.#control.check(),
      remove: () => this.#remove(),
      forget: () => this.#forget(),
    };
  }

  /** Control's death ends a turn; another one starts. */
  #surviving(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ControlDied)) throw error;
      this.#surviving(() => this.#restart());
    }
  }

  #restart(): void {
    this.#gateways.forEach(disconnect);
    this.#calls += this.#control?.calls ?? 0;
    this.#control = new Control({
      ...{ ledger: this.#ledger, procedures: this.#procedures, facts: this.#facts },
      ...{ dice: this.#dice, isPeace: () => this.#isPeace },
      clock: this.#procedures.createLedgerClock({
        ...{ wallMs: () => this.#nowMs, monotonicMs: () => this.#monotonicMs },
        schedule: () => () => undefined,
      }),
    });
    this.#control.start();
    this.#checkTime();
  }

  #tell(): void {
    const items = this.#callers.batch(this.#control.nowMs(), this.#control.nextSeq);
    try {
      this.#control.accept(items);
    } catch (error) {
      this.#callers.unanswered(items);
      throw error;
    }
  }

  #claim(gateway: PlayedGateway): void {
    const dice = this.#dice;
    const any = dice.chance(0.2) ? dice.one([...this.#policies.keys()]) : undefined;
    const functionId = any ?? dice.one(this.#control.due());
    if (functionId === undefined) return;
    const requestIds = Array.from({ length: dice.whole(1, 5) }, () => this.#requestId());
    gateway.inbox.push(...this.#control.claim(functionId, gateway.name, requestIds).runs);
  }

  #requestId(): RequestId {
    this.#requestIds += 1;
    return `req_again_${this.#requestIds}` as RequestId;
  }

  #begin(gateway: PlayedGateway): void {
    gateway.running.push(...gateway.inbox.splice(0, this.#dice.whole(1, 4)));
  }

  #finish(gateway: PlayedGateway): void {
    const [run] = gateway.running.splice(this.#dice.whole(0, gateway.running.length), 1);
    if (run !== undefined) gateway.ended.push(this.#ended(run));
  }

  #ended(run: ClaimedRun): EndedRun {
    const weights = (this.#isPeace ? PEACEFUL : OUTCOMES) as Record<AttemptOutcome, number>;
    return { run, outcome: this.#dice.weighted(weights), endedMs: this.#nowMs };
  }

  /** It forgets what control has written down; asked again, control has it no longer. */
  #settle(gateway: PlayedGateway): void {
    const some = gateway.ended.slice(0, this.#dice.whole(1, 4));
    if (some.length === 0) return;
    this.#control.settle(gateway.name, some);
    if (this.#dice.chance(0.1)) this.#control.settle(gateway.name, some);
    gateway.ended = gateway.ended.filter((one) => !some.includes(one));
  }

  /** A function is removed, and made again under its name: who calls it does not know. */
  #remove(): void {
    const functionId = this.#dice.one([...this.#policies.keys()]);
    if (functionId !== undefined) this.#control.endWaiting(functionId);
  }

  /** Nobody tells again what is so old that it is forgotten. */
  #forget(): void {
    try {
      this.#control.forget();
    } finally {
      this.#callers.forget(this.#facts);
    }
  }

  /** Words of one that is gone: under its own name, or from who came after it. */
  #speakLate(): void {
    const ghost = this.#dice.one(this.#ghosts);
    if (ghost === undefined || ghost.ended.length === 0) return;
    const { name, ended } = ghost;
    const runs = ended.map(({ run }) => run);
    if (this.#dice.chance(0.2)) this.#control.holding(name, runs);
    else if (this.#dice.chance(0.4)) {
      this.#with("connected", (gateway) => void this.#control.settle(gateway.name, ended));
    } else this.#control.settle(name, ended);
  }

  /** Says what it has before anything else, and gives up what it is told to. */
  #connect(gateway: PlayedGateway): void {
    const held = [...gateway.running, ...gateway.ended.map(({ run }) => run)];
    const unwanted = new Set(this.#control.holding(gateway.name, held));
    gateway.running = gateway.running.filter((run) => !unwanted.has(run));
    gateway.ended = gateway.ended.filter(({ run }) => !unwanted.has(run));
    gateway.isConnected = true;
  }

  /** Lets go of what those hold who are not there. */
  #giveUp(): void {
    for (const gateway of this.#gateways) if (gateway.isPaused) this.#lose(gateway);
    const there = this.#gateways.filter(({ isConnected }) => isConnected);
    const names = new Set(there.map(({ name }) => name));
    const goneMs = this.#control.nowMs() - this.#dice.whole(0, 5_000);
    for (const { holder } of this.#control.look([...names], goneMs)) {
      if (!names.has(holder)) this.#control.release(holder, null);
    }
  }

  #lose(gateway: PlayedGateway): void {
    disconnect(gateway);
    const { name, running, ended } = gateway;
    this.#haunt(name, [...ended, ...running.map((run) => this.#ended(run))]);
  }

  #haunt(name: string, ended: readonly EndedRun[]): void {
    if (ended.length > 0) this.#ghosts.push({ name, ended });
    if (this.#ghosts.length > 6) this.#ghosts.shift();
  }

  /** What it had is gone; what it sent may still arrive once somebody else has its work. */
  #die(gateway: PlayedGateway): void {
    const at = this.#gateways.indexOf(gateway);
    const name = this.#dice.chance(0.5) ? gateway.name : undefined;
    this.#gateways[at] = this.#newGateway(name);
    const sent = gateway.running.map((run) => this.#ended(run));
    this.#haunt(gateway.name, sent);
    if (this.#dice.chance(0.3)) this.#control.release(gateway.name, null);
  }

  #newGateway(name = `gateway${(this.#names += 1)}`): PlayedGateway {
    const away = { isConnected: false, isPaused: false };
    return { name, ...away, inbox: [], running: [], ended: [] };
  }

  /** Seconds, or so little that numbers given before come again. */
  #jump(): void {
    const dice = this.#dice;
    const back = dice.chance(0.5) ? dice.whole(1, 20) : dice.whole(1, 20_000);
    this.#nowMs += dice.chance(0.6) ? -back : dice.whole(1, 40_000);
    this.#facts.reach("clock jumped");
    this.#checkTime();
  }

  #advance(byMs: number): void {
    this.#nowMs += byMs;
    this.#monotonicMs += byMs;
  }

  /** What was accepted to run at once is due, wherever the clock was set since. */
  #checkTime(): void {
    const nowMs = this.#control.nowMs();
    for (const { item, attempts } of this.#facts.open.values()) {
      const isAtOnce = attempts.length === 0 && item.dueMs === item.acceptedMs;
      // Of a caller that repeats itself the first time may be one that control never wrote down.
      const isOwnTime = item.acceptedMs * SEQUENCE_PER_MS <= item.seq;
      if (!isAtOnce || !isOwnTime || item.source !== "url" || item.dueMs <= nowMs) continue;
      throw new Broken("nothing due is passed over", `${item.id} waits for the clock`);
    }
  }

  #with(
    which: "any" | "awake" | "connected" | "away",
    act: (gateway: PlayedGateway) => void,
  ): void {
    const fits = this.#gateways.filter(({ isConnected, isPaused }) => {
      if (which === "any") return true;
      if (isPaused) return false;
      return which === "awake" || (which === "connected") === isConnected;
    });
    const gateway = this.#dice.one(fits);
    if (gateway !== undefined) act(gateway);
  }

  /**
   * No more faults; in some worlds all gateways but one stay away for ever. What control knows from
   * its answers alone must bring everything to its end.
   */
  #bringToEnd(): void {
    const stay = this.#dice.chance(0.5) ? 1 : GATEWAYS;
    this.#gateways.forEach((gateway, i) => (gateway.isPaused = i >= stay));
    this.#giveUp();
    const there = this.#gateways.filter(({ isPaused }) => !isPaused);
    there.filter(({ isConnected }) => !isConnected).forEach((one) => this.#connect(one));
    for (let round = 0; this.#facts.open.size > 0; round += 1) {
      const isLate = round > ROUNDS_MAX;
      if (isLate) throw new Broken("ends when faults stop", `${this.#facts.open.size} go on`);
      for (const gateway of there) this.#work(gateway);
      this.#passTime();
    }
  }

  #work(gateway: PlayedGateway): void {
    for (const functionId of this.#control.due()) {
      const requestIds = Array.from({ length: 8 }, () => this.#requestId());
      gateway.inbox.push(...this.#control.claim(functionId, gateway.name, requestIds).runs);
    }
    gateway.running.push(...gateway.inbox.splice(0));
    gateway.ended.push(...gateway.running.splice(0).map((run) => this.#ended(run)));
    if (gateway.ended.length > 0) this.#control.settle(gateway.name, gateway.ended.splice(0));
  }

  #passTime(): void {
    if (this.#facts.open.size === 0 || this.#control.due().length > 0) return;
    const nextMs = this.#control.nextDueMs();
    if (nextMs !== undefined) this.#advance(Math.max(1, nextMs - this.#control.nowMs()));
    else throw new Broken("ends when faults stop", `${this.#facts.open.size} wait for nobody`);
  }
}

function disconnect(gateway: PlayedGateway): void {
  gateway.isConnected = false;
  gateway.inbox = [];
}

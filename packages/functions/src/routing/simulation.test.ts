/**
 * Thousands of seeded runs of the router in a small world: random functions, arrivals, aborts,
 * latencies, starts that are slow, refused or lost, dying instances, new revisions, agents that go
 * away. The world keeps its own books, from the effects alone, and checks every effect against
 * them. Replay one seed with SKERRY_TEST_SEED.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createIdSource,
  seededRandom,
  type IdSource,
  type InstanceId,
  type RevisionId,
} from "@skerry/base";
import type { StartRefusal } from "@skerry/contracts";
import { decideRoute } from "./router.ts";
import {
  createRouteState,
  type RouteEffect,
  type RouteEvent,
  type RoutePolicy,
  type RouteState,
} from "./state.ts";

interface Call {
  readonly number: number;
  readonly arrivedMs: number;
  readonly policy: RoutePolicy;
  phase: "new" | "waiting" | "live" | "answered";
  answers: number;
  on: Machine | undefined;
}

interface Machine {
  readonly id: InstanceId;
  readonly policy: RoutePolicy;
  readonly calls: Set<Call>;
  resting: boolean;
  retiring: boolean;
}

type Decide = typeof decideRoute<Call>;
const QUEUE_LENGTH_MAX = 40;
const BUSY_MS = 6_000;
const QUIET_MS = 60_000;

class World {
  readonly #decide: Decide;
  readonly #seed: number;
  readonly #float: () => number;
  readonly #ids: IdSource;
  readonly #state: RouteState<Call>;
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly #machines = new Map<InstanceId, Machine>();
  readonly #calls: Call[] = [];
  readonly #waiting = new Set<Call>();
  /** Starts that the router has asked for and not heard of, by revision. */
  readonly #asked = new Map<RevisionId, number>();
  /** When another revision took its place. */
  readonly #followed = new Map<RevisionId, number>();
  #policy: RoutePolicy | undefined;
  #now = 0;
  #agentUp = true;
  #initFails = false;
  readonly #load: number;

  constructor(seed: number, decide: Decide) {
    const random = seededRandom(seed);
    this.#seed = seed;
    this.#decide = decide;
    this.#float = () => random.float();
    this.#load = [12, 40, 150, 500][this.#int(4)] ?? 20;
    const clock = { wallMs: () => 1_700_000_000_000 + this.#now };
    this.#ids = createIdSource({ clock: clock as never, random });
    this.#state = createRouteState({ queueLengthMax: QUEUE_LENGTH_MAX });
  }

  run(): void {
    this.#changeRevision();
    this.#every(this.#load, () => this.#arrive());
    this.#every(1_500, () => this.#changeRevision());
    this.#every(700, () => this.#killSome());
    this.#every(2_000, () => this.#flapAgent());
    this.#every(2_500, () => (this.#initFails = this.#float() < 0.4));
    this.#every(1_800, () => this.#unasked());
    this.#every(2_200, () => this.#retireSome());
    this.#every(900, () => this.#tell({ kind: "roomAsked" }));
    this.#runUntil(BUSY_MS);
    this.#agentUp = true;
    this.#initFails = false;
    const removes = this.#float() < 0.3;
    if (removes) this.#remove();
    this.#runUntil(BUSY_MS + QUIET_MS);
    this.#checkQuiet(removes);
  }

  /** So that a test can see that the world was busy. */
  get busyness(): { readonly calls: number; readonly dispatched: number } {
    return {
      calls: this.#calls.length,
      dispatched: this.#calls.filter((call) => call.on !== undefined).length,
    };
  }

  #int(below: number): number {
    return Math.floor(this.#float() * below);
  }

  #at(delayMs: number, run: () => void): void {
    const atMs = this.#now + delayMs;
    let index = this.#agenda.length;
    while (index > 0 && (this.#agenda[index - 1]?.atMs ?? 0) < atMs) index -= 1;
    this.#agenda.splice(index, 0, { atMs, run });
  }

  #every(meanMs: number, run: () => void): void {
    const delayMs = 2 * meanMs * this.#float();
    if (this.#now + delayMs >= BUSY_MS) return;
    this.#at(delayMs, () => {
      run();
      this.#every(meanMs, run);
    });
  }

  #runUntil(endMs: number): void {
    for (;;) {
      const next = this.#agenda.at(-1);
      const dueMs = Math.min(next?.atMs ?? Infinity, this.#state.dueMs);
      if (dueMs > endMs) break;
      this.#now = Math.max(this.#now, dueMs);
      if (this.#state.dueMs <= dueMs) this.#tell({ kind: "tick" });
      else this.#agenda.pop()?.run();
      this.#checkWaiting();
    }
    this.#now = endMs;
  }

  #tell(event: RouteEvent<Call>): void {
    for (const effect of this.#decide(this.#state, event, this.#now)) this.#perform(effect);
  }

  #perform(effect: RouteEffect<Call>): void {
    switch (effect.kind) {
      case "dispatch":
        return this.#dispatch(effect.request, effect.instanceId);
      case "start":
        return this.#start(effect.revisionId);
      case "reject":
        this.#expect(
          effect.request.phase === "waiting" || effect.request.phase === "new",
          "reject",
        );
        return this.#answer(effect.request);
      case "rest":
      case "resume":
        return this.#setResting(this.#machine(effect.instanceId), effect.kind === "rest");
      default: {
        const machine = this.#machine(effect.instanceId);
        this.#expect(machine.calls.size === 0, "an instance with a live request is stopped");
        this.#machines.delete(machine.id);
      }
    }
  }

  #dispatch(call: Call, id: InstanceId): void {
    const machine = this.#machine(id);
    this.#expect(call.phase === "new" || call.phase === "waiting", `call is ${call.phase}`);
    this.#expect(call.arrivedMs < this.#followedMs(machine), "dispatched to an older revision");
    this.#expect(!machine.resting, "dispatched to a resting instance");
    this.#expect(machine.calls.size < machine.policy.slots, "a slot is over-committed");
    call.phase = "live";
    call.on = machine;
    machine.calls.add(call);
    const heldMs = this.#float() < 0.05 ? 3_000 * this.#float() : 60 * this.#float();
    this.#at(heldMs, () => this.#finish(call, heldMs));
  }

  #start(revisionId: RevisionId): void {
    const policy = this.#policy;
    this.#expect(policy?.revisionId === revisionId, "a start of another revision");
    let counted = 1;
    for (const machine of this.#machines.values()) if (!machine.retiring) counted += 1;
    for (const asked of this.#asked.values()) counted += asked;
    this.#expect(counted <= (policy?.instancesMax ?? 0), "more starts than the limit");
    this.#asked.set(revisionId, (this.#asked.get(revisionId) ?? 0) + 1);
    if (policy !== undefined) this.#at(...this.#startOutcome(policy));
  }

  #startOutcome(policy: RoutePolicy): [number, () => void] {
    const dice = this.#float();
    const refuse = (refusal: StartRefusal) => () => this.#refuse(policy.revisionId, refusal);
    if (!this.#agentUp) return [0, refuse({ kind: "unavailable", why: "no agent" })];
    if (this.#initFails) {
      const failed = { kind: "init_failed", name: "Error", message: "no", initUs: 1 } as const;
      return [20 * this.#float(), refuse(failed)];
    }
    if (dice < 0.1) return [5, refuse({ kind: "limit", why: "others have it" })];
    if (dice < 0.14) return [1_500, refuse({ kind: "unavailable", why: "no word" })];
    return [120 * this.#float() ** 3, () => this.#ready(policy, true)];
  }

  #ready(policy: RoutePolicy, solicited: boolean): void {
    const { revisionId } = policy;
    if (solicited) this.#settle(revisionId);
    const id = this.#ids.id("inst");
    const machine = { id, policy, calls: new Set<Call>(), resting: false, retiring: false };
    this.#machines.set(id, machine);
    this.#tell({ kind: "instanceReady", instanceId: id, revisionId, solicited });
    const isLeftOut = solicited && this.#leavesOut(machine);
    this.#expect(!isLeftOut, "what was asked for comes late and serves nobody");
  }

  /** It came although another revision had followed, and has not served who asked for it. */
  #leavesOut(machine: Machine): boolean {
    const untilMs = this.#followedMs(machine);
    const slots = Math.min(machine.policy.slots, this.#policy?.slots ?? 0);
    if (machine.calls.size >= slots) return false;
    return this.#calls.some((call) => call.phase === "waiting" && call.arrivedMs < untilMs);
  }

  #followedMs({ policy }: Machine): number {
    return this.#followed.get(policy.revisionId) ?? Infinity;
  }

  #refuse(revisionId: RevisionId, refusal: StartRefusal): void {
    this.#settle(revisionId);
    this.#tell({ kind: "startRefused", revisionId, refusal });
  }

  #settle(revisionId: RevisionId): void {
    this.#asked.set(revisionId, (this.#asked.get(revisionId) ?? 0) - 1);
  }

  #arrive(): void {
    const policy = this.#policy;
    if (policy === undefined) return;
    for (let burst = this.#float() < 0.02 ? 30 : 1; burst > 0; burst -= 1) {
      const call: Call = {
        number: this.#calls.length,
        arrivedMs: this.#now,
        policy,
        phase: "new",
        answers: 0,
        on: undefined,
      };
      this.#calls.push(call);
      this.#tell({ kind: "requestArrived", request: call });
      if (call.phase === "new") {
        call.phase = "waiting";
        this.#waiting.add(call);
      }
      if (this.#float() < 0.05) this.#at(100 * this.#float(), () => this.#finish(call, 1));
    }
  }

  /** The call ends by itself or is given up by its client, whichever comes first. */
  #finish(call: Call, heldMs: number): void {
    if (call.phase === "answered") return;
    this.#answer(call);
    call.on?.calls.delete(call);
    this.#tell({ kind: "requestEnded", request: call, instanceId: call.on?.id, heldMs });
  }

  #answer(call: Call): void {
    call.phase = "answered";
    call.answers += 1;
  }

  #killSome(): void {
    const machine = this.#anyMachine();
    if (machine === undefined) return;
    this.#machines.delete(machine.id);
    const calls = [...machine.calls];
    const handedOver = calls.length === 0 && this.#float() < 0.3;
    this.#tell({
      kind: handedOver ? "instanceHandedOver" : "instanceLost",
      instanceId: machine.id,
    });
    for (const call of calls) this.#finish(call, 1);
  }

  #retireSome(): void {
    const machine = this.#anyMachine();
    if (machine === undefined) return;
    machine.retiring = true;
    this.#tell({ kind: "instanceRetiring", instanceId: machine.id });
  }

  #unasked(): void {
    if (this.#policy !== undefined && this.#machines.size < 3) this.#ready(this.#policy, false);
  }

  #flapAgent(): void {
    this.#agentUp = !this.#agentUp;
    if (this.#agentUp) this.#tell({ kind: "startsPossible" });
  }

  #changeRevision(): void {
    if (this.#policy !== undefined) this.#followed.set(this.#policy.revisionId, this.#now);
    this.#policy = {
      revisionId: this.#ids.id("rev"),
      slots: [1, 1, 2, 8][this.#int(4)] ?? 1,
      instancesMax: 1 + this.#int(6),
      provisioned: this.#float() < 0.2 ? 1 : 0,
      queueTimeoutMs: [0, 50, 400, 3_000][this.#int(4)] ?? 0,
      initTimeoutMs: [100, 500][this.#int(2)] ?? 100,
      idleTimeoutMs: [200, 5_000][this.#int(2)] ?? 200,
      restAfterMs: this.#float() < 0.3 ? undefined : 300,
    };
    this.#tell({ kind: "revisionChanged", policy: this.#policy });
  }

  #remove(): void {
    this.#policy = undefined;
    this.#tell({ kind: "functionRemoved" });
  }

  #setResting(machine: Machine, resting: boolean): void {
    this.#expect(machine.calls.size === 0, "an instance with a live request is rested");
    this.#expect(machine.resting !== resting, "rested or resumed twice");
    machine.resting = resting;
  }

  #machine(id: InstanceId): Machine {
    const machine = this.#machines.get(id);
    this.#expect(machine !== undefined, "an instance that is gone");
    return machine as Machine;
  }

  #anyMachine(): Machine | undefined {
    return [...this.#machines.values()][this.#int(this.#machines.size)];
  }

  #checkWaiting(): void {
    let first = true;
    const asked = [...this.#asked].filter(([, count]) => count > 0).map(([id]) => id);
    for (const call of this.#waiting) {
      if (call.phase !== "waiting") {
        this.#waiting.delete(call);
        continue;
      }
      const softMs = call.arrivedMs + call.policy.queueTimeoutMs;
      this.#expect(this.#now <= softMs + call.policy.initTimeoutMs, "waits past its deadline");
      const isAwaited = asked.some((id) => call.arrivedMs < (this.#followed.get(id) ?? Infinity));
      this.#expect(this.#now <= softMs || isAwaited, "waits past its queue timeout for no start");
      if (first) this.#expect(!this.#hasFreeSlot(), "waits although a slot is free");
      first = false;
    }
  }

  #hasFreeSlot(): boolean {
    for (const machine of this.#machines.values()) {
      const { policy, calls, retiring } = machine;
      if (policy === this.#policy && !retiring && calls.size < policy.slots) return true;
    }
    return false;
  }

  #checkQuiet(removed: boolean): void {
    for (const call of this.#calls) {
      this.#expect(call.answers === 1, `call ${call.number} has ${call.answers} answers`);
    }
    const left = [...this.#machines.values()];
    const kept = removed ? 0 : (this.#policy?.provisioned ?? 0);
    this.#expect(left.length <= kept, `${left.length} instances left, ${kept} provisioned`);
    for (const machine of left) {
      const rests = machine.policy.restAfterMs === undefined || machine.resting;
      this.#expect(rests, "an idle instance does not rest");
    }
    this.#expect(this.#state.instances.size === left.length, "the router remembers the dead");
    this.#expect(this.#state.starting.size === 0, "the router waits for a start");
  }

  #expect(holds: boolean, what: string): void {
    if (holds) return;
    assert.fail(
      `seed ${this.#seed} at ${this.#now.toFixed(3)} ms: ${what}\n` +
        `replay: SKERRY_TEST_SEED=${this.#seed} node --test ` +
        `packages/functions/src/routing/simulation.test.ts`,
    );
  }
}

const SEEDS = 8_000;
const replayed = process.env["SKERRY_TEST_SEED"];
const seeds =
  replayed === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [Number(replayed)];

test("in every seeded run slots, limits, deadlines and answers hold, and all comes to rest", () => {
  let calls = 0;
  let dispatched = 0;
  for (const seed of seeds) {
    const world = new World(seed, decideRoute);
    world.run();
    calls += world.busyness.calls;
    dispatched += world.busyness.dispatched;
  }
  if (replayed !== undefined) return;
  assert.ok(calls > SEEDS * 100, `${calls} calls`);
  assert.ok(dispatched > calls / 3, `${dispatched} of ${calls} dispatched`);
});

/** Routers with one planted bug each. */
const FAULTY: Readonly<Record<string, Decide>> = {
  "forgets one dispatch in fifty": (state, event, now) =>
    decideRoute(state, event, now).filter(
      (effect) => effect.kind !== "dispatch" || effect.request.number % 50 !== 49,
    ),
  "dispatches one request twice": (state, event, now) =>
    decideRoute(state, event, now).flatMap((effect) =>
      effect.kind === "dispatch" && effect.request.number % 50 === 49 ? [effect, effect] : [effect],
    ),
  "counts a slot free too early": (state, event, now) => {
    for (const instance of state.instances.values()) {
      if (event.kind === "requestEnded" && instance.live > 1) {
        instance.live -= 1;
        if (!state.free.includes(instance)) state.free.push(instance);
      }
    }
    return decideRoute(state, event, now);
  },
  "rests what has a live request": (state, event, now) => {
    for (const instance of state.instances.values()) {
      if (event.kind !== "tick" || instance.live === 0 || !state.free.includes(instance)) continue;
      return [...decideRoute(state, event, now), { kind: "rest", instanceId: instance.id }];
    }
    return decideRoute(state, event, now);
  },
  "stops an old revision's instance with its requests": (state, event, now) => {
    const effects = [...decideRoute(state, event, now)];
    for (const instance of state.instances.values()) {
      if (event.kind !== "revisionChanged" || instance.live === 0) continue;
      effects.push({ kind: "stop", instanceId: instance.id, why: "new_revision" });
    }
    return effects;
  },
  "starts one more than the limit": (state, event, now) => {
    const { policy } = state;
    if (event.kind === "revisionChanged" || policy === undefined) {
      return decideRoute(state, event, now);
    }
    state.policy = { ...policy, instancesMax: policy.instancesMax + 1 };
    const effects = decideRoute(state, event, now);
    if (state.policy?.revisionId === policy.revisionId) state.policy = policy;
    return effects;
  },
  "never expires a waiting request": (state, event, now) => {
    const effects = decideRoute(state, event, now);
    return effects.filter((effect) => effect.kind !== "reject" || effect.why !== "queue_timeout");
  },
  "forgets that a start was refused": (state, event, now) =>
    event.kind === "startRefused" ? [] : decideRoute(state, event, now),
  "goes on using the old revision": (state, event, now) => {
    const free = [...state.free];
    const effects = decideRoute(state, event, now);
    if (event.kind === "revisionChanged") {
      state.free.push(...free.filter((one) => state.instances.has(one.id)));
    }
    return effects;
  },
  "throws away what comes late": (state, event, now) => {
    if (event.kind === "instanceReady") state.followed.clear();
    return decideRoute(state, event, now);
  },
  "sleeps through its ticks": (state, event, now) => {
    if (event.kind !== "tick") return decideRoute(state, event, now);
    state.dueMs = Infinity;
    return [];
  },
};

for (const [bug, decide] of Object.entries(FAULTY)) {
  test(`the simulation finds a router that ${bug}`, () => {
    assert.throws(
      () => {
        for (let seed = 1; seed <= 200; seed += 1) new World(seed, decide).run();
      },
      { message: /replay: SKERRY_TEST_SEED=\d+/ },
    );
  });
}

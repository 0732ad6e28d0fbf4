/** Releases of an app of three functions, step by step. */
import assert from "node:assert/strict";
import { createIdSource, systemClock, systemRandom, type ReleaseId } from "@skerry/base";
import type { ReleaseResource } from "@skerry/api-schema";
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";
import type { ReleaseEvent, ReleasePlan, ReleaseRecord, ReleaseTurn } from "@skerry/releases";
import { storeModule } from "./release-module.ts";
import type { ReleaseWorld } from "./release-world.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });

export const FUNCTIONS = ["add", "buy", "list"] as const;
export const STAGES = ["test", "release"] as const;

export const PLAN: Omit<ReleasePlan, "first"> = {
  ...{ stages: STAGES, steps: [100, 1_000], stepWaitMs: 0, sampleWaitMs: 0, samplesMin: 10 },
  ...{ withoutSamples: false, guards: ["error-rate", "p95"], maxErrorRate: null, maxP95Ms: null },
};

/** Where all that a release moves leads: of each function and stage. */
export type Led = Readonly<Record<string, unknown>>;

export class AppReleases {
  readonly world: ReleaseWorld;

  constructor(world: ReleaseWorld) {
    this.world = world;
  }

  /** Version 1 of each function is released; the code of version 2 is deployed. */
  async prepare(): Promise<void> {
    for (const name of FUNCTIONS) await this.world.deploy(name, "one");
    await this.world.publishApp("release");
    for (const name of FUNCTIONS) await this.world.deploy(name, "two");
  }

  async create(
    more: Partial<Parameters<typeof storeModule.procedures.createRelease>[1]> = {},
  ): Promise<ReleaseResource> {
    const done = await this.world.store.call(storeModule, "createRelease", {
      ...{ stamp: this.#stamp(), app: this.world.app, freshId: ids.id("rel"), plan: PLAN },
      ...{
        fromStage: null,
        withApis: true,
        isApproved: true,
        description: "",
        reason: "",
        dryRun: false,
      },
      ...more,
    });
    return done.answer as ReleaseResource;
  }

  async turn(turn: ReleaseTurn, id: string, ifChange: number | null = null) {
    const of = { app: this.world.app, id: id as ReleaseId, withoutSamples: false };
    const args = { stamp: this.#stamp(), ...of, turn, ifChange };
    const { answer } = await this.world.store.call(storeModule, "turnRelease", args);
    return answer as ReleaseResource;
  }

  get(id: string): Promise<ReleaseResource> {
    const { store, accountId, app } = this.world;
    return store.call(storeModule, "oneRelease", { accountId, app, id: id as ReleaseId });
  }

  /** The one that runs, as it lies in the store. */
  async due(): Promise<ReleaseRecord> {
    const nowMs = 2 ** 50;
    const args = { nowMs, rowsMax: 10 };
    const { releases } = await this.world.store.call(storeModule, "dueReleases", args);
    const found = releases.find(({ accountId }) => accountId === this.world.accountId);
    assert.ok(found !== undefined, "none runs");
    return found;
  }

  /** A step of it, as whoever saw it so would make it. */
  async step(record: ReleaseRecord, event: ReleaseEvent): Promise<"stepped" | "overtaken"> {
    const { id, appId, version } = record;
    const fresh = { auditId: ids.id("aud"), requestId: ids.requestId() };
    const step = { id, appId, version, event, nowMs: this.world.now(1_000), fresh };
    return (await this.world.store.call(storeModule, "stepRelease", step)).kind;
  }

  /** To its first share. */
  async toCanary(id: string): Promise<void> {
    await this.step(await this.due(), { kind: "step" });
    await this.step(await this.due(), { kind: "step" });
    const { places } = await this.get(id);
    assert.equal(places[1]?.state, "current");
  }

  async led(): Promise<Led> {
    const led: Record<string, unknown> = {};
    for (const name of FUNCTIONS) {
      for (const stage of STAGES) {
        const found = await this.world.alias(name, stage).catch(() => null);
        led[`${name}:${stage}`] = found?.target ?? null;
      }
    }
    return led;
  }

  #stamp() {
    return {
      ...{ id: ids.id("aud"), accountId: this.world.accountId, keyId: this.world.keyId },
      ...{ requestId: ids.requestId(), atMs: this.world.now(), claim: null },
    };
  }
}

/** What a version did in all functions: so many requests, of which so many failed. */
export function figures(errors: number): ReleaseEvent {
  const did = (failed: number) => {
    return {
      requests: 100,
      errors: failed,
      kinds: {},
      durations: HISTOGRAM_BOUNDS_MS.map(() => 0),
    };
  };
  const of = (name: string) => ({ function: name, base: did(0), next: did(errors) });
  return { kind: "measured", figures: FUNCTIONS.map(of) };
}

/** Gateway APIs of an app over each store, and what must hold of them at any time. */
import assert from "node:assert/strict";
import { createIdSource, systemClock, systemRandom } from "@skerry/base";
import type {
  ChangedGatewayApi,
  DomainResource,
  MadePublication,
  MadePurge,
  PublicationResource,
  StageResource,
} from "@skerry/api-schema";
import type { RouteInput, SealedValue, StageEntry } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { routesText } from "@skerry/gateway-apis";
import { storeModule, type KeptApis } from "./release-module.ts";
import { GATEWAY_URL, type ReleaseWorld } from "./release-world.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const MAX = Number.MAX_SAFE_INTEGER;

type Put = Parameters<typeof storeModule.procedures.putGatewayApi>[1];
type Publish = Parameters<typeof storeModule.procedures.createPublication>[1];

/** A fixed answer, so that no function is needed. */
export function answering(path: string, body = "ok"): RouteInput {
  return { path, to: { answer: { body } }, auth: "none" };
}

export class GatewayApis {
  readonly world: ReleaseWorld;
  readonly api: string;

  constructor(world: ReleaseWorld, api = "web") {
    this.world = world;
    this.api = api;
  }

  async put(routes: readonly RouteInput[], more: Partial<Put> = {}): Promise<ChangedGatewayApi> {
    const { answer } = await this.world.store.call(storeModule, "putGatewayApi", {
      ...{ ...this.#change(), freshId: ids.id("api"), stages: {}, reason: "", ifVersion: null },
      ...{ madeBy: null, routes: routesText(routes.map((one) => route.parse(one))) },
      ...more,
    });
    return answer as ChangedGatewayApi;
  }

  async publish(stage: string, more: Partial<Publish> = {}): Promise<MadePublication> {
    const { answer } = await this.world.store.call(storeModule, "createPublication", {
      ...{ ...this.#change(), stage, gatewayUrl: GATEWAY_URL, ifChange: null, from: null },
      ...{ restore: null, qualifier: null, variables: null, reason: "", dryRun: false },
      ...more,
    });
    return answer as MadePublication;
  }

  async setStage(
    stage: string,
    more: Partial<Parameters<typeof storeModule.procedures.putStage>[1]> = {},
  ): Promise<StageResource> {
    const { answer } = await this.world.store.call(storeModule, "putStage", {
      ...{ ...this.#change(), stage, gatewayUrl: GATEWAY_URL, ifChange: null },
      ...{ asked: { variables: {} }, publish: false, reason: "" },
      ...more,
    });
    return answer as StageResource;
  }

  async removeStage(stage: string, ifChange: number | null = null): Promise<void> {
    const args = { ...this.#change(), stage, gatewayUrl: GATEWAY_URL, ifChange };
    await this.world.store.call(storeModule, "deleteStage", args);
  }

  async remove(): Promise<void> {
    const args = { ...this.#change(), ifVersion: null };
    await this.world.store.call(storeModule, "deleteGatewayApi", args);
  }

  async purge(stage: string, tag: string): Promise<MadePurge> {
    const args = { ...this.#change(), stage, what: { tag } };
    const { answer } = await this.world.store.call(storeModule, "createPurge", args);
    return answer as MadePurge;
  }

  async lead(
    host: string,
    more: Partial<Parameters<typeof storeModule.procedures.putDomain>[1]> = {},
  ): Promise<DomainResource> {
    const { answer } = await this.world.store.call(storeModule, "putDomain", {
      ...{ ...this.#change(), host, stage: "release", httpsOnly: false, certificate: null },
      ...{ apps: null, ifVersion: null },
      ...more,
    });
    return answer as DomainResource;
  }

  stage(stage: string): Promise<StageResource> {
    const args = { ...this.#of(), stage, gatewayUrl: GATEWAY_URL };
    return this.world.store.call(storeModule, "oneStage", args);
  }

  history(stage: string): Promise<readonly PublicationResource[]> {
    const args = { ...this.#of(), stage, below: MAX, limit: 200 };
    return this.world.store.call(storeModule, "publicationPage", args);
  }

  async bodies(stage: string, number: number): Promise<readonly unknown[]> {
    const args = { ...this.#of(), stage, number };
    const { routes } = await this.world.store.call(storeModule, "onePublication", args);
    return routes.map(({ to }) => ("answer" in to ? to.answer.body : null));
  }

  /** What gateways are told of a stage; undefined: nothing. */
  async told(stage: string): Promise<StageEntry | undefined> {
    const { log } = await this.kept();
    return stageEntries(log).find((entry) => {
      return entry.app === this.world.app && entry.api === this.api && entry.stage === stage;
    });
  }

  kept(): Promise<KeptApis> {
    return this.world.store.call(storeModule, "readKeptApis", null);
  }

  #of() {
    return { accountId: this.world.accountId, app: this.world.app, api: this.api };
  }

  #change() {
    const stamp = {
      ...{ id: ids.id("aud"), accountId: this.world.accountId, keyId: this.world.keyId },
      ...{ requestId: ids.requestId(), atMs: this.world.now(), claim: null },
    };
    return { stamp, app: this.world.app, api: this.api };
  }
}

function stageEntries({ entries }: KeptApis["log"]): readonly StageEntry[] {
  return entries.flatMap(({ value }) => (value?.kind === "stage" ? [value] : []));
}

/**
 * What must hold at any time: each stage serves its last publication, gateways are told that very
 * state, its routes are there whole, nothing else is kept, and the audit knows who did it.
 */
export function assertServed(kept: KeptApis): void {
  const { stages, publications, lists, drafts, holds, audited, log } = kept;
  const texts = new Map(lists.map((one) => [`${one.api_id}/${one.digest}`, one.routes]));
  const records = new Set(audited.map(({ id }) => id));
  const expected = stages.flatMap(({ api_id: api, name, publication }) => {
    const serving = publications.find((one) => {
      return one.api_id === api && one.stage === name && one.number === publication;
    });
    if (serving === undefined) return [];
    assert.ok(records.has(serving.audit_id), "published by somebody");
    return [[`stage/${api}/${name}`, publication, texts.get(`${api}/${serving.digest}`)] as const];
  });
  const told = stageEntries(log).map(({ apiId, stage, publication, routes }) => {
    return [`stage/${apiId}/${stage}`, publication, JSON.stringify(routes)] as const;
  });
  const byKey = (a: readonly [string, ...unknown[]], b: typeof a) => (a[0] < b[0] ? -1 : 1);
  assert.deepEqual(
    told.toSorted(byKey),
    expected.toSorted(byKey),
    "gateways are told what is kept",
  );
  const held = new Set([
    ...[...publications, ...holds].map((one) => `${one.api_id}/${one.digest}`),
    ...drafts.map(({ id, digest }) => `${id}/${digest}`),
  ]);
  assert.deepEqual(new Set(texts.keys()), held, "each list is held, and each that is held is kept");
}

/** As sealing would make one; nobody opens it here. */
export function sealedBy(keyId: string, value: string): SealedValue {
  return { format: 1, keyId, wrappedKey: "wrapped", value };
}

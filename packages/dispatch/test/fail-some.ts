import assert from "node:assert/strict";
import type { FunctionId, RedriveId } from "@skerry/base";
import type { RedriveResource } from "@skerry/api-schema";
import { until } from "@skerry/testkit";
import type { Redrives } from "../src/redrives.ts";
import type { GatewayDouble } from "./gateway-double.ts";
import type { World } from "./world.ts";

/** As many invocations that failed, in the order of acceptance. */
export async function failSome(
  world: World,
  count: number,
  more: { readonly fn?: FunctionId; readonly gateway?: GatewayDouble } = {},
) {
  const gateway = more.gateway ?? (await world.gateway());
  const fn = more.fn ?? world.function({ policy: { attempts: 1 }, maxInstances: 50 });
  const pieces = Array.from({ length: count }, () => world.piece(fn, { ok: "one" }));
  const before = (await world.balance()).sums.failed;
  for (const piece of pieces) await gateway.accept(piece);
  for (let ended = 0; ended < count; ended += 1) {
    await gateway.settle(await gateway.holds(1), { outcome: "function_error" });
  }
  assert.equal((await world.balance()).sums.failed, before + count);
  return { gateway, fn, failed: pieces.map(({ id }) => id) };
}

export type AskedRedrive = Partial<Parameters<Redrives["create"]>[0]>;

/** One that has been made. */
export async function makeRedrive(world: World, more: AskedRedrive = {}): Promise<RedriveResource> {
  const { accountId, dispatch } = world;
  const asked = { accountId, apps: null, dryRun: false, asked: {}, ...more };
  return await dispatch.redrives.create(asked);
}

/** How it stands. */
export async function standOf(world: World, id: string): Promise<RedriveResource> {
  const { accountId, dispatch } = world;
  const found = await dispatch.redrives.get({ accountId, apps: null, id: id as RedriveId });
  return found ?? assert.fail(`there is no ${id}`);
}

/** One that has been made and has come to its end. */
export async function redrive(world: World, more: AskedRedrive = {}): Promise<RedriveResource> {
  const { id } = await makeRedrive(world, more);
  await until("the redrive to end", async () => (await standOf(world, id)).endedAt !== null);
  return await standOf(world, id);
}

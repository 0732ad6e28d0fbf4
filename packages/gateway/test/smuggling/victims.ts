/**
 * A stage whose routes lead to careless servers, one for each way of framing, and the caller who
 * asks them before and after each case: whatever was sent between, it gets its own answers.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { GatewayOptions } from "../../src/ports.ts";
import { World } from "../world.ts";
import { startVictim, type LaxRequest, type Preference, type Victim } from "./lax-http.ts";
import type { Passes } from "./requests.ts";

export const HOST = "release.public.shop.apis.localhost";
export const PREFERENCES: readonly Preference[] = ["coding", "length", "method"];

export interface Case {
  /** For people. */
  readonly name: string;
  readonly against: Preference;
  readonly passes: Passes | undefined;
}

export class Victims {
  readonly world: World;
  readonly #victims: ReadonlyMap<Preference, Victim>;
  #asked = 0;

  private constructor(world: World, victims: ReadonlyMap<Preference, Victim>) {
    this.world = world;
    this.#victims = victims;
  }

  static async start(t: TestContext, options: Partial<GatewayOptions> = {}): Promise<Victims> {
    const world = new World();
    const victims = new Map<Preference, Victim>();
    for (const one of PREFERENCES) victims.set(one, await startVictim(t, one));
    const routes = [...victims].map(([name, { port }]) => ({
      path: `/${name}/{rest...}`,
      to: { upstream: `http://127.0.0.1:${port}` },
      rewrite: { path: "/{rest}" },
    }));
    world.stage({ routes });
    await world.start(options);
    t.after(async () => await world.close());
    return new Victims(world, victims);
  }

  /** Path of a case. */
  pathTo(against: Preference): string {
    return `/${against}/x`;
  }

  /**
   * Has a case sent between two requests of the other caller, over the connection that both use
   * where the case may share it. Rejects when anything of it is seen that should not be.
   */
  async send({ name, against, passes }: Case, send: () => Promise<void>): Promise<void> {
    const before = await this.#askOwn(against, name);
    const { seen } = this.#victim(against);
    const from = seen.length;
    await send();
    const after = await this.#askOwn(against, name);
    const own = `/own-${this.#asked}`;
    const others = seen.slice(from).filter(({ target }) => target !== own);
    // It is refused by what follows its head, which may have passed by then.
    if (passes?.isLate === true && others.length === 0) return;
    if (passes === undefined) return assert.deepEqual(others.map(say), [], `${name}: refused`);
    const { method = "POST", target = "/x", body, headers = {}, isAlone = false } = passes;
    assert.equal(others.length, 1, `${name}: ${others.map(say).join(" | ")}`);
    const [only] = others;
    assert.deepEqual([only?.method, only?.target], [method, target], name);
    if (body !== undefined) assert.equal(only?.body, body, name);
    for (const [header, value] of Object.entries(headers))
      assert.equal(only?.headers.get(header), value, `${name}: ${header}`);
    if (passes.isLate === true) return;
    const shared = [only?.connection === before, after === before];
    assert.deepEqual(shared, isAlone ? [shared[0], false] : [true, true], `${name}: connections`);
  }

  /** All that was seen on the whole is what was meant to be. */
  assertClean(): void {
    for (const { seen } of this.#victims.values())
      for (const one of seen) assert.doesNotMatch(one.target, /smuggled/, say(one));
  }

  /** Which connection the answer came over. */
  async #askOwn(against: Preference, name: string): Promise<number | undefined> {
    this.#asked += 1;
    const target = `/own-${this.#asked}`;
    const { body } = await this.world.ask({ host: HOST, path: `/${against}${target}` });
    assert.equal(body, `answer to GET ${target}`, `${name}: another's answer`);
    return this.#victim(against).seen.findLast((one) => one.target === target)?.connection;
  }

  #victim(against: Preference): Victim {
    const victim = this.#victims.get(against);
    assert.ok(victim);
    return victim;
  }
}

function say({ method, target, body }: LaxRequest): string {
  return `${method} ${target} ${JSON.stringify(body)}`;
}

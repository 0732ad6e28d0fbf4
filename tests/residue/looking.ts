/**
 * Many looks for canaries through a whole platform: functions of several apps side by side, whose
 * instances come and go because they end themselves and because their revisions are replaced.
 */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { seededRandom, type Random } from "@skerry/base";
import { callHttp, type Platform } from "@skerry/testkit";
import { canarySource, PLACES, type Look, type Place } from "./canaries.ts";

export interface LookOptions {
  readonly looks: number;
  readonly seed: number;
  /** Tells this run's canaries from those of any other. */
  readonly mark: string;
  /** A new revision of some function after so many looks. */
  readonly looksPerRevision: number;
  /** Ends the looking early, once it is true of what instances of others left. */
  readonly enough?: (foreign: Readonly<Record<Place, number>>) => boolean;
}

export interface ResidueAccount {
  readonly looks: number;
  readonly instances: number;
  readonly revisions: number;
  readonly apps: number;
  /** Canaries of other instances that were found, by place. */
  readonly foreign: Readonly<Record<Place, number>>;
  /** Canaries that an instance left itself and found again, by place: what looking can find. */
  readonly own: Readonly<Record<Place, number>>;
  /** Calls that met an instance which was just ending. */
  readonly missed: number;
}

const APPS = ["first", "second"] as const;
const FUNCTIONS = ["a", "b", "c"] as const;
const TARGETS = APPS.flatMap((app) => FUNCTIONS.map((fn) => ({ app, fn })));
const CLIENTS = 4;
/** Of ten calls this many end their instance. */
const ENDS_OF_TEN = 2;
const MISSED_SHARE_MAX = 0.5;

export async function lookForResidue(
  platform: Platform,
  { looks, seed, mark, looksPerRevision, enough = () => false }: LookOptions,
): Promise<ResidueAccount> {
  const random = seededRandom(seed);
  const found: Look[] = [];
  const state = { version: 0, missed: 0, deploying: Promise.resolve() };
  const deployNext = async (): Promise<void> => {
    const { app, fn } = pick(random, TARGETS);
    state.version += 1;
    await deploy(platform, { app, fn, mark, version: state.version });
  };
  for (const target of TARGETS) {
    state.version += 1;
    await deploy(platform, { ...target, mark, version: state.version });
  }
  let nextRevisionAt = looksPerRevision;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (found.length < looks && !enough(accountOf(found, 0).foreign)) {
      const { app, fn } = pick(random, TARGETS);
      const end = random.float() * 10 < ENDS_OF_TEN ? "1" : "0";
      const path = `/-/${app}/${fn}/?end=${end}`;
      const { status, headers, text } = await callHttp({
        ...{ port: platform.gatewayPort, path, agent },
      });
      if (status === 200) found.push(JSON.parse(text) as Look);
      else {
        assert.equal(headers["x-skerry-error"], "FUNCTION_CRASHED", text);
        state.missed += 1;
        assert.ok(
          state.missed < 100 + looks * MISSED_SHARE_MAX,
          "most calls met an ending instance",
        );
      }
      if (found.length < nextRevisionAt) continue;
      nextRevisionAt += looksPerRevision;
      state.deploying = state.deploying.then(deployNext);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await state.deploying;
  return accountOf(found.slice(0, looks), state.missed);
}

async function deploy(
  platform: Platform,
  wanted: {
    readonly app: string;
    readonly fn: string;
    readonly mark: string;
    readonly version: number;
  },
): Promise<void> {
  const { app, fn, mark, version } = wanted;
  await platform.deploy({
    ...{ app, fn, files: canarySource(mark, version) },
    config: { auth: "none", maxInstances: 4 },
  });
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.float() * list.length)] as T;
}

function accountOf(looks: readonly Look[], missed: number): ResidueAccount {
  const count = (isOwn: boolean): Record<Place, number> => {
    const counts = PLACES.map((place) => [
      place,
      looks.reduce(
        (sum, { instance, seen }) =>
          sum +
          seen.filter((one) => one.place === place && (one.owner === instance) === isOwn).length,
        0,
      ),
    ]);
    return Object.fromEntries(counts) as Record<Place, number>;
  };
  return {
    looks: looks.length,
    instances: new Set(looks.map(({ instance }) => instance)).size,
    revisions: new Set(looks.map(({ revision }) => revision)).size,
    apps: APPS.length,
    foreign: count(false),
    own: count(true),
    missed,
  };
}

/** All of them. */
export function sumOf(counts: Readonly<Record<Place, number>>): number {
  return Object.values(counts).reduce((sum, one) => sum + one, 0);
}

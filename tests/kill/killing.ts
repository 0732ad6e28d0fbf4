/**
 * `kill -9` of each role, of instances, of the supervisor and of everything at once under load,
 * accepted invocations and deploys, in an order drawn from a seed. Throws when something
 * acknowledged is not served after a kill or did not run, when a process or group of the dead is
 * left, or when the records do not add up.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { seededRandom, systemClock, type Random } from "@skerry/base";
import { everyItem } from "@skerry/sdk";
import {
  callHttp,
  startLoad,
  until,
  type HttpAnswer,
  type Platform,
  type SourceFiles,
} from "@skerry/testkit";
import { findLeftovers } from "@skerry/testkit/leftovers";
import { ECHO, HOLDING_MIRROR } from "../sources.ts";
import { LATER, LaterLoad, type AcceptedAccount, type Kill } from "./accepted.ts";
import { killInstance } from "./instances.ts";

/** Of every forty kills. */
const SHARES = {
  gateway: 9,
  control: 7,
  agent: 4,
  instance: 18,
  supervisor: 1,
  all: 1,
} as const;
type Target = keyof typeof SHARES;

export interface KillAccount {
  readonly kills: Readonly<Record<Target, number>>;
  /** Calls that a function's gateway answered; each has exactly one record with its status. */
  readonly answered: number;
  /** Calls that a kill cut off. */
  readonly cutOff: number;
  /** Deployments acknowledged as succeeded. */
  readonly deployed: number;
  /** What was accepted to run later. */
  readonly later: AcceptedAccount;
}

interface Answered {
  readonly status: number;
  readonly reason: string;
}

/** After a kill everything starts anew, and on a busy machine one thing after the other. */
const open = { auth: "none", queueTimeoutMs: 60_000, initTimeoutMs: 60_000 } as const;
/**
 * What a kill meets is under way for a while, and asked for rarely: it is kills that the processors
 * are to be busy with. All in milliseconds.
 */
const PAUSE_MS_MAX = 150;
const DEPLOY_PAUSE_MS = 150;
/** At most so many answers come between two kills, and what serves has been seen to serve. */
const ANSWERS_BETWEEN = 20;
const PATHS = ["/-/load/mirror/", "/-/load/echo/?word=w", "/-/load/churn/"];
const versionSource = (version: number): SourceFiles => ({
  "index.ts": `export function handler(): string { return "${version}"; }`,
});

export async function deployKilled(platform: Platform): Promise<void> {
  await platform.deploy({ app: "load", fn: "mirror", files: HOLDING_MIRROR, config: open });
  await platform.deploy({ app: "load", fn: "echo", files: ECHO, config: open });
  await platform.deploy({ app: "load", fn: "churn", files: versionSource(0), config: open });
  const config = { ...open, concurrency: 20, async: { attempts: 5, retryDelayMs: 20 } };
  await platform.deploy({ app: "load", fn: "later", files: LATER, config });
}

export interface Killing {
  readonly kills: number;
  readonly seed: number;
  /** Goes on until the last of them. */
  readonly beside?: { stop(): Promise<void> };
}

export async function killUnderLoad(
  platform: Platform,
  { kills, seed, beside }: Killing,
): Promise<KillAccount> {
  const random = seededRandom(seed);
  const answered = new Map<string, Answered>();
  const load = startLoad({
    connections: 8,
    pauseMsMax: PAUSE_MS_MAX,
    call: (client) => ({ port: platform.gatewayPort, path: PATHS[client % 3] ?? "/" }),
    onAnswer: (answer) => note(answered, answer),
  });
  const later = new LaterLoad(platform);
  const deploys = startDeploys(platform);
  const order = targets(kills, random);
  const made: Kill[] = [];
  try {
    for (const target of order) {
      const goal = load.answered + below(random, ANSWERS_BETWEEN);
      await until("some more answers", () => load.answered >= goal, { deadlineMs: 60_000 });
      made.push({ target, atMs: systemClock().wallMs() });
      if (target === "instance") await killInstance(platform, random);
      else await platform.kill(target);
      if (target === "supervisor" || target === "all") await platform.start();
      if (target !== "instance") await platform.untilWhole();
      await assertServes(platform, deploys);
    }
  } finally {
    await deploys.stop();
    await load.stop();
    await later.stop();
    await beside?.stop();
  }
  const { failed } = await load.stop();
  assert.ok(failed > 0, "control: kills were noticed by callers");
  await assertNoOrphans(platform);
  await assertRecordsAddUp(platform, answered);
  const accepted = await later.account(made);
  assert.ok(
    accepted.attemptsAgain > 0,
    "control: kills met what runs later while it was under way",
  );
  assert.ok(deploys.succeeded > 0, "control: deploys were acknowledged amid the kills");
  const counts = Object.keys(SHARES).map((name) => [name, order.filter((t) => t === name).length]);
  return {
    kills: Object.fromEntries(counts) as KillAccount["kills"],
    answered: answered.size,
    cutOff: failed,
    deployed: deploys.succeeded,
    later: accepted,
  };
}

/** What no function's gateway answered has no record. */
function note(answered: Map<string, Answered>, { headers, status }: HttpAnswer): void {
  const reason = String(headers["x-skerry-error"] ?? "");
  if (reason.startsWith("GATEWAY_") || reason === "FUNCTION_NOT_FOUND") return;
  answered.set(String(headers["x-skerry-request-id"]), { status, reason });
}

function below(random: Random, limit: number): number {
  return Math.floor(random.float() * limit);
}

/** As many of each as its share says, also of few kills. */
function targets(kills: number, random: Random): readonly Target[] {
  const whole = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
  const all = Object.entries(SHARES).flatMap(([target, share]) =>
    Array.from({ length: Math.ceil((kills * share) / whole) }, () => target as Target),
  );
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = below(random, i + 1);
    [all[i], all[j]] = [all[j] as Target, all[i] as Target];
  }
  return all.slice(0, kills);
}

interface Deploys {
  /** Newest version whose deployment was acknowledged as succeeded. */
  readonly acknowledged: number;
  readonly newest: number;
  /** How many were acknowledged as succeeded. */
  readonly succeeded: number;
  stop(): Promise<void>;
}

/**
 * Deploys one version after the other; a deployment that a kill interrupts is followed by the next.
 */
function startDeploys(platform: Platform): Deploys {
  const clock = systemClock();
  const state = { acknowledged: 0, newest: 0, succeeded: 0, isOver: false };
  const run = async (): Promise<void> => {
    while (!state.isOver) {
      state.newest += 1;
      const version = state.newest;
      const files = versionSource(version);
      await platform.deploy({ app: "load", fn: "churn", files, config: open }).then(
        () => {
          state.acknowledged = version;
          state.succeeded += 1;
        },
        () => undefined,
      );
      await new Promise<void>((resolve) => void clock.schedule(DEPLOY_PAUSE_MS, resolve));
    }
  };
  const running = run();
  return {
    get acknowledged() {
      return state.acknowledged;
    },
    get newest() {
      return state.newest;
    },
    get succeeded() {
      return state.succeeded;
    },
    async stop() {
      state.isOver = true;
      await running;
    },
  };
}

async function assertServes(platform: Platform, deploys: Deploys): Promise<void> {
  const atLeast = deploys.acknowledged;
  const port = platform.gatewayPort;
  const [mirror, echo, churn] = await Promise.all([
    callHttp({ port, path: "/-/load/mirror/", method: "POST", body: "same" }),
    callHttp({ port, path: "/-/load/echo/?word=same" }),
    callHttp({ port, path: "/-/load/churn/" }),
  ]);
  assert.deepEqual([mirror.status, mirror.text], [200, "same"]);
  assert.equal(echo.status, 200, echo.text);
  assert.equal(churn.status, 200, churn.text);
  const version = Number(churn.text);
  assert.ok(version >= atLeast && version <= deploys.newest, `${version}, not ${atLeast} or newer`);
}

/**
 * Every process of the home descends from its supervisor, and every control group has a process.
 */
async function assertNoOrphans(platform: Platform): Promise<void> {
  const orphans = (): readonly string[] => {
    const { processes, groups } = findLeftovers(platform.home);
    const strays = processes.filter(
      (line) => !descends(Number.parseInt(line, 10), platform.supervisorPid),
    );
    const empty = groups.filter(
      (group) => /inst_/.test(group) && readText(`${group}/cgroup.procs`) === "",
    );
    return [...strays, ...empty];
  };
  // One look without any is proof: what lives may be caught as it begins or ends, an orphan stays.
  let seen: readonly string[] = [];
  await until("no orphans", () => (seen = orphans()).length === 0).catch(() => undefined);
  assert.deepEqual(seen, []);
}

function descends(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1;) {
    if (at === ancestor) return true;
    const stat = readText(`/proc/${at}/stat`);
    if (stat === "") return true;
    at = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  return false;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Every answered request has exactly one record, with the status that the caller saw. */
async function assertRecordsAddUp(
  platform: Platform,
  answered: ReadonlyMap<string, Answered>,
): Promise<void> {
  const { client } = platform;
  const read = async (): Promise<readonly { requestId: string; status: number }[]> => {
    const found: { requestId: string; status: number }[] = [];
    for (const fn of ["mirror", "echo", "churn"]) {
      const params = { app: "load", fn };
      const page = (cursor: string | undefined): ReturnType<typeof client.listInvocations> =>
        client.listInvocations({
          params,
          query: { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) },
        });
      for await (const record of everyItem(page)) found.push(record);
    }
    return found;
  };
  const isMissing = (records: readonly { requestId: string }[]): readonly string[] => {
    const known = new Set(records.map(({ requestId }) => requestId));
    return [...answered.keys()].filter((id) => !known.has(id));
  };
  await until("all records are in", async () => isMissing(await read()).length === 0, {
    everyMs: 500,
  }).catch(() => undefined);
  const records = await read();
  const missing = isMissing(records).map((id) => `${id} ${JSON.stringify(answered.get(id))}`);
  assert.deepEqual(
    missing.slice(0, 20),
    [],
    `${missing.length} of ${answered.size} have no record`,
  );
  const times = Map.groupBy(records, ({ requestId }) => requestId);
  const doubled = [...times].filter(([, all]) => all.length > 1).map(([id]) => id);
  assert.deepEqual(doubled, [], "counted twice");
  const wrong = [...answered].filter(([id, { status }]) => times.get(id)?.[0]?.status !== status);
  assert.deepEqual(wrong.slice(0, 20), [], "the record tells another status");
}

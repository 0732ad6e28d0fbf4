/**
 * `kill -9` of each role, of the supervisor and of everything at once, a hundred times under load
 * and deploys. What was acknowledged is served afterwards, nothing of the dead is left, and the
 * records add up. SKERRY_TEST_KILLS and SKERRY_TEST_SEED make longer and other runs.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { seededRandom, silentLog, systemClock, systemRandom, type Random } from "@skerry/base";
import { openCodeStore } from "@skerry/code-store";
import { everyItem } from "@skerry/sdk";
import {
  callHttp,
  findLeftovers,
  startLoad,
  startPlatform,
  until,
  type HttpAnswer,
  type Load,
  type Platform,
  type SourceFiles,
} from "@skerry/testkit";
import { ECHO, MIRROR } from "./sources.ts";

const KILLS = Number(process.env["SKERRY_TEST_KILLS"] ?? 30);
const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 1);
const TIMEOUT = { timeout: 60_000 + KILLS * 15_000 };
/** Of every twenty kills. */
const SHARES = {
  gateway: 8,
  control: 6,
  agent: 4,
  supervisor: 1,
  all: 1,
} as const;
type Target = keyof typeof SHARES;

const open = { auth: "none" } as const;
const versionSource = (version: number): SourceFiles => ({
  "index.ts": `export function handler(): string { return "${version}"; }`,
});

describe("kill -9 under load and deploys", TIMEOUT, () => {
  let platform: Platform;
  const home = mkdtempSync(join(tmpdir(), "skerry-kill-"));
  /** Requests that a function's gateway answered, by request id. */
  const answered = new Map<string, { readonly status: number; readonly reason: string }>();

  before(async () => {
    chmodSync(home, 0o755);
    platform = await startPlatform({ home });
    await platform.deploy({ app: "load", fn: "mirror", files: MIRROR, config: open });
    await platform.deploy({ app: "load", fn: "echo", files: ECHO, config: open });
    await platform.deploy({ app: "load", fn: "churn", files: versionSource(0), config: open });
  }, TIMEOUT);
  after(async () => {
    await platform.abandon();
    rmSync(home, { recursive: true, force: true });
  }, TIMEOUT);

  const paths = ["/-/load/mirror/", "/-/load/echo/?word=w", "/-/load/churn/"];
  const note = ({ headers, status }: HttpAnswer): void => {
    const reason = String(headers["x-skerry-error"] ?? "");
    if (reason.startsWith("GATEWAY_") || reason === "FUNCTION_NOT_FOUND") return;
    answered.set(String(headers["x-skerry-request-id"]), { status, reason });
  };
  const loadFunctions = (): Load =>
    startLoad({
      connections: 8,
      pauseMsMax: 25,
      call: (client) => ({ port: platform.gatewayPort, path: paths[client % 3] ?? "/" }),
      onAnswer: note,
    });

  it(
    "what was acknowledged is served after every kill, and the records add up",
    TIMEOUT,
    async (t) => {
      t.diagnostic(`seed ${SEED}`);
      const random = seededRandom(SEED);
      const load = loadFunctions();
      t.after(() => load.stop());
      const deploys = startDeploys(platform);
      t.after(() => deploys.stop());
      for (const target of targets(random)) {
        const goal = load.answered + below(random, 60);
        await until("some more answers", () => load.answered >= goal, { deadlineMs: 60_000 });
        await platform.kill(target);
        if (target === "supervisor" || target === "all") await platform.start();
        await platform.untilWhole();
        await assertServes(platform, deploys);
      }
      await deploys.stop();
      const { failures } = await load.stop();
      assert.ok(failures.length > 0, "control: kills were noticed by callers");
      await assertNoOrphans(platform);
      await assertRecordsAddUp(platform, answered);
    },
  );

  it(
    "no half-written package is in the code store, and a clean stop leaves nothing",
    TIMEOUT,
    async () => {
      await platform.stop();
      const deps = { clock: systemClock(), random: systemRandom(), log: silentLog() };
      const store = await openCodeStore(deps, { directory: join(home, "code") });
      const all = await store.list();
      assert.ok(all.length >= 6, `${all.length} packages`);
      for (const { name } of all) assert.equal(await store.verify(name), true, name);
    },
  );
});

function below(random: Random, limit: number): number {
  return Math.floor(random.float() * limit);
}

function targets(random: Random): readonly Target[] {
  const cycle = Object.entries(SHARES).flatMap(([target, share]) =>
    Array.from({ length: share }, () => target as Target),
  );
  const all = Array.from({ length: KILLS }, (_, index) => cycle[index % cycle.length] ?? "all");
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = below(random, i + 1);
    [all[i], all[j]] = [all[j] as Target, all[i] as Target];
  }
  return all;
}

interface Deploys {
  /** Newest version whose deployment was acknowledged as succeeded. */
  readonly acknowledged: number;
  readonly newest: number;
  stop(): Promise<void>;
}

/**
 * Deploys one version after the other; a deployment that a kill interrupts is followed by the next.
 */
function startDeploys(platform: Platform): Deploys {
  const state = { acknowledged: 0, newest: 0, isOver: false };
  const run = async (): Promise<void> => {
    while (!state.isOver) {
      state.newest += 1;
      const version = state.newest;
      const files = versionSource(version);
      await platform.deploy({ app: "load", fn: "churn", files, config: open }).then(
        () => {
          state.acknowledged = version;
        },
        () => undefined,
      );
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
  await until("no orphans", () => orphans().length === 0).catch(() => undefined);
  assert.deepEqual(orphans(), []);
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
  answered: ReadonlyMap<string, { readonly status: number; readonly reason: string }>,
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

/**
 * Restarts that go wrong: a successor that cannot start leaves the old one serving and is told as a
 * typed error, and what an agent that was killed in the middle of its restart left behind is ended
 * by the one that stays. Whatever crosses a restart, in the end every role serves.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request, type ClientRequest } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PlatformError } from "@skerry/base";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type Load,
  type Platform,
} from "@skerry/testkit";
import { holdCall } from "./held-call.ts";
import { instanceDirectories, untilOnlyListedAreLeft } from "./living.ts";
import { FAULTY, MIRROR } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const MAIN = fileURLToPath(new URL("../apps/platform/src/main.ts", import.meta.url));
const open = { auth: "none" } as const;
const LONG = { ...open, timeoutMs: 60_000 };

describe("restarts that go wrong", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
    await platform.deploy({ app: "stays", fn: "mirror", files: MIRROR, config: open });
    await platform.deploy({ app: "stays", fn: "held", files: MIRROR, config: LONG });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const loadMirror = (): Load =>
    startLoad({
      connections: 2,
      pauseMsMax: 25,
      call: () => ({ port: platform.gatewayPort, path: "/-/stays/mirror/", method: "POST" }),
    });
  const starts = (): number => platform.logTail(2_000).split("started again").length - 1;

  /** No process that begins meanwhile can make the spool that it needs. */
  const withoutSpool = async (name: "meter" | "logs", work: () => Promise<void>): Promise<void> => {
    const spool = join(platform.home, "spool", name);
    renameSync(spool, `${spool}.aside`);
    writeFileSync(spool, "");
    try {
      await work();
    } finally {
      rmSync(spool);
      renameSync(`${spool}.aside`, spool);
    }
  };

  for (const [role, spool] of [
    ["gateway", "meter"],
    ["agent", "logs"],
  ] as const) {
    it(`a ${role} whose successor cannot start goes on serving`, TIMEOUT, async (t) => {
      const load = loadMirror();
      t.after(() => load.stop());
      const [old, startsBefore] = [platform.pids(role), starts()];
      await withoutSpool(spool, async () => {
        const [code, reason] = ["UNAVAILABLE", "ROLE_FAILED"];
        await assert.rejects(platform.restart(role), { code, reason, message: /ENOTDIR/ });
        const goal = load.answered + 20;
        await until("the old one answers", () => load.answered >= goal);
        assert.deepEqual(platform.pids(role), old);
      });
      assert.deepEqual((await load.stop()).failures, []);
      assert.equal(starts(), startsBefore, "nobody missed the successor");
      await platform.restart(role);
      assert.equal(platform.pids(role).length, 1);
      assert.notDeepEqual(platform.pids(role), old, "control: once it can, another serves");
    });
  }

  it("a control whose successor ends before its turn goes on serving", TIMEOUT, () =>
    untilInTime(async () => {
      const [[old], startsBefore] = [platform.pids("control"), starts()];
      const restarted = platform.restart("control");
      const successor = await untilBeside(platform, "control", old);
      const isInTime = successor !== undefined && killIfThere(successor);
      const failure = await restarted.catch((error: unknown) => error);
      await platform.untilWhole();
      if (!isInTime || !platform.pids("control").includes(old ?? 0)) return false;
      assert.ok(PlatformError.is(failure), String(failure));
      assert.deepEqual([failure.code, failure.reason], ["UNAVAILABLE", "ROLE_FAILED"]);
      assert.deepEqual(platform.pids("control"), [old]);
      assert.equal(starts(), startsBefore, "nobody missed the successor");
      return true;
    }),
  );

  it("who gives the order is told why it failed", TIMEOUT, async () => {
    const env = { ...process.env, SKERRY_HOME: platform.home };
    const order = (...words: readonly string[]): Promise<unknown> =>
      promisify(execFile)(process.execPath, [MAIN, ...words], { env });
    await withoutSpool("meter", () => {
      const stderr = /role gateway did not become ready.*ENOTDIR.*\n.*platform\.jsonl/;
      return assert.rejects(order("restart", "gateway"), { code: 16, stderr });
    });
    await assert.rejects(order("restart", "moon"), { stderr: /`restart moon`/ });
  });

  for (const { which, answers } of [
    { which: "new", answers: true },
    { which: "old", answers: false },
  ]) {
    it(`what the ${which} agent leaves that is killed in a restart is ended`, TIMEOUT, async () => {
      const [old] = platform.pids("agent");
      assert.ok(old !== undefined);
      // The old agent stays for it.
      const held = holdCall(platform.gatewayPort, "/-/stays/held/");
      await until("the held call is on", async () => {
        const { items } = await platform.client.listInstances();
        return items.some(({ function: fn, state }) => fn === "held" && state === "ready");
      });
      mkdirSync(join(platform.home, "runtimes", "half-copied.new-1"));
      const atFirst = instanceDirectories(platform);
      const oldOnes = new Set(atFirst.keys());
      const oldHome = dirname([...atFirst.values()][0] ?? "");
      const restarted = platform.restart("agent").catch(() => undefined);
      const left = await until("sandboxes of the new agent", () => {
        // The old agent may start another one meanwhile.
        const fresh = [...instanceDirectories(platform)].flatMap(([id, directory]) =>
          dirname(directory) === oldHome ? [] : [id],
        );
        return platform.pids("agent").length === 2 && fresh.length > 0 && fresh;
      });
      process.kill(which === "old" ? old : oneBeside(platform, "agent", old), "SIGKILL");
      if (answers) held.end();
      const status = await held.status.catch(() => "cut off");
      assert.equal(status === 200, answers);
      await restarted;
      await until("one agent", () => platform.pids("agent").length === 1);
      // A note beside a runtime's folder tells what it was made from.
      const below = (name: string): readonly string[] =>
        readdirSync(join(platform.home, name)).filter((entry) => !entry.endsWith(".inputs.json"));
      const sockets = (): readonly string[] => below("run").filter((n) => n.startsWith("agent-"));
      await until("one agent's things", () =>
        ["instances", "builds", "runtimes"].every((name) => below(name).length === 1),
      );
      await until("one agent's socket", () => sockets().length === 1);
      await platform.untilWhole();
      const living = await untilOnlyListedAreLeft(platform);
      const dead = new Set(which === "old" ? oldOnes : left);
      assert.deepEqual(
        living.filter((id) => dead.has(id)),
        [],
      );
    });
  }
});

describe("restarts that something crosses", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform({ settings: { drainDeadlineMs: 8_000 } });
    await platform.deploy({ app: "cold", fn: "faulty", files: FAULTY, config: open });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  /** An upload that never ends by itself: control has a request under way. */
  const holdControl = async (): Promise<ClientRequest> => {
    const upload = request({
      ...{ host: "127.0.0.1", port: platform.apiPort, method: "PUT" },
      path: `/v1/apps/cold/packages/src_${"a".repeat(64)}`,
      headers: { authorization: `Bearer ${platform.key}`, "content-length": 1_000_000 },
    });
    upload.on("error", () => undefined);
    upload.write("x");
    const [socket] = (await once(upload, "socket")) as [{ readonly bytesWritten: number }];
    await until("the upload has begun", () => socket.bytesWritten > 0);
    // One that came later has been answered, so control has seen the upload.
    await platform.client.getPlatform();
    return upload;
  };

  /** There is a next control, and none takes a new request. */
  const untilDraining = (): Promise<unknown> =>
    until("control drains", async () => {
      if (platform.pids("control").length < 2) return false;
      const asked = callHttp({ port: platform.apiPort, path: "/", deadlineMs: 1_000 });
      return await asked.then(
        () => false,
        () => true,
      );
    });

  it(
    "a request that outlasts the drain is broken off, and the next control serves",
    TIMEOUT,
    async (t) => {
      const [old] = platform.pids("control");
      const upload = await holdControl();
      t.after(() => upload.destroy());
      const closed = new Promise((resolve) => upload.once("close", resolve));
      await platform.restart("control");
      await closed;
      await platform.untilWhole();
      assert.ok(!platform.pids("control").includes(old ?? 0), "another one serves");
    },
  );

  it("control serves again when the next one ends while the old one drains", TIMEOUT, async (t) => {
    const [old] = platform.pids("control");
    assert.ok(old !== undefined);
    // A busy one that did not answer in time was not draining, and stays: then there is another.
    for (let turn = 0; turn < 10 && platform.pids("control").includes(old); turn += 1) {
      const upload = await holdControl();
      t.after(() => upload.destroy());
      const told = assert.rejects(platform.restart("control"), { reason: "ROLE_FAILED" });
      await untilDraining();
      const others: readonly number[] = platform.pids("control").filter((pid) => pid !== old);
      const [next, none] = others;
      assert.ok(next !== undefined && none === undefined);
      process.kill(next, "SIGKILL");
      upload.destroy();
      await told;
      await platform.untilWhole();
      assert.ok(!platform.pids("control").includes(next));
    }
    const [now, other] = platform.pids("control");
    assert.ok(now !== undefined && other === undefined && now !== old);
  });

  it("the next control takes the place of one that is killed as it loads", TIMEOUT, () =>
    untilInTime(async () => {
      const [old] = platform.pids("control");
      assert.ok(old !== undefined);
      const restarted = platform.restart("control");
      const next = await untilBeside(platform, "control", old);
      const isInTime = next !== undefined && killIfThere(old);
      await restarted;
      await platform.untilWhole();
      if (isInTime) assert.deepEqual(platform.pids("control"), [next]);
      return isInTime;
    }),
  );

  for (const afterMs of [0, 5, 15, 30, 50]) {
    const title = `a node starts instances when a restart is ordered ${afterMs} ms after a crash`;
    it(title, TIMEOUT, () =>
      untilInTime(async () => {
        const [old] = platform.pids("agent");
        assert.ok(old !== undefined);
        process.kill(old, "SIGKILL");
        const isThere = (): boolean => platform.pids("agent").some((pid) => pid !== old);
        await until("its replacement", isThere, { everyMs: 1 });
        const [replacement, none] = platform.pids("agent").filter((pid) => pid !== old);
        assert.ok(replacement !== undefined && none === undefined);
        const orderAtMs = performance.now() + afterMs;
        const isDue = (): boolean => performance.now() >= orderAtMs;
        await until("the moment of the order", isDue, { everyMs: 1 });
        await platform.restart("agent");
        const [now, other] = platform.pids("agent");
        assert.equal(other, undefined, "none beside it");
        await platform.untilWhole();
        for (const query of ["?do=exit", ""]) {
          const path = `/-/cold/faulty/${query}`;
          const { status, text } = await callHttp({ port: platform.gatewayPort, path });
          assert.equal(status, query === "" ? 200 : 502, text);
        }
        // One that starts is not replaced; by a late order it is.
        return now === replacement;
      }),
    );
  }
});

it("an order that comes while the platform stops starts nothing", TIMEOUT, async () => {
  const platform = await startPlatform();
  await platform.deploy({ app: "stops", fn: "held", files: MIRROR, config: LONG });
  const agents = platform.pids("agent");
  const order = connect(join(platform.home, "run", "supervisor.sock")).setEncoding("utf8");
  await once(order, "connect");
  const held = holdCall(platform.gatewayPort, "/-/stops/held/");
  await until("the held call is on", async () => {
    const { items } = await platform.client.listInstances();
    return items.some(({ function: fn, state }) => fn === "held" && state === "ready");
  });
  const stopped = platform.stop();
  await until("it stops", () => platform.output.includes("Stopping"));
  order.end("restart agent\n");
  const [answer] = (await once(order, "data")) as [string];
  assert.match(answer, /ROLE_FAILED.*the platform is stopping/);
  assert.deepEqual(platform.pids("agent"), agents);
  held.end();
  assert.equal(await held.status, 200, "control: the gateway drained meanwhile");
  await stopped;
});

/**
 * Some moments are short, and a busy machine may look away in them: then there is another. `meet`
 * says whether it met the moment.
 */
async function untilInTime(meet: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) if (await meet()) return;
  assert.fail("no turn met the moment");
}

/** The one that is started beside `old`; undefined when the other has left by then. */
async function untilBeside(
  platform: Platform,
  role: "control" | "agent",
  old: number | undefined,
): Promise<number | undefined> {
  return await until(
    "a successor",
    () => {
      const pids = platform.pids(role);
      const [other] = pids.filter((pid) => pid !== old);
      return other !== undefined && { beside: pids.length === 2 ? other : undefined };
    },
    { everyMs: 1 },
  ).then(({ beside }) => beside);
}

/** False when it has ended already. */
function killIfThere(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

/** Process id of the one that was started beside another; ids may have begun anew in between. */
function oneBeside(
  platform: Platform,
  role: "control" | "agent",
  other: number | undefined,
): number {
  const [one, ...more] = platform.pids(role).filter((pid) => pid !== other);
  assert.ok(one !== undefined && more.length === 0);
  return one;
}

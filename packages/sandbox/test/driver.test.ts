/** What the driver promises of one sandbox, on both rungs, as whoever runs the tests. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { createLog, silentLog, systemClock } from "@skerry/base";
import {
  openSandboxDriver,
  type Sandbox,
  type SandboxDriver,
  type SandboxDriverOptions,
  type SandboxRung,
} from "../src/index.ts";
import { readHostSystem } from "../src/host-system.ts";
import { findOwnerDirectories } from "../src/sweep.ts";
import { ownerNameOf } from "../src/host.ts";
import {
  IS_ROOT,
  makeHome,
  nodeSpec,
  NODE_MOUNT,
  removeHome,
  skipWithoutBubblewrap,
  until,
} from "./bed.ts";

const clock = systemClock();
const skipBubblewrap = skipWithoutBubblewrap();
const homes: string[] = [];
const drivers: SandboxDriver[] = [];
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.close()));
});
after(() => homes.forEach(removeHome));

function newHome(): string {
  const home = makeHome();
  homes.push(home);
  return home;
}

async function open(options: Partial<SandboxDriverOptions> = {}): Promise<SandboxDriver> {
  const driver = await openSandboxDriver(
    { clock, log: silentLog() },
    { home: newHome(), ...options },
  );
  drivers.push(driver);
  return driver;
}

async function textOf(sandbox: Sandbox, stream: "stdout" | "stderr"): Promise<string> {
  const chunks: Buffer[] = [];
  sandbox[stream].on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(sandbox[stream], "close");
  return Buffer.concat(chunks).toString();
}

const ECHO =
  "const link = new (require('net').Socket)({ fd: 3 });" +
  "link.on('data', (bytes) => link.write(bytes));";
const SPIN = "const link = new (require('net').Socket)({ fd: 3 }); link.write('x'); for (;;);";
const IDLE = "setInterval(() => {}, 1000);";

test(
  "with the machine's system, of /etc/php only what was written for it is inside",
  { skip: skipBubblewrap !== false ? skipBubblewrap : !existsSync("/etc/php") && "no /etc/php" },
  async () => {
    const driver = await open({ rung: "bubblewrap" });
    const script = `const { readdirSync } = require("node:fs");
      const all = readdirSync("/etc/php", { recursive: true, withFileTypes: true });
      console.log(JSON.stringify(all.filter((one) => !one.isDirectory())
        .map(({ parentPath, name }) => parentPath + "/" + name)));`;
    const sandbox = await driver.start(nodeSpec("php", script, { system: "host" }));
    const inside = JSON.parse(await textOf(sandbox, "stdout")) as readonly string[];
    assert.deepEqual(inside.toSorted(), Object.keys(readHostSystem().written).toSorted());
  },
);

for (const rung of ["bubblewrap", "process"] as const satisfies readonly SandboxRung[]) {
  describe(`rung ${rung}`, { skip: rung === "bubblewrap" ? skipBubblewrap : false }, () => {
    test("a driver that closes takes nothing from another one of the same home", async () => {
      const home = newHome();
      const [old, next] = [await open({ rung, home }), await open({ rung, home })];
      await old.close();
      const sandbox = await next.start(nodeSpec("next", ECHO));
      sandbox.link.write("ping");
      const [answer] = (await once(sandbox.link, "data")) as [Buffer];
      assert.equal(answer.toString(), "ping");
      await next.close();
      const left = readdirSync(home).filter((name) => name.startsWith("driver-"));
      assert.deepEqual(left, []);
    });

    test("the link carries bytes both ways, and the command sees its end", async () => {
      const driver = await open({ rung });
      const sandbox = await driver.start(nodeSpec("one", ECHO));
      sandbox.link.write("ping");
      const [answer] = (await once(sandbox.link, "data")) as [Buffer];
      assert.equal(answer.toString(), "ping");
      sandbox.link.end();
      assert.deepEqual(await sandbox.exited, {
        code: 0,
        signal: null,
        oomKilled: false,
        reason: "exited",
      });
    });

    test("environment, directory and arguments arrive as given", async () => {
      const driver = await open({ rung });
      const script = "console.log(process.env.WORD, process.cwd(), process.argv[1])";
      const spec = nodeSpec("one", script, { env: { WORD: "a b\n'\"$(x)" } });
      const sandbox = await driver.start({ ...spec, command: [...spec.command, ";`ls`"] });
      assert.equal(await textOf(sandbox, "stdout"), "a b\n'\"$(x) /tmp ;`ls`\n");
    });

    test("a resting tree gets no CPU, a resumed one runs on", async () => {
      const driver = await open({ rung });
      const sandbox = await driver.start(nodeSpec("one", SPIN));
      await once(sandbox.link, "data");
      sandbox.rest();
      let quiet = 0;
      let last = -1;
      await until("ten looks without progress", () => {
        const { cpuUs } = sandbox.usage();
        quiet = cpuUs === last ? quiet + 1 : 0;
        last = cpuUs;
        return quiet >= 10;
      });
      sandbox.resume();
      await until("progress after resume", () => sandbox.usage().cpuUs > last + 100_000);
    });

    test("usage counts memory, CPU and processes of the whole tree", async () => {
      const driver = await open({ rung });
      const script =
        "const { spawn } = require('child_process');" +
        "const eaten = Buffer.alloc(64 << 20, 1);" +
        `spawn(process.execPath, ['-e', '${IDLE}']); ${SPIN}`;
      const sandbox = await driver.start(nodeSpec("one", script));
      await once(sandbox.link, "data");
      const own = rung === "bubblewrap" ? 2 : 0;
      await until("two processes and 64 MB", () => {
        const usage = sandbox.usage();
        return usage.processes === own + 2 && usage.memoryBytes > 64 << 20 && usage.cpuUs > 0;
      });
      const exit = await sandbox.kill();
      assert.equal(exit.reason, "killed");
      assert.ok(sandbox.usage().cpuUs > 0, "the last count stays after the end");
    });

    test("a tree over its memory is killed, and the exit says so", async () => {
      const driver = await open({ rung });
      const script = `const eaten = []; setInterval(() => eaten.push(Buffer.alloc(8 << 20, 1)), 1);`;
      const limits = { memoryBytes: 128 << 20 };
      const sandbox = await driver.start(nodeSpec("one", script, { limits }));
      const { reason, oomKilled } = await sandbox.exited;
      assert.deepEqual([reason, oomKilled], ["memory", true]);
    });

    test("a program that is not there fails at once and leaves nothing", async () => {
      const home = newHome();
      const driver = await open({ rung, home });
      const spec = nodeSpec("one", "");
      const sandbox = await driver.start({ ...spec, command: ["/runtime/nowhere"] });
      const [exit, stderr] = await Promise.all([sandbox.exited, textOf(sandbox, "stderr")]);
      assert.notEqual(exit.code, 0);
      assert.match(stderr, /nowhere/);
      assert.deepEqual(groupsOf(home), []);
    });

    test("kill may be called early, often and late", async () => {
      const driver = await open({ rung });
      const sandbox = await driver.start(nodeSpec("one", IDLE));
      const [first, second] = await Promise.all([sandbox.kill(), sandbox.kill()]);
      assert.deepEqual(first, second);
      assert.deepEqual(await sandbox.kill(), first);
      sandbox.rest();
      sandbox.resume();
    });

    test("an id is taken while its sandbox lives, and free afterwards", async () => {
      const driver = await open({ rung });
      const sandbox = await driver.start(nodeSpec("one", IDLE));
      await assert.rejects(driver.start(nodeSpec("one", IDLE)), { reason: "SANDBOX_ID_TAKEN" });
      await sandbox.kill();
      await (await driver.start(nodeSpec("one", IDLE))).kill();
    });

    test("closing ends every sandbox, removes what was made, and refuses new ones", async () => {
      const home = newHome();
      const driver = await open({ rung, home });
      const specs = ["one", "two", "three"].map((id) => nodeSpec(id, IDLE));
      const sandboxes = await Promise.all(specs.map((spec) => driver.start(spec)));
      await driver.close();
      await driver.close();
      for (const sandbox of sandboxes) assert.equal((await sandbox.exited).reason, "killed");
      assert.deepEqual(readdirSync(home), []);
      assert.deepEqual(findOwnerDirectories(ownerNameOf(home)), []);
      await assert.rejects(driver.start(nodeSpec("four", "")), { reason: "SANDBOX_DRIVER_CLOSED" });
    });

    test("one hundred lines of unread output wait inside, and all arrive when read", async () => {
      const driver = await open({ rung });
      const script = "for (let i = 0; i < 100; i += 1) console.log('x'.repeat(9999));";
      const sandbox = await driver.start(nodeSpec("one", script));
      await until("the writer is blocked or done", () => sandbox.usage().processes > 0);
      assert.equal((await textOf(sandbox, "stdout")).length, 1_000_000);
    });
  });
}

function groupsOf(home: string): readonly string[] {
  return findOwnerDirectories(ownerNameOf(home)).flatMap((owner) =>
    readdirSync(owner, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name),
  );
}

describe("bubblewrap", { skip: skipBubblewrap }, () => {
  test("a source that is not there is told as a command that never ran", async () => {
    const driver = await open();
    const missing = { kind: "ro" as const, source: "/nowhere/at/all", target: "/code" };
    const spec = nodeSpec("one", "", { mounts: [NODE_MOUNT, missing] });
    const sandbox = await driver.start(spec);
    const [exit, stderr] = await Promise.all([sandbox.exited, textOf(sandbox, "stderr")]);
    assert.equal(exit.reason, "not-started");
    assert.match(stderr, /nowhere/);
  });

  test("an operator's kill of the outermost process takes the whole tree along", async () => {
    const driver = await open();
    const script = `require('child_process').spawn(process.execPath, ['-e', '${IDLE}']); ${SPIN}`;
    const sandbox = await driver.start(nodeSpec("one", script));
    await once(sandbox.link, "data");
    process.kill(sandbox.pid, "SIGKILL");
    const { signal, reason } = await sandbox.exited;
    assert.deepEqual([signal, reason], ["SIGKILL", "exited"]);
  });

  test("its own directory is the only place beside /tmp that keeps what it writes", async () => {
    const home = newHome();
    const driver = await open({ home });
    mkdirSync(join(home, "box"));
    const box = { kind: "rw" as const, source: join(home, "box"), target: "/box" };
    const script = "require('fs').writeFileSync('/box/kept', 'yes')";
    const sandbox = await driver.start(nodeSpec("one", script, { mounts: [NODE_MOUNT, box] }));
    assert.equal((await sandbox.exited).code, 0);
    assert.equal(readFileSync(join(home, "box", "kept"), "utf8"), "yes");
  });
});

const rootOnly = skipBubblewrap !== false ? skipBubblewrap : IS_ROOT ? false : "needs root";
describe("bubblewrap as root", { skip: rootOnly }, () => {
  const boxOf = (home: string, name: string) => {
    mkdirSync(join(home, name), { recursive: true });
    return { kind: "rw" as const, source: join(home, name), target: "/box" };
  };

  test("living sandboxes have kernel uids of their own, from the range", async () => {
    const driver = await open({ uidRange: { first: 320_000, count: 5 } });
    const ids = ["one", "two", "three", "four", "five"];
    const sandboxes = await Promise.all(ids.map((id) => driver.start(nodeSpec(id, IDLE))));
    const uids = sandboxes.map(({ uid }) => uid ?? 0).toSorted((a, b) => a - b);
    assert.deepEqual(uids, [320_000, 320_001, 320_002, 320_003, 320_004]);
    const lone = sandboxes[0] as Sandbox;
    assert.match(
      readFileSync(`/proc/${lone.pid}/status`, "utf8"),
      new RegExp(`^Uid:\\s+${lone.uid}`, "m"),
    );
    await assert.rejects(driver.start(nodeSpec("six", IDLE)), { reason: "SANDBOX_UIDS_EXHAUSTED" });
  });

  test("a uid whose directory is still there is not given again, not by a new driver either", async () => {
    const home = newHome();
    const uidRange = { first: 321_000, count: 1 };
    const start = async (driver: SandboxDriver, id: string): Promise<void> => {
      const mounts = [NODE_MOUNT, boxOf(home, id)];
      await (
        await driver.start(nodeSpec(id, "", { mounts }))
      ).exited;
    };
    const driver = await open({ home, uidRange });
    await start(driver, "one");
    assert.equal(statSync(join(home, "one")).uid, 321_000);
    await assert.rejects(start(driver, "two"), { reason: "SANDBOX_UIDS_EXHAUSTED" });
    await driver.close();
    const next = await open({ home, uidRange });
    await assert.rejects(start(next, "three"), { reason: "SANDBOX_UIDS_EXHAUSTED" });
    rmSync(join(home, "one"), { recursive: true });
    await start(next, "four");
  });

  test("a uid that owns something in a directory of the caller is not given by a new driver", async () => {
    const [home, builds] = [newHome(), newHome()];
    const uidRange = { first: 325_000, count: 1 };
    const driver = await open({ home, uidRange });
    const mounts = [NODE_MOUNT, boxOf(builds, "one")];
    await (
      await driver.start(nodeSpec("one", "", { mounts }))
    ).exited;
    await driver.close();
    const told = await open({ home, uidRange, ownedDirectories: [builds] });
    await assert.rejects(told.start(nodeSpec("two", "")), { reason: "SANDBOX_UIDS_EXHAUSTED" });
    const untold = await open({ home, uidRange });
    await (
      await untold.start(nodeSpec("three", ""))
    ).exited;
  });

  test("a driver that opens beside another one gives out no uid that lives", async () => {
    const home = newHome();
    const uidRange = { first: 326_000, count: 2 };
    const old = await (await open({ home, uidRange })).start(nodeSpec("old", IDLE));
    const next = await open({ home, uidRange });
    const fresh = await next.start(nodeSpec("new", IDLE));
    assert.deepEqual(new Set([old.uid, fresh.uid]), new Set([326_000, 326_001]));
    await assert.rejects(next.start(nodeSpec("third", "")), { reason: "SANDBOX_UIDS_EXHAUSTED" });
  });

  test("drivers that are open before either starts anything give out different uids", async () => {
    const home = newHome();
    const uidRange = { first: 327_000, count: 8 };
    const both = [await open({ home, uidRange }), await open({ home, uidRange })];
    const uids: (number | null)[] = [];
    for (const id of ["one", "two"]) {
      for (const [index, driver] of both.entries()) {
        uids.push((await driver.start(nodeSpec(`${id}_${index}`, IDLE))).uid);
      }
    }
    assert.equal(new Set(uids).size, 4, uids.join());
  });

  test("who cannot have uids of its own says that two sandboxes may get the same", async () => {
    const said: string[] = [];
    const log = createLog((level, message) => void said.push(`${level}: ${message}`));
    const home = newHome();
    const warned = "warn: two sandboxes may get the same uid";
    const opened = async (): Promise<SandboxDriver> => {
      const driver = await openSandboxDriver({ clock, log }, { home, uidRange });
      drivers.push(driver);
      return driver;
    };
    const uidRange = { first: 328_000, count: 8 };
    const first = await opened();
    for (const id of ["one", "two"]) await first.start(nodeSpec(id, IDLE));
    assert.ok(!said.includes(warned));
    await first.start(nodeSpec("three", IDLE));
    assert.deepEqual(said, [warned], "its part is full");
    for (let others = 0; others < 3; others += 1) await opened();
    assert.deepEqual(said, [warned]);
    await opened();
    assert.deepEqual(said, [warned, warned], "the fifth");
  });

  test("a start that fails half-way leaves neither group nor uid behind", async () => {
    const home = newHome();
    const driver = await open({ home, uidRange: { first: 322_000, count: 1 } });
    const missing = { kind: "rw" as const, source: join(home, "missing"), target: "/box" };
    const spec = nodeSpec("one", "", { mounts: [NODE_MOUNT, missing] });
    await assert.rejects(driver.start(spec), { reason: "SANDBOX_START_FAILED" });
    assert.deepEqual(groupsOf(home), []);
    assert.equal((await (await driver.start(nodeSpec("one", ""))).exited).code, 0);
  });

  test("the kernel holds the CPU weight that was asked for, and the changed one", async () => {
    const home = newHome();
    const driver = await open({ home });
    const spec = nodeSpec("one", IDLE, { limits: { cpuShares: 50 } });
    await driver.start(spec);
    const weight = (): readonly string[] =>
      findOwnerDirectories(ownerNameOf(home)).flatMap((owner) =>
        ["cpu.shares", "cpu.weight"].flatMap((file) => {
          const path = join(owner, "one", file);
          return statSync(path, { throwIfNoEntry: false }) === undefined
            ? []
            : [readFileSync(path, "utf8").trim()];
        }),
      );
    assert.ok(["512", "50"].includes(weight().join()), weight().join());
  });

  test("a home that others cannot enter is refused with the path to open", async () => {
    const home = newHome();
    mkdirSync(join(home, "closed"), { mode: 0o700 });
    await assert.rejects(open({ home: join(home, "closed") }), {
      reason: "SANDBOX_HOME_UNREACHABLE",
    });
  });

  test("control: what the sandbox's uid owns is what keeps the uid, not any directory", async () => {
    const home = newHome();
    mkdirSync(join(home, "foreign"));
    writeFileSync(join(home, "foreign", "file"), "");
    const driver = await open({ home, uidRange: { first: 323_000, count: 1 } });
    await (
      await driver.start(nodeSpec("one", ""))
    ).exited;
    await (
      await driver.start(nodeSpec("two", ""))
    ).exited;
  });
});

/** The supervisor over roles that are played by a program of a few lines. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "@skerry/base";
import { platformConfig } from "@skerry/contracts/schemas";
import { HandClock, until } from "@skerry/testkit";
import { layoutOf, prepareHome } from "./layout.ts";
import { Supervisor } from "./supervisor.ts";

interface Scene {
  readonly clock: HandClock;
  readonly supervisor: Supervisor;
}

/** `program` runs in each role's process, with `role`, `alone` and `say` at hand. */
function supervise(t: TestContext, program: string, settings: object = {}): Scene {
  const home = mkdtempSync(join(tmpdir(), "skerry-supervisor-"));
  const layout = layoutOf(home);
  prepareHome(layout);
  const main = join(home, "role.mjs");
  const given = [
    "const role = process.argv[3];",
    "const alone = process.env.SKERRY_ROLE_ALONE === 'true';",
    "const say = (message) => new Promise((sent) => process.send(message, sent));",
    "process.on('disconnect', () => process.exit(1));",
  ];
  writeFileSync(main, `${given.join("\n")}\n${program}`);
  const clock = new HandClock();
  const config = platformConfig.parse({ home, apiPort: 0, gatewayPort: 0, ...settings });
  const supervisor = new Supervisor({ clock, config, layout, log: silentLog(), main });
  t.after(async () => {
    supervisor.killAll();
    await supervisor.stop(0);
    rmSync(home, { recursive: true });
  });
  return { clock, supervisor };
}

const FAILED = { reason: "ROLE_FAILED" };

test("an order for a role that has failed and has not ended yet fails as well", async (t) => {
  const { supervisor } = supervise(t, `await say({ op: "failed", message: "no", hint: "" });`);
  await assert.rejects(supervisor.start(), FAILED);
  for (const order of ["while it may be starting", "when it has failed"]) {
    await assert.rejects(supervisor.restart("gateway"), FAILED, order);
  }
});

test("an agent that hangs in ending what another left is not replaced", async (t) => {
  const { clock, supervisor } = supervise(
    t,
    `if (role === "agent" && !alone) process.exit(1);
     await say({ op: "ready", facts: { pid: String(process.pid) } });
     process.on("message", ({ op }) => op === "drain" && process.exit(0));`,
  );
  await supervisor.start();
  const { pid } = supervisor.factsOf("agent");
  await assert.rejects(supervisor.restart("agent"), FAILED, "its successor ends at once");
  const order = assert.rejects(supervisor.restart("agent"), {
    ...FAILED,
    message: /does not finish ending what another left/,
  });
  clock.advance(25_000);
  await order;
  assert.equal(supervisor.factsOf("agent")["pid"], pid);
});

test("gateways get another key of TLS tickets every twelve hours, and later ones start with it", async (t) => {
  const { clock, supervisor } = supervise(
    t,
    `const ready = (key) => say({ op: "ready", facts: { key } });
     process.on("message", ({ op, key }) => {
       if (op === "tls-tickets") void ready(key);
       if (op === "drain") process.exit(0);
     });
     await ready(process.env.SKERRY_TLS_TICKETS ?? "none");`,
    { roleSilenceMs: 0 },
  );
  const keyOf = (role: "gateway" | "agent") => supervisor.factsOf(role)["key"] ?? "";
  await supervisor.start();
  const first = keyOf("gateway");
  assert.equal(Buffer.from(first, "base64").length, 48);
  assert.equal(keyOf("agent"), "none");
  clock.advance(12 * 3_600_000 - 1);
  await supervisor.restart("gateway");
  assert.equal(keyOf("gateway"), first, "a gateway takes up its predecessor's sessions");
  clock.advance(1);
  await until("the gateway has another key", () => keyOf("gateway") !== first);
  const second = keyOf("gateway");
  await supervisor.restart("gateway");
  assert.equal(keyOf("gateway"), second);
  clock.advance(12 * 3_600_000);
  await until("it is renewed again", () => keyOf("gateway") !== second);
});

test("a control that begins at once is told which gateways run, one in another's place nothing", async (t) => {
  const { supervisor } = supervise(
    t,
    `process.on("message", ({ op }) => {
       if (op === "drain") process.exit(0);
       if (op === "begin") void say({ op: "ready", facts });
     });
     const { SKERRY_ROLE_GATEWAYS: gateways, SKERRY_ROLE_STANDBY: standby } = process.env;
     const facts = role === "control" ? { gateways: gateways ?? "unknown" } : { id: process.argv[4] };
     if (standby === "true") await say({ op: "loaded" });
     else await say({ op: "ready", facts });`,
  );
  await supervisor.start();
  const { id } = supervisor.factsOf("gateway");
  assert.match(id ?? "", /^gw_/);
  assert.equal(supervisor.factsOf("control")["gateways"], id);
  await supervisor.restart("control");
  assert.equal(supervisor.factsOf("control")["gateways"], "unknown");
});

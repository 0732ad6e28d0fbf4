import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { silentLog, systemClock } from "@skerry/base";
import { systemNetwork } from "@skerry/reach";
import { createWebhookNetwork } from "./webhook-network.ts";

const DEPS = { clock: systemClock(), log: silentLog(), network: systemNetwork() };

async function listen(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("a webhook leads to this machine only where an operator names it", async (t) => {
  const target = { host: "127.0.0.1", port: await listen(t) };
  const refusing = createWebhookNetwork({ ...DEPS, hosts: [], ownPorts: [] });
  assert.equal(refusing.isNamed(target), false);
  await assert.rejects(refusing.connect(target), { reason: "TARGET_NOT_PUBLIC" });
  const naming = createWebhookNetwork({ ...DEPS, hosts: ["127.0.0.1"], ownPorts: [] });
  assert.equal(naming.isNamed(target), true);
  const socket = await naming.connect(target);
  socket.destroy();
});

test("a webhook never leads to the platform's own ports, metadata addresses and odd targets", async (t) => {
  const port = await listen(t);
  const network = createWebhookNetwork({ ...DEPS, hosts: ["*"], ownPorts: [port] });
  const refusals = [
    [{ host: "127.0.0.1", port }, "CONNECT_TARGET_OWN"],
    [{ host: "169.254.169.254", port: 80 }, "EGRESS_ADDRESS_FORBIDDEN"],
    [{ host: "0x7f000001", port: 80 }, "EGRESS_TARGET_INVALID"],
    [{ host: "127.0.0.1", port: 25 }, "EGRESS_PORT_FORBIDDEN"],
  ] as const;
  for (const [target, reason] of refusals) {
    await assert.rejects(network.connect(target), { reason });
  }
});

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { FunctionId, RequestId } from "@skerry/base";
import { until } from "@skerry/testkit";
import type { GatewayDouble, HeldRun } from "../../test/gateway-double.ts";
import { World } from "../../test/world.ts";
import { storeModule } from "../store-module.ts";

interface Heard {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Answers as it is told; a path that it is not told of is answered 200. */
class Receiver implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** Statuses of the next answers; 0 says nothing at all. */
  readonly statuses: number[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { url: path = "", headers } = request;
        this.heard.push({ path, headers, body: Buffer.concat(parts).toString() });
        const status = this.statuses.shift() ?? 200;
        if (status === 0) return;
        response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
      });
    }).listen(0, "127.0.0.1");
  }

  async url(): Promise<string> {
    if (!this.#server.listening) await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function endOf(world: World, fn: FunctionId): Promise<RequestId> {
  return await endBy(await world.gateway(), world, fn);
}

/** The only gateway there is. */
async function endBy(gateway: GatewayDouble, world: World, fn: FunctionId): Promise<RequestId> {
  const [accepted] = await gateway.accept(world.piece(fn));
  await gateway.settle(await gateway.holds(1), { result: "1" });
  assert.ok(accepted?.ok === true);
  return accepted.id;
}

async function deliveryOf(world: World, id: RequestId) {
  const { accountId } = world;
  return (await world.service.get({ accountId, apps: null, id }))?.delivery;
}

async function isSettled(world: World, id: RequestId): Promise<boolean> {
  return (await deliveryOf(world, id))?.state !== "waiting";
}

test("a webhook is posted what ended, signed, and shown as delivered", async () => {
  await using world = await World.open();
  await using receiver = new Receiver();
  world.setSecret("webhook-signing");
  const webhook = await receiver.url();
  const id = await endOf(world, world.function({ policy: { onSuccess: { webhook } } }));
  await until("it to be delivered", () => isSettled(world, id));
  const [{ headers, body }] = receiver.heard as [Heard];
  const document = JSON.parse(body) as Record<string, unknown>;
  assert.deepEqual([document["type"], document["id"]], ["invocation.succeeded", id]);
  assert.equal(headers["webhook-id"], id);
  const signed = `${id}.${headers["webhook-timestamp"]?.toString()}.${body}`;
  const hmac = createHmac("sha256", "a key of the test").update(signed).digest("base64");
  assert.equal(headers["webhook-signature"], `v1,${hmac}`);
  const delivery = await deliveryOf(world, id);
  const { state, attempts, status, error, dueAt } = delivery ?? {};
  assert.deepEqual([state, attempts, status, error, dueAt], ["delivered", 1, 200, null, null]);
  const { sums, deliveries } = await world.balance();
  assert.deepEqual([sums.owed, sums.delivered, deliveries.difference], [1, 1, 0]);
});

test("one is posted bytes as they are, of what was asked and of what was answered", async () => {
  await using world = await World.open();
  await using receiver = new Receiver();
  const webhook = await receiver.url();
  const policy = { onSuccess: { webhook }, onFailure: { webhook } };
  const fn = world.function({ policy });
  const gateway = await world.gateway();
  const type = "application/octet-stream";
  // No text has these bytes, and as JSON's they would be other ones.
  const cases = [Uint8Array.from({ length: 256 }, (_, at) => at), new Uint8Array(0)];
  for (const bytes of cases) {
    await gateway.ask("accept", [world.piece(fn, { ct: type })], bytes);
    const [{ head }] = (await gateway.holds(1)) as [HeldRun];
    gateway.held.clear();
    const { id, n, r } = head;
    const at = world.clock.wallMs();
    await gateway.ask("settle", [{ id, n, r, o: "ok", from: at, to: at, s: 200, ct: type }], bytes);
    await until("it to be delivered", () => isSettled(world, id));
    const document = JSON.parse(receiver.heard.at(-1)?.body ?? "") as Record<string, unknown>;
    const encoded = Buffer.from(bytes).toString("base64");
    const { eventType, eventBase64, resultType, resultBase64 } = document;
    assert.deepEqual([document["id"], eventType, resultType], [id, type, type]);
    assert.deepEqual([eventBase64, resultBase64], [encoded, encoded]);
    assert.ok(!("event" in document) && !("result" in document));
  }
});

test("one that fails is called again under the same id, unsigned where there is no secret", async () => {
  await using world = await World.open();
  await using receiver = new Receiver();
  receiver.statuses.push(500, 302);
  const webhook = await receiver.url();
  const id = await endOf(world, world.function({ policy: { onSuccess: { webhook } } }));
  await until("it to be delivered", () => isSettled(world, id));
  const { heard } = receiver;
  const shown = heard.map(({ path, headers }) => [path, headers["webhook-id"]]);
  assert.deepEqual(
    shown,
    [1, 2, 3].map(() => ["/hook", id]),
    "a redirect is not followed",
  );
  assert.ok(heard.every(({ headers }) => headers["webhook-signature"] === undefined));
  assert.equal((await deliveryOf(world, id))?.attempts, 3);
});

test("one that says that it is gone is given up, visibly", async () => {
  await using world = await World.open();
  await using receiver = new Receiver();
  receiver.statuses.push(410);
  const webhook = await receiver.url();
  const id = await endOf(world, world.function({ policy: { onSuccess: { webhook } } }));
  await until("it to be given up", () => isSettled(world, id));
  const { state, status, error } = (await deliveryOf(world, id)) ?? {};
  assert.deepEqual([state, status, error?.reason], ["failed", 410, "WEBHOOK_STATUS"]);
  const { sums, deliveries } = await world.balance();
  assert.deepEqual([sums.undelivered, deliveries.difference], [1, 0]);
});

test("what was under way when control ended is called again by the next one", async () => {
  await using world = await World.open();
  await using receiver = new Receiver();
  receiver.statuses.push(0);
  const webhook = await receiver.url();
  const id = await endOf(world, world.function({ policy: { onSuccess: { webhook } } }));
  await until("the call", () => receiver.heard.length === 1);
  await world.stop();
  await world.start();
  await until("it to be delivered", () => isSettled(world, id));
  assert.ok(receiver.heard.length >= 2);
});

const HOUR_MS = 3_600_000;

/** One that failed once, and was claimed then by a control that never settles it. */
async function claimByTheDead(world: World, id: RequestId, leaseMs: number): Promise<void> {
  await until("the first call", async () => (await deliveryOf(world, id))?.status === 500);
  const lane = (await deliveryOf(world, id))?.target ?? "";
  const nowMs = world.clock.wallMs() + 2 * HOUR_MS;
  const args = { lane, nowMs, leaseMs: leaseMs - 2 * HOUR_MS, rowsMax: 1 };
  const { calls } = await world.store.call(storeModule, "claimWebhooks", args);
  assert.equal(calls[0]?.id, id);
}

test("what a control claimed that died with it is called again by the next one", async () => {
  await using world = await World.open({}, undefined, { retryMsMin: HOUR_MS });
  await using receiver = new Receiver();
  receiver.statuses.push(500);
  const fn = world.function({ policy: { onSuccess: { webhook: await receiver.url() } } });
  const id = await endOf(world, fn);
  await claimByTheDead(world, id, HOUR_MS);
  await world.stop();
  await world.start();
  await until("it to be delivered", () => isSettled(world, id));
});

test("what an earlier control had claimed is free before anybody lets go of anything", async () => {
  await using world = await World.open();
  await world.stop();
  const asked: string[] = [];
  world.fault = (name, pass) => {
    asked.push(name);
    return pass();
  };
  await world.start();
  const [freed, looked] = ["freeWebhooks", "seenHolders"].map((name) => asked.indexOf(name));
  assert.ok(freed !== undefined && looked !== undefined && freed >= 0);
  assert.ok(freed < looked, "a claim of this control would be taken for the earlier one's");
});

test("what another control claimed is called again when its time is over", async () => {
  await using world = await World.open({}, undefined, { retryMsMin: HOUR_MS });
  await using receiver = new Receiver();
  receiver.statuses.push(500);
  const fn = world.function({ policy: { onSuccess: { webhook: await receiver.url() } } });
  const gateway = await world.gateway();
  const id = await endBy(gateway, world, fn);
  await claimByTheDead(world, id, 500);
  const other = await endBy(gateway, world, fn);
  await until("the other to be delivered", () => isSettled(world, other));
  await until("it to be delivered", () => isSettled(world, id));
});

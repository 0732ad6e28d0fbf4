import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { until } from "@skerry/testkit";
import { connectPatiently } from "./patient-socket.ts";

/** Both ends of a connection on which the server has said "one"; nobody has read it yet. */
async function connected(t: TestContext): Promise<{ client: Socket; server: Socket }> {
  const listening = createServer().listen(0, "127.0.0.1");
  t.after(() => void listening.close());
  await once(listening, "listening");
  const accepted = once(listening, "connection") as Promise<[Socket]>;
  const client = connectPatiently((listening.address() as AddressInfo).port);
  t.after(() => void client.destroy());
  const [server] = await accepted;
  server.write("one");
  await until("it is here", () => client.readableLength === 3);
  return { client, server };
}

for (const teller of ["read", "write"]) {
  test(`what came before a reset is there to be read when a ${teller} has told of it`, async (t) => {
    const { client, server } = await connected(t);
    const pushed = t.mock.method(client, "push").mock;
    const destroyed = t.mock.method(client, "destroy").mock;
    const closed = Promise.withResolvers<unknown>();
    client.on("error", (error) => closed.resolve(error)).on("end", () => closed.resolve("end"));
    server.resetAndDestroy();
    if (teller === "write") client.write("more");
    const isTold = (): boolean =>
      destroyed.callCount() > 0 || pushed.calls.some(({ arguments: [chunk] }) => chunk === null);
    await until("it is told", isTold);
    let text = "";
    client.on("data", (chunk: Buffer) => (text += String(chunk)));
    const { code } = (await closed.promise) as NodeJS.ErrnoException;
    assert.deepEqual([text, code, client.destroyed], ["one", "ECONNRESET", true]);
  });
}

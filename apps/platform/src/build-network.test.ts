import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { createLog, systemClock } from "@skerry/base";
import type { Network } from "@skerry/gateway";
import type { LinkStream, OpenedStream } from "@skerry/link";
import { createBuildNetwork } from "./build-network.ts";

const PRIVATE = "10.1.2.3";
const PUBLIC = "198.51.100.7";

/** A network in which one server of this test has every address. */
async function networkOf(t: TestContext): Promise<Network> {
  const server = createServer((socket: Socket) => void socket.end("here"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    resolvePublic: (name) => Promise.resolve(name === "inner.test" ? [PRIVATE] : [PUBLIC]),
    resolveLocal: () => Promise.resolve([PRIVATE]),
    isPublic: (address) => address === PUBLIC,
    dial: () => connect({ port, host: "127.0.0.1", allowHalfOpen: true }),
  };
}

/** What a build hears when it asks for `authority`. */
async function ask(t: TestContext, authority: string, hosts: readonly string[]): Promise<string> {
  const log = createLog(() => undefined);
  const network = await networkOf(t);
  const open = createBuildNetwork({ clock: systemClock(), log, network, hosts });
  return await new Promise<string>((resolve) => {
    const stream = {
      reply: (head: string) => resolve(head),
      write: () => true,
      end: () => undefined,
      cancel: () => undefined,
      grant: () => undefined,
    } as unknown as LinkStream;
    const head = JSON.stringify({ op: "web", a: authority });
    const opened = { stream, head, remainingMs: undefined, body: new Uint8Array(0), end: true };
    open(opened satisfies OpenedStream);
  });
}

test("a build reaches public addresses", async (t) => {
  assert.equal(await ask(t, "packages.test:443", []), '{"ok":true}');
});

for (const authority of ["inner.test:443", `${PRIVATE}:443`, "127.0.0.1:80"]) {
  test(`a build does not reach ${authority}`, async (t) => {
    assert.match(await ask(t, authority, []), /EGRESS_ADDRESS_FORBIDDEN/);
  });
}

test("a build reaches what the operator names, wherever it is (control)", async (t) => {
  assert.equal(await ask(t, "inner.test:443", ["inner.test"]), '{"ok":true}');
});

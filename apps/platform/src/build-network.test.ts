import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createLog, PlatformError, systemClock } from "@skerry/base";
import type { Network } from "@skerry/reach";
import type { LinkStream, OpenedStream } from "@skerry/link";
import type { BuildNetwork, DependenciesDeps } from "@skerry/node-agent";
import { createBuildNetwork, type BuildNetworkDeps } from "./build-network.ts";

const PRIVATE = "10.1.2.3";
const PUBLIC = "198.51.100.7";
const OWN = "192.0.2.9";
const METADATA = "169.254.169.254";
const OWN_PORTS = { hosts: ["*"], ownPorts: [4_400, 4_480] };

const unheard = (): void => undefined;

/** A network in which one server of this test has every address. */
async function networkOf(t: TestContext): Promise<Network> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => undefined).end("here");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    resolvePublic: (name) => Promise.resolve(name === "inner.test" ? [PRIVATE] : [PUBLIC]),
    resolveLocal: (name) => {
      return Promise.resolve(name === "sly.test" ? [PRIVATE, METADATA] : [PRIVATE]);
    },
    isPublic: (address) => address === PUBLIC,
    isGuarded: (address) => address === METADATA,
    isOwn: (address) => address === OWN,
    // As to another machine: the ends differ.
    dial: () => {
      return connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2", allowHalfOpen: true });
    },
  };
}

/** What a build hears when it asks for `authority`. */
async function ask(
  t: TestContext,
  authority: string,
  settings: Partial<Pick<BuildNetworkDeps, "hosts" | "egress" | "ownPorts">> = {},
): Promise<string> {
  return await hear((await networkFor(t, settings))(unheard), authority);
}

/** Of a platform that listens at the ports that are named. */
async function networkFor(
  t: TestContext,
  settings: Partial<BuildNetworkDeps> = {},
): Promise<DependenciesDeps["networkOfBuild"]> {
  const log = createLog(() => undefined);
  const own = { hosts: [], egress: "public", ownPorts: [] } as const;
  const network = await networkOf(t);
  return createBuildNetwork({ clock: systemClock(), log, network, ...own, ...settings });
}

async function hear(open: BuildNetwork, authority: string): Promise<string> {
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
    try {
      open(opened satisfies OpenedStream);
    } catch (error) {
      resolve(PlatformError.from(error).reason);
    }
  });
}

test("a build reaches public addresses", async (t) => {
  assert.equal(await ask(t, "packages.test:443"), '{"ok":true}');
});

for (const authority of ["inner.test:443", `${PRIVATE}:443`, "127.0.0.1:80"]) {
  test(`a build does not reach ${authority}`, async (t) => {
    assert.match(await ask(t, authority), /TARGET_NOT_PUBLIC/);
  });
}

test("a build hears of refusals that end when the operator names the host, and of no others", async (t) => {
  for (const [authority, settings, told] of [
    ["inner.test:443", {}, ["TARGET_NOT_PUBLIC"]],
    ["packages.test:443", { egress: "hosts" }, ["BUILD_EGRESS_OFF"]],
    [`${METADATA}:80`, {}, []],
    [`${OWN}:4400`, OWN_PORTS, []],
    ["packages.test:443", {}, []],
  ] as const) {
    const refused: string[] = [];
    const open = await networkFor(t, settings);
    await hear(
      open(({ reason }) => void refused.push(reason)),
      authority,
    );
    assert.deepEqual(refused, told, authority);
  }
});

test("a build reaches what the operator names, wherever it is (control)", async (t) => {
  assert.equal(await ask(t, "inner.test:443", { hosts: ["inner.test"] }), '{"ok":true}');
});

for (const authority of [`${METADATA}:80`, "sly.test:443"]) {
  test(`a build does not reach the metadata behind ${authority}, even named`, async (t) => {
    assert.match(await ask(t, authority, { hosts: ["*"] }), /EGRESS_ADDRESS_FORBIDDEN/);
  });
}

for (const port of [1, 22, 25, 53, 81, 442, 1_023]) {
  test(`a build does not reach port ${port}, even of a named host`, async (t) => {
    const answer = await ask(t, `inner.test:${port}`, { hosts: ["*"] });
    assert.equal(answer, "EGRESS_PORT_FORBIDDEN");
  });
}

for (const port of [80, 443, 1_024, 4_873, 65_535]) {
  test(`a build reaches port ${port} (control)`, async (t) => {
    assert.equal(await ask(t, `packages.test:${port}`), '{"ok":true}');
  });
}

for (const authority of ["0x7f.1:80", "2130706433:80", "127.1:80"]) {
  test(`a build does not reach the odd spelling ${authority}, even named`, async (t) => {
    assert.equal(await ask(t, authority, { hosts: ["*"] }), "EGRESS_TARGET_INVALID");
  });
}

test("with `buildEgress: hosts` a build reaches only named hosts", async (t) => {
  const settings = { egress: "hosts", hosts: ["inner.test"] } as const;
  assert.match(await ask(t, "packages.test:443", settings), /BUILD_EGRESS_OFF/);
  assert.equal(await ask(t, "inner.test:443", settings), '{"ok":true}');
});

test("with `buildEgress: none` a build reaches nothing, named or not", async (t) => {
  const settings = { egress: "none", hosts: ["*"] } as const;
  assert.match(await ask(t, "packages.test:443", settings), /BUILD_EGRESS_OFF/);
  assert.match(await ask(t, "inner.test:443", settings), /BUILD_EGRESS_OFF/);
});

for (const port of OWN_PORTS.ownPorts) {
  test(`a build does not reach the platform's own port ${port}, even where all hosts are named`, async (t) => {
    assert.match(await ask(t, `${OWN}:${port}`, OWN_PORTS), /CONNECT_TARGET_OWN/);
  });
}

test("a build reaches another port of this machine, and the same port of another (control)", async (t) => {
  assert.equal(await ask(t, `${OWN}:4873`, OWN_PORTS), '{"ok":true}');
  assert.equal(await ask(t, `${PRIVATE}:4400`, OWN_PORTS), '{"ok":true}');
});

test("an address that only the kernel's routes know as this machine's is its own all the same", async (t) => {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => undefined).end("here");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const network: Network = {
    ...(await networkOf(t)),
    dial: () => connect({ port, host: "127.0.0.1", allowHalfOpen: true }),
  };
  for (const [ownPorts, heard] of [
    [[port], /CONNECT_TARGET_OWN/],
    [[port + 1], /"ok":true/],
  ] as const) {
    const open = await networkFor(t, { network, hosts: ["*"], ownPorts });
    assert.match(await hear(open(unheard), `${PRIVATE}:${port}`), heard);
  }
});

test("a build that takes all the connections it may have leaves another its own", async (t) => {
  const open = await networkFor(t, { network: { ...(await networkOf(t)), dial: neverAnswers } });
  const greedy = open(unheard);
  let refused = "";
  let taken = 0;
  while (refused === "") {
    void hear(greedy, "packages.test:443").then((said) => (refused = said));
    taken += 1;
    await Promise.resolve();
    await Promise.resolve();
  }
  assert.equal(refused, "TUNNELS_EXHAUSTED");
  assert.ok(taken <= 65, `${taken} connections`);
  const other = open(unheard);
  let said = "";
  void hear(other, "packages.test:443").then((one) => (said = one));
  await Promise.resolve();
  assert.equal(said, "");
});

/** A connection that is never there. */
function neverAnswers(): Socket {
  return new Socket();
}

/**
 * Spellings of addresses that are nobody's business of a function's, each asked for through the
 * whole path of `egress: web`. The resolver is the system's own, which takes more spellings for
 * addresses than the gateway's does, and the port is one that a server listens on: what slips
 * through connects.
 */
import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { after, before, test } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { systemNetwork, type Network } from "@skerry/reach";
import { ask, reasonOf } from "../test/line.ts";
import { until, World, type InstanceDouble } from "../test/world.ts";

/** Spellings of this machine; a plain connection follows many of them to a server here. */
const LOOPBACK: readonly string[] = [
  ...[
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.00.00.01",
  ],
  ...["0x7f.0.0.1", "0x7f.1", "0x7f000001", "0X7F.0X0.0X0.0X1", "0x7F.0.0x0.1"],
  ...["2130706433", "017700000001", "0177.0.0.1", "0177.1", "0177.0x0.1"],
  ...["0", "0.0.0.0", "0x0", "00000", "0.0", "0.0.0.0."],
  ...["localhost", "LOCALHOST", "LocalHost.", "localhost.localdomain", "ip6-localhost"],
  ...["[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[0000:0000::0001]", "[::]", "[::0]"],
  ...["[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0.0.0.0]"],
  ...["[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[::1%lo]"],
  ...["[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]"],
  ...["[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001:0:7f00:1::]", "[2001::80ff:fffe]"],
  ...["user@127.0.0.1", "127.0.0.1%00", "127.0.0.1#", "127.0.0.1/", "127.0.0.1\\", " 127.0.0.1"],
  ...[
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1\t",
    "[127.0.0.1]",
    "::1",
    "%3127.0.0.1",
  ],
];

const NOT_PUBLIC: readonly string[] = [
  ...["10.0.0.1", "10.255.255.255", "0xa.0.0.1", "167772161", "012.0.0.1"],
  ...["172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "0xc0a80001"],
  ...["100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "0xa9fea9fe"],
  ...["2852039166", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::a9fe:a9fe]"],
  ...["[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::]", "[fd00:ec2::254]", "[fe80::1]"],
  ...["[fe80::1%lo]", "[fc00::1]", "[fdff::1]", "[fec0::1]", "[::ffff:10.0.0.1]"],
  ...["192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"],
  ...["192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
  ...["[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]"],
];

let server: Server;
let accepted = 0;
before(async () => {
  server = createServer((socket) => {
    accepted += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen({ host: "::", port: 0 }, resolve));
});
after(() => void server.close());

const port = (): number => (server.address() as AddressInfo).port;

/** The system's network, with the resolver that a careless proxy would use. */
const careless: Network = {
  ...systemNetwork(),
  async resolvePublic(name) {
    const found = await lookup(name, { all: true });
    return found.map(({ address }) => address);
  },
};

/** Asks for each form in turn; resolves to what became of it. */
async function askForAll(forms: readonly string[], network: Network): Promise<string[]> {
  const world = new World();
  try {
    const agent = await world.agent();
    const fn = world.fn({ config: { timeoutMs: 300_000 } });
    let asker: (instance: InstanceDouble) => void = () => undefined;
    agent.handle = ({ instance }) => asker(instance);
    await world.start({}, { network });
    const reasons: string[] = [];
    for (let at = 0; at < forms.length; at += LIMITS.tunnelsPerSecondMax) {
      // The requests are held, so that each comes to an instance of its own.
      const instance = await new Promise<InstanceDouble>((resolve) => {
        asker = resolve;
        void world.call(fn).catch(() => undefined);
      });
      for (const form of forms.slice(at, at + LIMITS.tunnelsPerSecondMax)) {
        reasons.push(await reasonOf(ask(instance, { op: "web", a: `${form}:${port()}` })));
      }
    }
    return reasons;
  } finally {
    await world.close();
  }
}

test("no spelling of a loopback, private, link-local or special address is reached", async () => {
  const own = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address)),
  );
  const forms = [...LOOPBACK, ...NOT_PUBLIC, ...own, hostname()];
  assert.ok(forms.length >= 100, String(forms.length));
  accepted = 0;
  const reasons = await askForAll(forms, careless);
  for (const [at, reason] of reasons.entries()) {
    assert.match(reason, /^(?:EGRESS_|TUNNEL_NAME_UNRESOLVED$)/, forms[at] ?? "");
  }
  assert.equal(accepted, 0);
});

test("with the rules off the same path reaches the server here", async () => {
  const lawless: Network = { ...careless, isPublic: () => true };
  accepted = 0;
  const forms = ["127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]"];
  const reasons = await askForAll(forms, lawless);
  assert.deepEqual(
    reasons,
    forms.map(() => "connected"),
  );
});

test("a plain connection follows the odd spellings, so refusing them is not for nothing", async () => {
  const odd = ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "017700000001", "0"];
  const bites = new Set<string>();
  const sockets = LOOPBACK.map((form) => {
    const host = form.startsWith("[") ? form.slice(1, -1) : form;
    const socket = connect({ host, port: port() }).on("error", () => undefined);
    return socket.on("connect", () => bites.add(form));
  });
  // Some wait for a name server, and others behind them.
  const areThere = (): boolean => bites.size >= 20 && odd.every((form) => bites.has(form));
  await until(areThere, "that they connect").finally(() => {
    for (const socket of sockets) socket.destroy();
  });
});

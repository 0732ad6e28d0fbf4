/** Whatever a server behind a gateway answers, the next caller gets its own answer. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { LYING_ANSWERS, type LyingAnswer } from "../test/smuggling/answers.ts";
import { startLyingServer, type LyingServer } from "../test/smuggling/lying-server.ts";
import { until, World } from "../test/world.ts";

const HOST = "release.public.shop.apis.localhost";

interface Met {
  readonly lie: LyingAnswer;
  readonly name: string;
}

async function startWorld(t: TestContext): Promise<{ world: World; server: LyingServer }> {
  const server = await startLyingServer(t);
  const world = new World();
  const to = { upstream: `http://127.0.0.1:${server.port}` };
  world.stage({ routes: [{ path: "/{rest...}", to }] });
  await world.start();
  t.after(async () => await world.close());
  return { world, server };
}

test("no answer of an upstream leads another's astray, and a connection that lied is left", async (t) => {
  const { world, server } = await startWorld(t);
  let asked = 0;
  const askOwn = async (name: string): Promise<number> => {
    asked += 1;
    const { body } = await world.ask({ host: HOST, path: `/own/${asked}` });
    const [, own, connection] = /^\/own\/(\d+) over (\d+)$/.exec(body) ?? [];
    assert.equal(Number(own), asked, `${name}: got ${body}`);
    return Number(connection);
  };
  for (const [number, lie] of LYING_ANSWERS.entries()) {
    const name = `${lie.class} ${JSON.stringify(lie.bytes.slice(0, 200))}`;
    const before = await askOwn(name);
    await meetLie(world, `/lie/${number}`, { lie, name });
    if (lie.later !== undefined) await sayLater(server, lie.later);
    assert.equal((await askOwn(name)) === before, lie.isKept === true, `${name}: connection`);
  }
});

async function meetLie(world: World, path: string, { lie, name }: Met): Promise<void> {
  const { method = "GET", told } = lie;
  const asked = world.ask({ host: HOST, path, method });
  if (told?.isBroken === true) return await assert.rejects(asked, name);
  const { status, headers, body } = await asked;
  assert.deepEqual([headers["set-cookie"], headers["x"]], [undefined, undefined], name);
  if (told === undefined) return assert.match(body, /ROUTE_UPSTREAM_FAILED/, name);
  assert.deepEqual([status, body], [told.status, told.body], name);
}

/** Over the newest connection, which is idle; it is not idle for long. */
async function sayLater({ sockets }: LyingServer, bytes: string): Promise<void> {
  const socket = sockets.at(-1);
  assert.ok(socket);
  socket.write(bytes, "latin1");
  await until(() => socket.destroyed, "the connection is left");
}

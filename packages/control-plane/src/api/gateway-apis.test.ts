/** Gateway APIs through the API: what is checked before it is kept, and what gateways are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { Harness, type Problem } from "../../test/harness.ts";
import type { PeerDouble } from "../../test/peer-double.ts";

const API = "/v1/apps/shop/gateway-apis/web";
const BODY = "x".repeat(200);
const answering = (path: string) => ({ path, to: { answer: { body: BODY } }, auth: "none" });

test("ten thousand routes, longer than other bodies may be, reach a gateway whole", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const routes = Array.from({ length: LIMITS.routesPerApiMax }, (_, i) => answering(`/r/${i}`));
  const body = { routes };
  assert.ok(JSON.stringify(body).length > 2 * LIMITS.apiBodyBytesMax);
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  const made = await harness.send<{ behind: string[] }>("PUT", API, { body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const told = () => gateway.entries().find(({ value }) => value?.kind === "stage")?.value;
  await gateway.until(() => told() !== undefined);
  const entry = told();
  assert.ok(entry?.kind === "stage");
  assert.deepEqual([entry.stage, entry.routes.length], ["test", routes.length]);

  const long = await harness.send<Problem>("PUT", API, {
    body: {
      routes: [answering("/"), { path: "/l", to: { answer: {} }, schemas: { body: LARGE } }],
    },
  });
  assert.equal(long.body.error.reason, "ROUTES_TOO_LARGE");
  const twice = await harness.send<Problem>("PUT", API, {
    body: { routes: [answering("/a"), answering("/a")] },
  });
  assert.equal(twice.body.error.reason, "INPUT_INVALID");
  const dev = await harness.send<{ stage: string }>("GET", `${API}/stages/dev`);
  assert.equal(dev.body.stage, "test");
});

const LARGE = { description: "x".repeat(LIMITS.routesBytesMax) };

test("what stages serve, domains and purges are told to gateways, and to agents their numbers alone", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const put = async (method: string, path: string, body: object): Promise<void> => {
    const { status, body: said } = await harness.send(method, path, { body });
    assert.ok(status < 300, `${path}: ${JSON.stringify(said)}`);
  };
  await put("PUT", API, { routes: [answering("/")] });
  await put("PUT", "/v1/domains/shop.example.com", { app: "shop", api: "web", stage: "test" });
  await put("POST", `${API}/stages/test/purges`, { all: true });
  const agent = harness.peer({ role: "agent", id: "agent-watching" }).watch(0);
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  for (const peer of [agent, gateway]) await peer.until(() => peer.batches.length > 0);
  // Those that are told a log from its beginning, and those that follow it.
  await put("POST", `${API}/stages/test/purges`, { all: true });
  await gateway.until(() => gateway.batches.length > 1);
  await agent.until(() => agent.seq === gateway.seq);
  const told = (peer: PeerDouble) =>
    peer
      .entries()
      .filter(({ key }) => /^(?:stage|domain|purges)\//.test(key))
      .map(
        ({ seq, key, value }) =>
          `${seq} ${key.split("/")[0]} ${value === null ? "withheld" : "told"}`,
      );
  const kinds = told(gateway).map((line) => line.replace(/^\d+ /, ""));
  assert.deepEqual(new Set(kinds), new Set(["stage told", "domain told", "purges told"]));
  assert.equal(kinds.filter((kind) => kind === "purges told").length, 2);
  assert.deepEqual(
    told(agent),
    told(gateway).map((line) => line.replace("told", "withheld")),
  );
  const functions = agent.entries().filter(({ value }) => value?.kind === "function");
  assert.ok(functions.length > 0, "the control: it is told of functions");
});

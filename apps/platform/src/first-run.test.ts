import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { createLog } from "@skerry/base";
import { platformConfig } from "@skerry/contracts";
import { banner, deployExample } from "./first-run.ts";
import { layoutOf } from "./layout.ts";

const config = platformConfig.parse({ home: "/tmp/skerry-nowhere" });
const layout = layoutOf(config.home);
const CURL = /curl 'http[^']+\/-\/examples\/hello\/\?name=you'/;

function bannerOf(hasExample: boolean): string {
  const facts = { sandbox: "walls", raise: "memory: do this" };
  return banner({
    ...{ config, layout, facts, hasExample, signIn: undefined },
    ...{ apiPort: 4481, gatewayPort: 4480, readyMs: 1_234 },
  });
}

test("the banner names a call of the example only when the example answers", () => {
  assert.match(bannerOf(true), CURL);
  assert.doesNotMatch(bannerOf(false), CURL);
  assert.match(bannerOf(false), /npx skerry deploy DIR/);
});

test("an example that could not be deployed is told and is not there", async () => {
  const told: string[] = [];
  const log = createLog((level, message) => void told.push(`${level}: ${message}`));
  const port = await freePort();
  const there = await deployExample({ config, layout, log, apiPort: port, gatewayPort: port });
  assert.equal(there, false);
  assert.deepEqual(told, ["error: the example was not deployed"]);
});

/** One on which nobody listens any more. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

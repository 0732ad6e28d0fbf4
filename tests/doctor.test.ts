/**
 * `skerry doctor` against a running platform, started as root and as a plain user: real instances
 * of the node, asked through API and command line.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ProbeReport } from "@skerry/contracts";
import { createClient } from "@skerry/sdk";
import { fetchOnce, startPlatform, type Platform } from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const PROBES_MIN = 40;
const IS_ROOT = process.getuid?.() === 0;
/** A uid of no account and of no other suite: the kernel counts processes by uid. */
const PLAIN_USER = { uid: 64_331, gid: 64_331 };

async function skerry(platform: Platform, ...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...words], {
    env: { PATH: process.env["PATH"], ...platform.cliEnvironment },
  });
  return stdout;
}

function register(platform: () => Platform, uid: "own" | "shared"): void {
  it(
    "every wall that the level promises holds, and the command exits with 0",
    TIMEOUT,
    async () => {
      const { items } = JSON.parse(await skerry(platform(), "doctor", "--json")) as {
        items: ProbeReport[];
      };
      const [report] = items;
      assert.ok(report !== undefined && report.probes.length >= PROBES_MIN);
      const by = Object.groupBy(report.probes, ({ state }) => state);
      assert.deepEqual(by.broken ?? [], []);
      const open = (by.open ?? []).map(({ id }) => id);
      assert.deepEqual(open, uid === "own" ? [] : ["root-owned", "kernel-uid", "neighbour-uid"]);
      if (uid === "shared") assert.match(String(report.sandbox.raise), /sudo npm start/);
    },
  );

  it("the table names what held and how", TIMEOUT, async () => {
    const text = await skerry(platform(), "doctor");
    assert.match(text, /^held +network +.*metadata.* network namespace$/m);
    assert.match(text, /^held +limits +memory ends at the limit/m);
    assert.match(text, /held.* in \d+\.\d s/);
  });
}

describe("skerry doctor", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  register(() => platform, IS_ROOT ? "own" : "shared");

  it("only operators and admins may run it, and it is audited", TIMEOUT, async () => {
    const { apiUrl, gatewayUrl, client } = platform;
    const { nodes } = await client.getPlatform();
    const params = { node: nodes[0]?.id ?? "" };
    const as = async (role: "developer" | "operator"): Promise<ReturnType<typeof createClient>> => {
      const { key } = await client.createKey({ body: { name: role, role } });
      return createClient({ apiUrl, gatewayUrl, key, fetch: fetchOnce });
    };
    await assert.rejects((await as("developer")).probeNode({ params }), {
      reason: "ACTION_DENIED",
    });
    const report = await (await as("operator")).probeNode({ params });
    assert.equal(report.node, params.node);
    const { items } = await client.listAudit({ query: { limit: 1 } });
    assert.deepEqual(
      items.map(({ action, resource }) => [action, resource]),
      [["nodes.probe", `node/${params.node}`]],
    );
  });

  it("a node that is not there is named", TIMEOUT, async () => {
    const params = { node: "node_01kzzzzzzzzzzzzzzzzzzzzzzz" };
    await assert.rejects(platform.client.probeNode({ params }), { reason: "NODE_UNAVAILABLE" });
  });
});

describe("skerry doctor for a plain user", { ...TIMEOUT, skip: !IS_ROOT }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform({ user: PLAIN_USER });
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  register(() => platform, "shared");
});

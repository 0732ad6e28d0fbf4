/** A pipeline's script deploys with a key that is confined to one app, and with no other. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Role } from "@skerry/contracts";
import { startPlatform, type Platform } from "@skerry/testkit";
import { paste } from "./documents.ts";

const FOLDER = new URL("../examples/ci/", import.meta.url);
const SCRIPT = fileURLToPath(new URL("deploy.sh", FOLDER));
const HELLO = fileURLToPath(new URL("../examples/hello", import.meta.url));
const TIMEOUT = { timeout: 600_000 };

describe("a pipeline", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  async function keyFor(role: Role, apps: string[]): Promise<string> {
    return (await platform.client.createKey({ body: { name: "ci", role, apps } })).key;
  }

  /** Runs the script as a pipeline would: with a key, and without the platform's home. */
  function deploy(key: string, attempt = "1"): Promise<string> {
    const env = {
      SKERRY_API: platform.apiUrl,
      SKERRY_GATEWAY: platform.gatewayUrl,
      SKERRY_KEY: key,
      GITHUB_RUN_ID: "7",
      GITHUB_RUN_ATTEMPT: attempt,
    };
    return paste(`'${SCRIPT}' '${HELLO}' examples/hello`, { env });
  }

  const revisions = async (): Promise<readonly string[]> => {
    const { items } = await platform.client.listFunctions({ params: { app: "examples" } });
    return items.map(({ latest }) => latest.id);
  };

  it("is refused with the reason and the code of the error, and changes nothing", async () => {
    for (const key of [await keyFor("viewer", ["examples"]), await keyFor("developer", ["shop"])]) {
      await assert.rejects(deploy(key), (error: { stderr: string; code: number }) => {
        assert.match(error.stderr, /ACTION_DENIED/);
        assert.match(error.stderr, /examples/);
        assert.equal(error.code, 6);
        return true;
      });
    }
    const { items } = await platform.client.listApps();
    assert.deepEqual(items, []);
  });

  it("deploys with a key confined to the app, and a repeated job changes nothing", async () => {
    const key = await keyFor("developer", ["examples"]);
    assert.match(await deploy(key), /[Hh]ello/);
    const first = await revisions();
    assert.equal(first.length, 1);
    await deploy(key);
    assert.deepEqual(await revisions(), first);
  });

  it("a job that is run again deploys again what has gone meanwhile", async () => {
    const key = await keyFor("developer", ["examples"]);
    await deploy(key);
    for (const attempt of ["2", "3"]) {
      await platform.client.deleteApp({ params: { app: "examples" } });
      await deploy(key, attempt);
      assert.equal((await revisions()).length, 1);
    }
  });
});

for (const name of ["github-actions.yml", "gitlab-ci.yml"]) {
  it(`${name} runs the script`, () => {
    assert.match(readFileSync(new URL(name, FOLDER), "utf8"), /examples\/ci\/deploy\.sh "\$/);
  });
}

/**
 * Versions and aliases at work: while an alias is moved, shared, rolled back, and versions come and
 * go beside it, no request fails, and once a move is acknowledged nothing of before answers.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  fetchOnce,
  startLoad,
  startPlatform,
  until,
  type Load,
  type Platform,
} from "@skerry/testkit";

const CHANGES = Number(process.env["SKERRY_TEST_ALIAS_CHANGES"] ?? 24);
const CLIENTS = 8;
const TIMEOUT = { timeout: 1_800_000 };
const PAGES = { app: "course", fn: "pages" };
const RELEASE = { params: { ...PAGES, alias: "release" } };

describe("versions and aliases", TIMEOUT, () => {
  let platform: Platform;
  /**
   * Which versions may answer: after each change, and before it is acknowledged. A half more stands
   * for the version with the variables of the alias.
   */
  const allowed: (readonly number[])[] = [];
  const published: number[] = [];

  const publish = async (): Promise<number> => {
    const source = `const { SKERRY_VERSION, LEVEL = "" } = process.env;
      export default { fetch: () => new Response(SKERRY_VERSION + LEVEL) };
      // ${published.length}`;
    const config = { auth: "none", concurrency: 8 } as const;
    await platform.deploy({ ...PAGES, files: { "index.ts": source }, config });
    const { version } = await platform.client.publishVersion({ params: PAGES, body: {} });
    published.push(version);
    return version;
  };

  /** Changes the alias; `to` is where it leads afterwards. */
  const change = async (to: readonly number[], make: () => Promise<unknown>): Promise<void> => {
    allowed.push([...(allowed.at(-1) ?? []), ...to]);
    await make();
    allowed.push(to);
  };
  const moveTo = (version: number, other?: number, env?: { readonly LEVEL: ".5" }) => {
    const shares = other === undefined ? [] : [{ version: other, perMille: 500 }];
    const body = { target: { version, shares, ...(env && { env }) } };
    const plain = other === undefined ? [version] : [version, other];
    const to = env === undefined ? plain : plain.map((one) => one + 0.5);
    return change(to, () => platform.client.putAlias({ ...RELEASE, body }));
  };

  const moveAndBack = async (version: number): Promise<void> => {
    const back = allowed.at(-1) ?? [];
    await moveTo(version);
    await change(back, () => platform.client.rollbackAlias({ ...RELEASE, body: {} }));
  };

  before(async () => {
    platform = await startPlatform();
    await publish();
    await publish();
    await moveTo(1);
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const callRelease = (): Load => {
    const askedAt: number[] = [];
    return startLoad({
      connections: CLIENTS,
      pauseMsMax: 20,
      call: (client) => {
        askedAt[client] = allowed.length - 1;
        return { port: platform.gatewayPort, path: "/-/course/pages:release/" };
      },
      check: ({ status, text }, client) => {
        assert.equal(status, 200, text.slice(0, 400));
        const may = new Set(allowed.slice(askedAt[client]).flat());
        assert.ok(may.has(Number(text)), `${text} answered where ${[...may].join(", ")} may`);
      },
    });
  };
  const answeredMore = async (load: Load): Promise<void> => {
    const enough = load.answered + 2 * CLIENTS;
    await until("more answers", () => load.answered > enough);
  };

  /** Versions that have an instance; null is `$LATEST`. */
  const running = async (): Promise<ReadonlySet<number | null>> => {
    const { items } = await platform.client.listInstances({});
    return new Set(items.filter(({ app }) => app === PAGES.app).map(({ version }) => version));
  };

  it("no request fails, and none is answered by what an acknowledged move left", async (t) => {
    const load = callRelease();
    t.after(() => load.stop());
    await answeredMore(load);
    for (let i = 0; i < CHANGES; i += 1) {
      const first = Math.floor(allowed.at(-1)?.[0] ?? 0);
      const others = published.filter((one) => one !== first);
      const other = others[i % others.length] ?? 0;
      if (i % 8 === 7) await moveTo(await publish(), first);
      else if (i % 4 === 3) await moveAndBack(other);
      else if (i % 4 === 1) await moveTo(other, first);
      else await moveTo(other, undefined, i % 4 === 2 ? { LEVEL: ".5" } : undefined);
      await answeredMore(load);
    }
    const { answered, failures } = await load.stop();
    assert.deepEqual(failures, [], `${failures.length} of ${answered} requests failed`);
  });

  it("a version that no alias leads to goes without a failed request, one in use stays", async (t) => {
    await moveTo(1);
    const load = callRelease();
    t.after(() => load.stop());
    await answeredMore(load);
    const params = (version: number) => ({ params: { ...PAGES, version: String(version) } });
    await platform.client.deleteVersion(params(2));
    await assert.rejects(platform.client.deleteVersion(params(1)), { reason: "VERSION_IN_USE" });
    await answeredMore(load);
    // A node that is late with its answer is left out of one look.
    await until("its instances to be gone, and those of the other to stay", async () => {
      const versions = await running();
      return !versions.has(2) && versions.has(1);
    });
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
  });

  it("control: an alias that is taken away for a moment is missed", async (t) => {
    const load = callRelease();
    t.after(() => load.stop());
    await answeredMore(load);
    await platform.client.deleteAlias(RELEASE);
    await until("a request to be refused", () => load.failed > 0);
    await moveTo(1);
    const { failures } = await load.stop();
    const others = failures.filter((one) => !one.includes("QUALIFIER_NOT_FOUND"));
    assert.deepEqual(others, []);
  });

  it("an alias keeps instances ready of what it leads to, before anybody asks", async () => {
    const version = await publish();
    const lead = (to: number, provisionedInstances: number) =>
      platform.client.putAlias({
        ...RELEASE,
        body: { target: { version: to, provisionedInstances } },
      });
    assert.ok(!(await running()).has(version));
    await lead(version, 1);
    await until("an instance of the version", async () => (await running()).has(version));
    const answer = await fetchOnce(`${platform.gatewayUrl}/-/course/pages:release/`);
    assert.equal(await answer.text(), String(version));
    await lead(1, 0);
  });

  it("variables of an alias are seen behind it alone, at once, and follow it back", async () => {
    const version = await publish();
    const LOUD = { params: { ...PAGES, alias: "loud" } };
    const lead = (to: number, env?: Record<string, string>) =>
      platform.client.putAlias({
        ...LOUD,
        body: { target: { version: to, ...(env && { env, provisionedInstances: 1 }) } },
      });
    const textOf = async (qualifier: string): Promise<string> =>
      await (await fetchOnce(`${platform.gatewayUrl}/-/course/pages:${qualifier}/`)).text();
    await lead(version, { LEVEL: " warn" });
    assert.equal(await textOf("loud"), `${version} warn`);
    assert.equal(await textOf(String(version)), String(version), "the version's own");
    await lead(version, { LEVEL: " debug" });
    assert.equal(await textOf("loud"), `${version} debug`);
    await platform.client.rollbackAlias({ ...LOUD, body: {} });
    assert.equal(await textOf("loud"), `${version} warn`);
    const figures = { params: { ...PAGES, version: String(version) }, query: {} };
    await until("all of them to count for the version", async () => {
      const { invocations } = await platform.client.getVersionFigures(figures);
      return invocations >= 4;
    });
    await lead(version);
    assert.equal(await textOf("loud"), String(version));
  });

  it("a move during which control is killed happens whole or not at all", async () => {
    for (let round = 0; round < 3; round += 1) {
      const from = (await platform.client.getAlias(RELEASE)).target.version;
      const to = from === 1 ? (published.at(-1) ?? 1) : 1;
      const body = { target: { version: to } };
      const moving = platform.client.putAlias({ ...RELEASE, body }).catch(() => undefined);
      await platform.kill("control");
      const told = await moving;
      const { target } = await platform.client.getAlias(RELEASE);
      assert.ok([from, to].includes(target.version));
      if (told !== undefined) assert.equal(target.version, to, "what was acknowledged stays");
      await until("the gateway to have it", async () => {
        const answer = await fetchOnce(`${platform.gatewayUrl}/-/course/pages:release/`);
        return (await answer.text()) === String(target.version);
      });
    }
  });
});

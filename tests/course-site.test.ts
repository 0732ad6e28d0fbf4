/** The story of the course site: its pages as functions, behind Koa, and in a browser. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import {
  callHttp,
  hasRedis,
  startLoad,
  startPlatform,
  startRedis,
  type HttpAnswer,
  type HttpCall,
  type Platform,
  type RedisServer,
  until,
} from "@skerry/testkit";
import { buildSite, type Built } from "../solutions/course-site/build/build.ts";
import { sizesOf } from "../solutions/course-site/build/sizes.ts";
import { skerry, type Ran } from "../solutions/course-site/skerry.ts";
import { siteServer } from "../solutions/course-site/server.ts";
import { findChromium, Person, startBrowser } from "./console/browser.ts";

const TIMEOUT = { timeout: 600_000 };
const NO_REDIS = hasRedis() ? false : "needs redis-server";
const MEI = { cookie: "learner=mei" };
/** Said in a lesson of bread that is not free. */
const PAID = "One cut, flat";
const SKIP = findChromium() === undefined ? "Chromium is absent" : false;

/** One for all: to start it takes longer than to use it. */
let browser: Browser | undefined;
const arrive = async (): Promise<Person> => {
  browser ??= await startBrowser();
  return await Person.arrive(browser);
};
after(() => browser?.close(), TIMEOUT);

describe("course site", TIMEOUT, () => {
  let folder: string;
  let built: Built;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "course-site-"));
    built = await buildSite(folder);
  }, TIMEOUT);
  after(() => rmSync(folder, { recursive: true, force: true }));

  const codeOf = (name: string): string =>
    readFileSync(join(folder, "functions", name, "index.mjs"), "utf8");

  it("each page is a function that holds what it needs and no more", async () => {
    const sizes = await sizesOf(built, folder);
    const whole = sizes.find(({ name }) => name === "all in one");
    for (const { name, functionBytes, scriptBytes } of sizes.slice(0, built.pages.length)) {
      assert.ok(functionBytes < (whole?.functionBytes ?? 0), name);
      assert.ok(scriptBytes < (whole?.scriptBytes ?? 0), name);
    }
    assert.match(codeOf("detail"), /Keep a starter alive/);
    assert.doesNotMatch(codeOf("list"), /Keep a starter alive/);
    assert.match(codeOf("player"), new RegExp(PAID));
    assert.doesNotMatch(codeOf("detail"), new RegExp(PAID));
    for (const { text } of built.browser.files) assert.doesNotMatch(text, /Keep a starter/);
  });

  it("the next build keeps the scripts that pages of this one ask for", async () => {
    const files = join(folder, "functions/assets/static");
    const former = "list-FORMERLY.js";
    const site = join(folder, "site.json");
    writeFileSync(join(files, former), "former");
    writeFileSync(site, JSON.stringify({ paths: {}, scripts: [former] }));
    await buildSite(folder);
    assert.equal(readFileSync(join(files, former), "utf8"), "former");
    await buildSite(folder);
    assert.equal(existsSync(join(files, former)), false, "those of the build before only");
  });

  describe("as a plain Node server", () => {
    let server: Server;
    let port: number;
    before(async () => {
      const listener = (await siteServer(folder)).callback();
      server = createServer((request, response) => void listener(request, response));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      ({ port } = server.address() as AddressInfo);
    });
    after(() => stop(server));

    it("renders the same for everybody, fit for shared caches", async () => {
      for (const path of ["/", "/courses/bread", "/courses/bread/lessons/5", "/account"]) {
        const anyone = await callHttp({ port, path });
        const learner = await callHttp({ port, path, headers: MEI });
        assert.equal(anyone.status, 200, path);
        assert.equal(anyone.text, learner.text, path);
        assert.match(anyone.headers["cache-control"] ?? "", /s-maxage=\d+, stale-while-rev/);
        assert.match(String(anyone.headers["cache-tag"]), /\w/);
        assert.ok(!/Yours|Welcome back/.test(anyone.text) && !anyone.text.includes(PAID), path);
      }
      assert.equal((await callHttp({ port, path: "/courses/none" })).status, 404);
    });

    it("what is a learner's own comes apart from it, and no cache may keep it", async () => {
      const path = "/personal";
      const mei = await callHttp({ port, path, headers: MEI });
      assert.match(mei.text, /Mei Tanaka/);
      assert.equal(mei.headers["cache-control"], "private, no-store");
      assert.doesNotMatch((await callHttp({ port, path })).text, /learner/);
      const lesson = `${path}?course=bread&lesson=5`;
      assert.equal((await callHttp({ port, path: lesson })).status, 403);
      assert.match((await callHttp({ port, path: lesson, headers: MEI })).text, new RegExp(PAID));
      const headers = { "content-type": "application/json" };
      const call = { port, path, method: "POST", headers };
      const signIn = await callHttp({ ...call, body: '{"learner":"mei"}' });
      assert.match(String(signIn.headers["set-cookie"]), /^learner=mei; .*HttpOnly/);
    });

    it("a search is part of the render, and markup in it is text", async () => {
      const { text } = await callHttp({ port, path: `/?q=${encodeURIComponent("<b>bread")}` });
      assert.ok(text.includes("&lt;b&gt;bread") && !text.includes("<b>bread"));
    });
  });
});

describe("course site in a browser", { ...TIMEOUT, skip: SKIP }, () => {
  it("the second pass is laid over the first, and pages stay without a network", async () => {
    const folder = mkdtempSync(join(tmpdir(), "course-site-"));
    await buildSite(folder);
    const listener = (await siteServer(folder)).callback();
    const server = createServer((request, response) => void listener(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const person = await arrive();
      const { page, complaints } = person;
      await page.goto(`${origin}/account`);
      await page.getByRole("button", { name: "Mei Tanaka" }).click();
      await page.getByText("Welcome back, Mei Tanaka.").waitFor();
      await page.goto(`${origin}/courses/bread`);
      await page.getByText("Go on with lesson 4").waitFor();
      await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)");
      assert.deepEqual(complaints, [], "the browser took over what the server rendered");
      await stop(server);
      // Rendered by the server before, and by the browser: this one was never visited.
      await page.goto(`${origin}/courses/bread`);
      await page.getByText("offline", { exact: true }).waitFor();
      await page.getByRole("heading", { name: "Bread by hand" }).waitFor();
      await page.goto(`${origin}/courses/guitar/lessons/1`);
      await page.getByRole("heading", { name: "Two fingers, two chords" }).waitFor();
      await person.leave();
    } finally {
      await stop(server);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("course site on the platform", TIMEOUT, () => {
  let folder: string;
  let platform: Platform;
  let redis: RedisServer | undefined;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "course-site-"));
    redis = hasRedis() ? await startRedis() : undefined;
    const responseCacheStore = redis === undefined ? "memory" : `redis://127.0.0.1:${redis.port}`;
    const settings = { responseCacheStore };
    [platform] = await Promise.all([startPlatform({ settings }), buildSite(folder)]);
  }, TIMEOUT);
  after(async () => {
    await platform.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, TIMEOUT);

  const run = (...args: readonly string[]): Promise<Ran> =>
    skerry(args, { PATH: process.env["PATH"], ...platform.cliEnvironment });
  const runWell = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, said } = await run(...args);
    assert.equal(exitCode, 0, `skerry ${args.join(" ")}: ${said}`);
    return said;
  };
  const at = (stage: string, path: string, headers: Record<string, string> = {}): HttpCall => ({
    port: platform.gatewayPort,
    path,
    headers: { host: `${stage}.public.courses.apis.localhost`, ...headers },
  });
  /** Asks until the answer has what is wanted; no answer may be an error. */
  const answered = (call: HttpCall, header: string, wanted: RegExp): Promise<HttpAnswer> =>
    until(`${call.path} to be answered with ${header}: ${wanted}`, async () => {
      const answer = await callHttp(call);
      assert.equal(answer.status, 200, answer.text);
      return wanted.test(String(answer.headers[header])) && answer;
    });
  /** While the page's function starts, a shell stands in for what it renders. */
  const rendered = (call: HttpCall): Promise<HttpAnswer> =>
    answered(call, "x-render", /^(?!undefined)/);
  const release = (...args: readonly string[]): Promise<Ran> =>
    run("release", "courses", "--yes", "--step-wait", "0s", "--guards", "error-rate", ...args);

  it("one command leads callers of three stages to the pages, which are rendered once", async () => {
    await runWell("deploy", folder);
    assert.match((await rendered(at("test", "/"))).text, /Learn something that stays/);
    const { exitCode, said } = await release("--samples", "0");
    assert.equal(exitCode, 0, said);
    for (const stage of ["test", "prepub", "release"]) {
      const anyone = await rendered(at(stage, "/courses/bread"));
      const theirs = at(stage, "/courses/bread?from=letter", MEI);
      assert.equal((await answered(theirs, "cache-status", /; hit/)).text, anyone.text);
    }
    const personal = await callHttp(at("release", "/personal", MEI));
    assert.match(personal.text, /Mei Tanaka/);
    assert.doesNotMatch((await callHttp(at("release", "/personal"))).text, /Mei Tanaka/);
  });

  it("renders that are kept in Redis outlive the gateway", { skip: NO_REDIS }, async () => {
    await platform.kill("gateway");
    // Asked for until the new gateway has reached Redis; no such request has anything rendered.
    const kept = { "cache-control": "only-if-cached" };
    await answered(at("release", "/courses/bread", kept), "cache-status", /; hit/);
  });

  it("a release whose list throws goes back by itself, and nobody sees it", async (t) => {
    const page = join(folder, "functions/list/index.mjs");
    writeFileSync(page, 'export default { fetch() { throw new Error("No catalogue."); } };');
    await runWell("deploy", folder);
    const { gatewayPort: port } = platform;
    assert.equal((await callHttp({ port, path: "/-/courses/list/?q=bread" })).status, 502);
    const search = at("test", "/?q=bread");
    const shell = await answered(search, "x-skerry-downgrade", /^failing; files of assets/);
    assert.match(shell.text, /<div id="root"><\/div>/);
    const headers = { authorization: `Bearer ${platform.key}` };
    const { text } = await callHttp({ port: platform.apiPort, path: "/metrics", headers });
    const labels = 'app="courses",api="public",stage="test",route="[^"]+",reason="failing"';
    assert.match(
      text,
      new RegExp(`^skerry_route_downgrades_total\\{${labels},id="[^"]+"\\} \\d`, "m"),
    );
    const load = startLoad({
      connections: 4,
      // A search of its own each time, so that the list is rendered each time.
      call: (client, turn) =>
        at("release", client % 2 === 0 ? `/?q=${client}-${turn}` : "/courses/bread"),
    });
    t.after(() => load.stop());
    const { exitCode, said } = await release("--steps", "50,100", "--samples", "40");
    const { failures } = await load.stop();
    assert.equal(exitCode, 1, said);
    assert.match(said, /list: [\d.]+ % of \d+ requests fail/);
    assert.deepEqual(failures, []);
    const list = await rendered(at("release", "/?q=bread"));
    assert.match(list.text, /“<!-- -->bread<!-- -->”/);
  });

  it("a page whose function throws is rendered in the browser", { skip: SKIP }, async () => {
    const { page } = await arrive();
    await page.goto(`http://test.public.courses.apis.localhost:${platform.gatewayPort}/?q=bread`);
    await page.getByRole("heading", { name: "Bread by hand" }).waitFor();
    await page.getByText("Autumn week: 10 % off every course").waitFor();
  });
});

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

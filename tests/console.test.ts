/**
 * The start page, as a person meets it: the printed link, functions, a run and its log, a burst, by
 * mouse and by keyboard, in light and dark, wide and narrow. And as an attacker meets it: from a
 * function's page on the gateway's port, which the browser takes for the same site. `npm test`
 * builds the page before.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fetchOnce, startPlatform, until, type Platform, type SourceFiles } from "@skerry/testkit";
import type { Browser } from "playwright-core";
import { findChromium, Person, startBrowser, UNTRUSTED_HOST } from "./console/browser.ts";
import { ECHO } from "./sources.ts";

const SKIP = findChromium() === undefined ? "Chromium is absent" : false;
const TIMEOUT = { timeout: 600_000 };
const LINK = /^ +(http:\/\/127\.0\.0\.1:\d+\/#sign-in=\S+)$/m;
const MARKUP = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

/** Writes and answers what a browser would take for markup. */
const HOSTILE: SourceFiles = {
  "index.ts": `export function handler(): string {
  console.log(${JSON.stringify(MARKUP)});
  return ${JSON.stringify(MARKUP)};
}`,
};

/** A web page on the gateway's port, and what it was sent. */
const NEIGHBOUR: SourceFiles = {
  "index.ts": `export default {
  fetch(request: Request): Response {
    const body = JSON.stringify([...request.headers]);
    return new Response(body, { headers: { "content-type": "text/html" } });
  },
};`,
};

describe("the start page", { ...TIMEOUT, skip: SKIP }, () => {
  let platform: Platform;
  let browser: Browser;

  before(async () => {
    platform = await startPlatform();
    await platform.deploy({ app: "shop", fn: "echo", files: ECHO });
    await platform.deploy({ app: "shop", fn: "hostile", files: HOSTILE });
    const config = { auth: "none" } as const;
    await platform.deploy({ app: "shop", fn: "neighbour", files: NEIGHBOUR, config });
    await platform.client.putAction({
      params: { app: "shop", action: "greet" },
      body: { function: "echo", description: "Says a word.", drives: { manual: true } },
    });
    browser = await startBrowser();
  });

  after(async () => {
    await browser?.close();
    await platform?.stop();
  });

  /** Someone who is signed in, in front of a function. */
  async function signedIn(
    fn = "echo",
    look?: Parameters<typeof Person.arrive>[1],
    app = "shop",
  ): Promise<Person> {
    const { url } = await platform.client.createSignInLink({ body: {} });
    const person = await Person.arrive(browser, look);
    await person.page.goto(url);
    await person.page.getByRole("option", { name: new RegExp(`^${fn} `) }).click();
    await person.page.getByRole("heading", { name: `${app}/${fn}` }).waitFor();
    return person;
  }

  async function logOf(fn: string): Promise<string> {
    const lines = platform.client.listLogs({
      params: { app: "shop", fn },
      query: { limit: 1_000 },
    });
    const texts: string[] = [];
    for await (const { text } of lines) texts.push(text);
    return texts.join("\n");
  }

  it("is reached by the link that the start prints, once, and keeps no secret in reach of scripts", async () => {
    const url = await until("the banner", () => LINK.exec(platform.output)?.[1]);
    const person = await Person.arrive(browser);
    await person.page.goto(url);
    await person.page.getByRole("heading", { name: "shop/echo" }).waitFor();
    assert.equal(new URL(person.page.url()).hash, "");
    assert.equal(await person.page.evaluate("document.cookie"), "");
    const cookies = await person.context.cookies(`${platform.apiUrl}/v1/apps`);
    const kinds = cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path }));
    assert.deepEqual(kinds, [{ httpOnly: true, sameSite: "Strict", path: "/v1" }]);
    await person.page.reload();
    await person.page.getByRole("heading", { name: "shop/echo" }).waitFor();
    const other = await Person.arrive(browser);
    await other.page.goto(url);
    await other.page.getByRole("alert").filter({ hasText: "does not work" }).waitFor();
    assert.equal(await other.page.getByRole("option").count(), 0);
    assert.deepEqual(person.complaints, []);
    await Promise.all([person.leave(), other.leave()]);
  });

  it("runs a function, shows where the time went, and writes its log live", async () => {
    const person = await signedIn();
    const { page } = person;
    await page.getByLabel("Event, as JSON").fill('{ "word": "heron" }');
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("region", { name: "Result" }).filter({ hasText: "heron" }).waitFor();
    const answer = page.getByRole("region", { name: "Answer" });
    await answer.getByRole("img", { name: /^(cold|warm).*handler/ }).waitFor();
    await page.getByRole("log").filter({ hasText: "heard heron" }).waitFor();
    await platform.client.invoke({ app: "shop", fn: "echo" }, { word: "egret" });
    await page.getByRole("log").filter({ hasText: "heard egret" }).waitFor();
    assert.match(
      await page.locator(".run code").last().innerText(),
      /skerry invoke shop\/echo --data/,
    );
    await page.locator(".run").getByRole("radio", { name: "API" }).click();
    assert.match(await page.locator(".run code").last().innerText(), /^curl -X POST http/);
    assert.deepEqual(person.complaints, []);
    await person.leave();
  });

  it("runs an action with the event of the box, follows it to its end, and says the same as a command", async () => {
    const person = await signedIn();
    const { page } = person;
    await page.getByLabel("Event, as JSON").fill('{ "word": "grebe" }');
    await page.getByRole("button", { name: "Run greet", exact: true }).click();
    const outcome = page.getByRole("region", { name: "Run of greet", exact: true });
    await outcome.filter({ hasText: "succeeded" }).waitFor();
    await outcome.getByRole("region", { name: "Result" }).filter({ hasText: "grebe" }).waitFor();
    const same = page.getByRole("region", { name: /^Run greet as/ });
    const command = `npx skerry actions run greet --app shop -d '{ "word": "grebe" }' --wait`;
    assert.equal(await same.innerText(), command);
    await page.locator(".actions").getByRole("radio", { name: "API" }).click();
    assert.match(await same.innerText(), /^POST \/v1\/apps\/shop\/actions\/greet\/runs \{/);
    const runs = await platform.client.listAcceptedInvocations({ query: { app: "shop" } });
    const sources = runs.items.map(({ sourceId, state }) => [sourceId, state]);
    assert.deepEqual(sources, [["shop/greet:manual", "succeeded"]]);
    assert.deepEqual(await person.violations(), []);
    assert.deepEqual(person.complaints, []);
    await person.leave();
  });

  it("shows a release as it goes: both versions side by side, its turns, and why it went back", async () => {
    const tavern = { app: "tavern", fn: "tea" };
    const params = { app: tavern.app };
    const deploy = (says: string): Promise<unknown> =>
      platform.deploy({ ...tavern, files: { "index.ts": says }, config: { auth: "none" } });
    await deploy(`export default { fetch: () => new Response("mint") };`);
    await platform.client.publishApp({ params, body: { alias: "release" } });
    await deploy(`export default { fetch: () => new Response("cold", { status: 500 }) };`);
    const routes = [{ path: "/tea", to: { function: tavern.fn } }];
    await platform.client.putGatewayApi({ params: { ...params, api: "bar" }, body: { routes } });
    // It waits for requests in its first share, however long this takes here.
    const waits = { stepWaitMs: 4_000, sampleWaitMs: 3_600_000, samplesMin: 1_000_000 };
    const body = { stages: ["test", "release"], steps: [50, 100], ...waits };
    const how = { ...body, guards: ["error-rate" as const], reason: "A new tea." };
    const { id } = await platform.client.createRelease({ params, body: how });
    const person = await signedIn(tavern.fn, undefined, tavern.app);
    const { page } = person;
    const card = page.getByRole("region", { name: "Releases of tavern", exact: true });
    const isNow = (state: string): Promise<void> =>
      card.getByRole("status").filter({ hasText: state }).waitFor();
    const turn = async (name: string, answer = `Yes, ${name.toLowerCase()} it`): Promise<void> => {
      await card.getByRole("button", { name, exact: true }).click();
      await card.getByRole("button", { name: answer, exact: true }).click();
    };
    await isNow("waits for its approval");
    await turn("Approve", "Cancel");
    const { state } = await platform.client.getRelease({ params: { ...params, release: id } });
    assert.equal(state, "waiting", "it was asked about, and not done");
    await turn("Approve");
    await card.getByRole("listitem").filter({ hasText: "50 %now" }).waitFor();
    await card.getByRole("listitem").filter({ hasText: "100 %ahead, routes of bar" }).waitFor();
    await card.getByRole("table").filter({ hasText: "p95" }).waitFor();
    await turn("Pause");
    await isNow("paused");
    const same = card.getByRole("region", { name: "Resume the release as a command" });
    assert.equal(await same.innerText(), `npx skerry releases resume tavern ${id}`);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 390, height: 860 });
    assert.deepEqual(await person.violations(), []);
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
    await turn("Resume");
    await isNow("running");
    await until("it goes back", async () => {
      const url = `${platform.gatewayUrl}/-/tavern/tea:release/`;
      await Promise.all(Array.from({ length: 8 }, () => fetchOnce(url)));
      return (await card.getByRole("status").innerText()) === "rolled back";
    });
    await card.getByText(/^tea: [\d.]+ % of \d+ requests fail, 0 % of \d+ did/).waitFor();
    await platform.client.createRelease({ params, body: how });
    await isNow("waits for its approval");
    await turn("Abort");
    await isNow("aborted");
    await card
      .getByRole("listitem")
      .filter({ hasText: /^rolled back.*tea 1 → 2/ })
      .waitFor();
    assert.deepEqual(await person.violations(), []);
    assert.deepEqual(person.complaints, []);
    await person.leave();
  });

  it("keeps events with the function, and gives them back", async () => {
    const person = await signedIn();
    const { page } = person;
    await page.getByLabel("Event, as JSON").fill('{ "word": "kept" }');
    await page.getByLabel("Save as").fill("a-kept-one");
    const same = page.getByRole("region", { name: /^Save the event as/ });
    assert.match(await same.innerText(), /^npx skerry events save shop\/echo a-kept-one --data/);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const tag = page.getByRole("row", { name: "a-kept-one" });
    await tag.waitFor();
    await page.getByLabel("Event, as JSON").fill("{}");
    await tag.click({ position: { x: 12, y: 12 } });
    assert.match(await page.getByLabel("Event, as JSON").inputValue(), /"word": "kept"/);
    const forget = page.getByRole("region", { name: /^Forget a-kept-one as/ });
    assert.equal(await forget.innerText(), "npx skerry events rm shop/echo a-kept-one");
    await tag.getByRole("button", { name: "Forget a-kept-one" }).click();
    await tag.waitFor({ state: "detached" });
    await person.leave();
  });

  it("shows what functions answer and write as text, whatever it is", async () => {
    const person = await signedIn("hostile");
    const { page } = person;
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("region", { name: "Result" }).filter({ hasText: MARKUP }).waitFor();
    await page.getByRole("log").filter({ hasText: MARKUP }).waitFor();
    assert.equal(await page.locator("img").and(page.locator("[src]")).count(), 0);
    assert.equal(await page.title(), "Skerry");
    // The same text where markup counts: the test would notice.
    await page.goto("about:blank");
    await page.setContent(MARKUP);
    await until("the control", async () => (await page.title()) === "owned");
    await person.leave();
  });

  it("lets nothing run that is not its own file, and speaks to nobody else", async () => {
    const person = await signedIn();
    const { page } = person;
    const plant = `new Promise((resolve) => {
      const script = document.createElement("script");
      script.textContent = "globalThis.planted = true";
      document.body.append(script);
      fetch("${platform.gatewayUrl}/", { mode: "no-cors" })
        .then(() => "sent", () => "refused")
        .then((sent) => resolve([globalThis.planted === true, sent]));
    })`;
    assert.deepEqual(await page.evaluate(plant), [false, "refused"]);
    await page.goto(`${platform.gatewayUrl}/-/shop/neighbour/`);
    assert.deepEqual(await page.evaluate(plant), [true, "sent"], "without the policy");
    await person.leave();
  });

  it("is out of reach for a function's page on the gateway's port, which is the same site", async () => {
    const person = await signedIn();
    const { page } = person;
    const target = `${platform.apiUrl}/v1/apps/shop/functions/echo/calls`;
    const forge = (word: string): string => `fetch("${target}", {
      method: "POST", mode: "no-cors", credentials: "include",
      body: new Blob([JSON.stringify({ event: { word: "${word}" } })]),
    }).then(() => "sent")`;
    await page.evaluate(forge("own"));
    await until("the page's own call", async () => (await logOf("echo")).includes("heard own"));
    const response = await page.goto(`${platform.gatewayUrl}/-/shop/neighbour/v1/x`);
    const seen = new Map(JSON.parse((await response?.text()) ?? "[]") as [string, string][]);
    assert.equal(seen.get("cookie"), undefined, "the function is not sent the session");
    const answered = page.waitForResponse((one) => one.url() === target);
    assert.equal(await page.evaluate(forge("forged")), "sent");
    assert.equal((await answered).status(), 403);
    await platform.client.invoke({ app: "shop", fn: "echo" }, { word: "last" });
    const log = await until("the log", async () => {
      const text = await logOf("echo");
      return text.includes("heard last") ? text : undefined;
    });
    assert.ok(!log.includes("heard forged"));
    await person.leave();
  });

  it("works over plain HTTP by a machine's name, where browsers say less, and only for itself", async () => {
    const named = (url: string): string => url.replace("127.0.0.1", UNTRUSTED_HOST);
    const { url } = await platform.client.createSignInLink({ body: {} });
    const person = await Person.arrive(browser);
    const { page } = person;
    const sent = page.waitForRequest((one) => one.url().includes("/v1/traffic"));
    await page.goto(named(url));
    assert.equal(await page.evaluate("isSecureContext"), false);
    assert.equal((await (await sent).allHeaders())["sec-fetch-site"], undefined, "the control");
    await page.getByRole("option", { name: /^echo / }).click();
    await page.getByRole("heading", { name: "shop/echo" }).waitFor();
    await page.getByLabel("Event, as JSON").fill('{ "word": "lapwing" }');
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("region", { name: "Result" }).filter({ hasText: "lapwing" }).waitFor();
    const others = person.complaints.filter((text) => !text.includes("Opener-Policy header"));
    assert.deepEqual(others, [], "the one is that this address is not trusted");
    await page.goto(named(`${platform.gatewayUrl}/-/shop/neighbour/`));
    const target = named(`${platform.apiUrl}/v1/apps`);
    for (const method of ["GET", "POST"]) {
      for (const referrerPolicy of ["unsafe-url", "no-referrer"]) {
        const options = { method, referrerPolicy, mode: "no-cors", credentials: "include" };
        const answered = page.waitForResponse((one) => one.url() === target);
        await page.evaluate(`fetch("${target}", ${JSON.stringify(options)}).then(() => "sent")`);
        // Without the cookie it would be 401, and a POST there is nothing for anybody.
        assert.equal((await answered).status(), method === "GET" ? 403 : 405, referrerPolicy);
      }
    }
    await person.leave();
  });

  it("bursts: instances rise and rest, and the price stands beside one that is always on", async () => {
    const person = await signedIn();
    const { page } = person;
    await page.getByRole("button", { name: "Burst", exact: true }).click();
    await page.getByRole("status").filter({ hasText: "has settled: 1,000 calls" }).waitFor({
      timeout: 300_000,
    });
    const card = page.locator(".burst");
    await card.getByRole("img", { name: /At most \d+ instances/ }).waitFor();
    const text = await card.innerText();
    assert.match(text, /\n0\nfailed|failed\n0/i, text);
    const [, resting, all] = /(\d+) of (\d+)/.exec(text) ?? [];
    assert.ok(Number(all) > 1 && resting === all, text);
    assert.match(text, /\$0\.0\d+/);
    assert.match(text, /always on/);
    assert.deepEqual(person.complaints, []);
    await person.leave();
  });

  it("can be used by the keyboard alone", async () => {
    const { url } = await platform.client.createSignInLink({ body: {} });
    const person = await Person.arrive(browser);
    const { page } = person;
    const press = (key: string): Promise<void> => page.keyboard.press(key);
    const focused = (): Promise<string> =>
      page.evaluate(
        "(document.activeElement?.getAttribute('aria-label') ?? '') + '|' + document.activeElement?.textContent?.slice(0, 40)",
      );
    await page.goto(url);
    await page.getByRole("heading", { name: "shop/echo" }).waitFor();
    await press("Tab");
    assert.match(await focused(), /Skip to the function/);
    for (let i = 0; i < 12 && !(await focused()).includes("echo"); i += 1) await press("Tab");
    await press("ArrowDown");
    await page.getByRole("heading", { name: "shop/hostile" }).waitFor();
    await press("ArrowUp");
    await page.getByRole("heading", { name: "shop/echo" }).waitFor();
    const isEditor = (): Promise<boolean> =>
      page.evaluate("document.activeElement?.tagName === 'TEXTAREA'");
    for (let i = 0; i < 12 && !(await isEditor()); i += 1) await press("Tab");
    await press("Control+A");
    await page.keyboard.insertText('{ "word": "typed" }');
    await press("Control+Enter");
    await page.getByRole("region", { name: "Result" }).filter({ hasText: "typed" }).waitFor();
    const outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert.notEqual(await page.evaluate(outline), "none", "focus can be seen");
    await person.leave();
  });

  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      it(`has nothing that axe complains about, and fits: ${colorScheme}, ${width} pixels`, async () => {
        const person = await signedIn("echo", { colorScheme, width });
        const { page } = person;
        await page.getByRole("button", { name: "Run", exact: true }).click();
        await page.getByRole("region", { name: "Answer" }).getByRole("img").waitFor();
        assert.deepEqual(await person.violations(), []);
        assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
        // A control: the same look at a page with a fault.
        await page.evaluate("document.querySelector('h3').style.opacity = '0.3'");
        assert.match((await person.violations()).join(), /color-contrast/);
        await person.leave();
      });
    }
  }

  it("is left by signing out, and the session is over", async () => {
    const person = await signedIn();
    const [cookie] = await person.context.cookies(`${platform.apiUrl}/v1/apps`);
    const asked = { cookie: `${cookie?.name}=${cookie?.value}`, "sec-fetch-site": "same-origin" };
    const look = (): Promise<Response> =>
      fetchOnce(`${platform.apiUrl}/v1/apps`, { headers: asked });
    assert.equal((await look()).status, 200);
    const same = person.page.getByRole("region", { name: /^Sign out as/ });
    assert.match(await same.innerText(), /^npx skerry sign-ins rm [a-z]+_\w+$/);
    await person.page.getByRole("button", { name: "Sign out", exact: true }).click();
    await person.page.getByText("You are signed out").waitFor();
    assert.equal((await look()).status, 401);
    await person.page.reload();
    await person.page.getByText("npx skerry console").waitFor();
    await person.leave();
  });
});

/**
 * Gateway APIs at work: routes of every kind lead where they say, and what a stage serves changes
 * as a whole, under load, without a failed request.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type HttpAnswer,
  type HttpCall,
  type Load,
  type Platform,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
const CLIENTS = 6;
const PUBLICATIONS = Number(process.env["SKERRY_TEST_PUBLICATIONS"] ?? 6);
const WEB = { app: "school", api: "web" };
const TEST = { params: { ...WEB, stage: "test" } };
const RELEASE = { params: { ...WEB, stage: "release" } };

/** Says how it was called. */
const PAGES = {
  "index.ts": `export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const of = (name) => request.headers.get(name);
    console.log("page " + pathname);
    return Response.json({
      path: pathname + search,
      params: JSON.parse(of("x-skerry-params") ?? "{}"),
      edition: of("x-edition"),
      version: process.env.SKERRY_VERSION,
      principal: of("x-skerry-principal"),
      claims: of("x-skerry-claims"),
      body: request.method === "POST" ? await request.text() : null,
      run: crypto.randomUUID(),
      key: of("idempotency-key"),
      saw: of("authorization"),
    });
  },
};`,
};

/** In what the target is told, and in the head of the answer: both are of one publication. */
const EDITION = { "x-edition": "{stage.edition}" };
const ROUTES: readonly RouteInput[] = [
  {
    name: "page",
    path: "/courses/{course}/{rest...}",
    methods: ["GET"],
    to: { function: "pages" },
    auth: "none",
    rewrite: { request: { set: EDITION }, response: { set: EDITION } },
  },
  { path: "/first", to: { function: "pages", qualifier: "1" }, auth: "none" },
  { path: "/old/{course}", to: { redirect: "/courses/{course}/", status: 301 }, auth: "none" },
  {
    name: "about",
    path: "/about",
    to: { answer: { status: 200, headers: EDITION, body: "About us.\n" } },
    auth: "none",
  },
  { path: "/staff/{who}", to: { function: "pages" } },
  {
    path: "/kept/{course}",
    to: { function: "pages" },
    auth: "none",
    cache: { ttl: 3_600, tags: ["courses"] },
    rewrite: { request: { set: { "x-edition": "{request.id}" } } },
  },
  {
    path: "/fresh/{course}",
    to: { function: "pages" },
    auth: "none",
    cache: { ttl: 3_600 },
    rewrite: { request: { set: EDITION } },
  },
];

/** Lets in who says the word, and counts how often it was asked. */
const DOORMAN = {
  "index.ts": `let asked = 0;
export async function handler({ credentials, path }) {
  asked += 1;
  const word = credentials["header.x-word"];
  if (word === "broken") throw new Error("it fell over");
  return { allow: word === "friend", principal: "p-" + word, context: { asked, path } };
}`,
};
const ISSUER_KEYS = generateKeyPairSync("ec", { namedCurve: "P-256" });

function tokenOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "ES256" })}.${part(claims)}`;
  const key = { key: ISSUER_KEYS.privateKey, dsaEncoding: "ieee-p1363" as const };
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

const BY_TOKEN = {
  jwt: {
    ...{ issuer: "https://login.example", audience: ["school"], scopes: ["read"] },
    keys: [ISSUER_KEYS.publicKey.export({ format: "jwk" }) as Record<string, unknown>],
  },
};
// Far from any expiry: a machine that stands still must not fail this.
const CLAIMS = { iss: "https://login.example", aud: "school", sub: "ada", exp: 9e9 };

const GUARDED: readonly RouteInput[] = [
  { path: "/by-token/{rest...}", to: { function: "pages" }, auth: BY_TOKEN },
  {
    path: "/by-word/{rest...}",
    to: { function: "pages" },
    // Bounds that a slow machine stays within.
    auth: {
      authorizer: {
        ...{ function: "doorman", by: [{ header: "x-word" }] },
        ...{ timeoutMs: 30_000, cacheSeconds: 3_600 },
      },
    },
  },
  { path: "/nobody", to: { answer: {} }, auth: "none", ips: { deny: ["127.0.0.0/8", "::1"] } },
  {
    path: "/seldom",
    to: { answer: {} },
    auth: "none",
    limits: { rate: { perSecond: 0.01, burst: 1 } },
  },
  {
    path: "/orders",
    to: { function: "pages" },
    auth: "none",
    schemas: { body: { required: ["course"], properties: { course: { type: "string" } } } },
  },
];

interface Page {
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly edition: string | null;
  readonly version: string;
  readonly principal: string | null;
  readonly claims: string | null;
  readonly body: string | null;
  readonly run: string;
  readonly key: string | null;
  readonly saw: string | null;
}
const pageOf = ({ text }: HttpAnswer): Page => JSON.parse(text) as Page;

describe("gateway APIs", TIMEOUT, () => {
  let platform: Platform;

  const put = (more: readonly RouteInput[] = []): Promise<unknown> => {
    const stages = { test: { variables: { edition: "draft" } } };
    const body = { routes: [...ROUTES, ...more], stages };
    return platform.client.putGatewayApi({ params: WEB, body });
  };
  const publish = (edition: string): Promise<{ readonly number: number }> => {
    const body = { variables: { edition }, qualifier: "$LATEST", reason: `Edition ${edition}.` };
    return platform.client.createPublication({ ...RELEASE, body });
  };
  const ask = (path: string, call: Partial<HttpCall> = {}): Promise<HttpAnswer> =>
    callHttp({ port: platform.gatewayPort, path: `/~/school/web/test${path}`, ...call });

  before(async () => {
    platform = await startPlatform();
    const config = { concurrency: 8 };
    const pages = { app: WEB.app, fn: "pages", config };
    await platform.deploy({ ...pages, files: PAGES });
    await platform.client.publishVersion({ params: { app: WEB.app, fn: "pages" }, body: {} });
    await platform.deploy({
      ...pages,
      files: { ...PAGES, "more.ts": "export const more = true;" },
    });
    await put();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  it("a stage is reached by its path and by its host, and routes lead where they say", async () => {
    const page = await ask("/courses/math%C3%A9/a//b?x=1");
    assert.deepEqual([page.status, page.headers["x-edition"]], [200, "draft"]);
    const { path, params, edition, version } = pageOf(page);
    assert.deepEqual(
      [path, edition, version],
      ["/courses/math%C3%A9/a//b?x=1", "draft", "$LATEST"],
    );
    assert.deepEqual(params, { course: "mathé", rest: "a//b" });
    assert.equal(pageOf(await ask("/first")).version, "1");
    const { urls } = await platform.client.getStage(TEST);
    const host = new URL(urls[0] ?? "").host;
    const named = await ask("", { path: "/about", headers: { host } });
    assert.deepEqual([named.text, named.headers["x-edition"]], ["About us.\n", "draft"]);
    const moved = await ask("/old/art");
    assert.deepEqual([moved.status, moved.headers.location], [301, "/courses/art/"]);
  });

  it("what no route takes is refused: 404, 405 with what may be done, and a stage without anything", async () => {
    const reasonOf = async (path: string, method = "GET"): Promise<string> => {
      const { status, headers, text } = await ask(path, { method });
      const { error } = JSON.parse(text) as { error: { reason: string } };
      return `${status} ${error.reason} ${headers.allow ?? ""}`.trim();
    };
    assert.equal(await reasonOf("/nowhere"), "404 ROUTE_NOT_FOUND");
    const allowed = "GET, HEAD, OPTIONS";
    assert.equal(await reasonOf("/courses/art/", "PUT"), `405 ROUTE_METHOD_REFUSED ${allowed}`);
    const unserved = await ask("", { path: "/~/school/web/prepub/about" });
    assert.equal(unserved.status, 404);
    const encoded = await ask("/%61bout");
    assert.equal(encoded.text, "About us.\n", "one parser for all");
    assert.equal((await ask("/x/..%2fstaff/ada")).status, 400, "and no way around it");
  });

  it("holders of a key are let through, told to the target by name, and nobody else is", async () => {
    assert.equal((await ask("/staff/ada")).status, 401);
    const forged = await ask("/staff/ada", { headers: { "x-skerry-principal": "ada" } });
    assert.equal(forged.status, 401);
    const headers = { authorization: `Bearer ${platform.key}`, "x-skerry-principal": "ada" };
    const { principal, saw } = pageOf(await ask("/staff/ada", { headers }));
    assert.match(principal ?? "", /^key_/);
    assert.equal(saw, null, "the function does not see the key");
  });

  it("routes are guarded by tokens, functions, addresses, rates and schemas", async () => {
    await platform.deploy({ app: WEB.app, fn: "doorman", files: DOORMAN });
    await put(GUARDED);
    const refusal = async (path: string, call: Partial<HttpCall> = {}): Promise<string> => {
      const { status, text } = await ask(path, call);
      const { error } = JSON.parse(text) as { error?: { reason: string } };
      return `${status} ${error?.reason ?? ""}`.trim();
    };
    const claimsOf = ({ claims }: Page): unknown =>
      JSON.parse(Buffer.from(claims ?? "", "base64url").toString());
    const token = (more: object = {}): Partial<HttpCall> => ({
      headers: { authorization: `Bearer ${tokenOf({ ...CLAIMS, scope: "read", ...more })}` },
    });
    const missing = await ask("/by-token/x");
    assert.deepEqual(
      [missing.status, missing.headers["www-authenticate"]],
      [401, 'Bearer realm="skerry"'],
    );
    const known = pageOf(await ask("/by-token/x", token()));
    assert.equal(known.principal, "ada");
    assert.deepEqual(claimsOf(known), { ...CLAIMS, scope: "read" });
    assert.equal(await refusal("/by-token/x", token({ aud: "other" })), "401 ROUTE_TOKEN_INVALID");
    assert.equal(await refusal("/by-token/x", token({ exp: 1 })), "401 ROUTE_TOKEN_INVALID");
    assert.equal(
      await refusal("/by-token/x", token({ scope: "" })),
      "403 ROUTE_TOKEN_INSUFFICIENT",
    );
    const word = (text: string): Partial<HttpCall> => ({ headers: { "x-word": text } });
    assert.equal(await refusal("/by-word/a"), "401 ROUTE_CREDENTIALS_REQUIRED");
    assert.equal(await refusal("/by-word/a", word("foe")), "403 ROUTE_AUTHORIZER_DENIED");
    assert.equal(await refusal("/by-word/a", word("broken")), "503 ROUTE_AUTH_UNAVAILABLE");
    const first = pageOf(await ask("/by-word/a", word("friend")));
    const second = pageOf(await ask("/by-word/b", word("friend")));
    assert.equal(first.principal, "p-friend");
    assert.deepEqual(claimsOf(second), claimsOf(first), "what it said is kept");
    assert.equal(await refusal("/nobody"), "403 ROUTE_ADDRESS_FORBIDDEN");
    assert.equal((await ask("/seldom")).status, 200);
    const again = await ask("/seldom");
    assert.deepEqual([again.status, again.headers["retry-after"]], [429, "60"]);
    const order = (body: string): Partial<HttpCall> => ({
      ...{ method: "POST", body, headers: { "content-type": "application/json" } },
    });
    const text = '{ "course": "art" }';
    assert.equal(pageOf(await ask("/orders", order(text))).body, text);
    assert.equal(await refusal("/orders", order('{"course":1}')), "400 ROUTE_SCHEMA_MISMATCH");
    const wrong: RouteInput = {
      path: "/w",
      to: { answer: {} },
      schemas: { body: { type: "strin" } },
    };
    await assert.rejects(put([wrong]), /schemas\.body\/type/);
  });

  it("a request with a key is made once for its caller, whoever dies and whatever the stage leads to", async () => {
    const once = (qualifier: string): readonly RouteInput[] => [
      {
        ...{ name: "once", path: "/once/{rest...}", auth: BY_TOKEN, idempotency: {} },
        to: { function: "pages", qualifier },
      },
      { path: "/often", to: { function: "pages" }, auth: "none" },
    ];
    const order = async (path: string, more: object = {}, key = "order-7"): Promise<HttpAnswer> => {
      const { sub = "ada", body = "one" } = more as { sub?: string; body?: string };
      const authorization = `Bearer ${tokenOf({ ...CLAIMS, scope: "read", sub })}`;
      const headers = { authorization, "idempotency-key": key, "content-type": "text/plain" };
      return await ask(path, { method: "POST", headers, body });
    };
    await put(once("$LATEST"));
    const answers = await Promise.all(Array.from({ length: 12 }, () => order("/once/a")));
    const [first = ""] = answers.map(({ text }) => text);
    assert.deepEqual([...new Set(answers.map(({ text }) => text))], [first], "one run for all");
    const { body, principal, key } = JSON.parse(first) as Page;
    assert.deepEqual([body, principal, key], ["one", "ada", "order-7"]);
    const bob = pageOf(await order("/once/a", { sub: "bob" }));
    assert.equal(bob.principal, "bob", "the same key of another caller is another key");
    const refused = await order("/once/a", { body: "two" });
    assert.deepEqual(
      [refused.status, refused.headers["x-skerry-error"]],
      [422, "IDEMPOTENCY_KEY_CONFLICT"],
    );
    await platform.kill("control");
    await platform.untilWhole();
    await put(once("1"));
    const again = await order("/once/a");
    assert.deepEqual([again.text, again.headers["idempotent-replayed"]], [first, "true"]);
    assert.equal(pageOf(await order("/once/a", {}, "order-8")).version, "1", "it leads elsewhere");
    const often = [pageOf(await order("/often")), pageOf(await order("/often"))];
    assert.deepEqual(
      often.map((page) => page.key),
      ["order-7", "order-7"],
      "a route that keeps nothing passes it on",
    );
    assert.notEqual(often[0]?.run, often[1]?.run);
    await put();
  });

  it("a stage changes as a whole while it is asked: no request fails, and none meets both", async (t) => {
    let serves = (await publish("0")).number;
    /** Editions that may answer: after each change, and before it is acknowledged. */
    const allowed: (readonly string[])[] = [["0"]];
    const load = loadOf(allowed);
    t.after(() => load.stop());
    await answeredMore(load);
    for (let i = 1; i <= PUBLICATIONS; i += 1) {
      const former = allowed.at(-1) ?? [];
      const isBack = i % 3 === 0;
      const to = isBack ? String(i - 2) : String(i);
      allowed.push([...former, to]);
      if (isBack) {
        const made = await platform.client.createPublication({
          ...RELEASE,
          body: { restore: serves - 1 },
        });
        assert.equal(made.restores, serves - 1);
        assert.equal(made.variables["edition"], to);
        serves = made.number;
      } else serves = (await publish(to)).number;
      allowed.push([to]);
      await answeredMore(load);
    }
    const { answered, failures } = await load.stop();
    assert.deepEqual(failures, [], `${failures.length} of ${answered} requests failed`);
  });

  it("kept answers are answered without the function, until what they are tagged with is purged", async () => {
    const callOf = async (path: string): Promise<readonly [string | null, string]> => {
      const answer = await ask(path);
      const [how = ""] = /hit|stored/.exec(String(answer.headers["cache-status"])) ?? [];
      return [pageOf(answer).edition, how];
    };
    const kept = (path: string): Promise<string | null> =>
      until(`${path} to be kept`, async () => {
        const [edition, how] = await callOf(path);
        return how === "hit" && edition;
      });
    const first = await kept("/kept/art");
    assert.deepEqual(await callOf("/kept/art"), [first, "hit"]);
    await kept("/fresh/art");
    await platform.client.createPurge({ ...TEST, body: { tag: "courses" } });
    const [second, again] = await callOf("/kept/art");
    assert.equal(again, "stored");
    assert.notEqual(second, first);
    assert.equal((await callOf("/fresh/art"))[1], "hit", "it has no such tag");
    await put([{ path: "/more", to: { answer: { body: "More." } }, auth: "none" }]);
    assert.equal((await callOf("/fresh/art"))[1], "stored", "another publication shows its own");
    await put();
  });

  it("a domain leads to a stage by the host that is asked for, until it is removed", async () => {
    const host = "school.example";
    const at = (): Promise<HttpAnswer> => ask("", { path: "/about", headers: { host } });
    assert.equal((await at()).status, 404);
    const made = await platform.client.putDomain({
      params: { host },
      body: { ...WEB, stage: "test" },
    });
    assert.deepEqual([made.isNew, made.certificate, made.behind], [true, null, []]);
    assert.equal((await at()).text, "About us.\n");
    await platform.client.deleteDomain({ params: { host } });
    assert.equal((await at()).status, 404);
  });

  const loadOf = (allowed: readonly (readonly string[])[]): Load => {
    const askedAt: number[] = [];
    return startLoad({
      connections: CLIENTS,
      pauseMsMax: 20,
      call: (client, turn) => {
        askedAt[client] = allowed.length - 1;
        const path = turn % 2 === 0 ? "/courses/art/" : "/about";
        return { port: platform.gatewayPort, path: `/~/school/web/release${path}` };
      },
      check: ({ status, headers, text }, client) => {
        assert.equal(status, 200, text.slice(0, 400));
        const told = String(headers["x-edition"]);
        if (text.startsWith("{")) {
          assert.equal(pageOf({ status, headers, text }).edition, told, "of one publication");
        }
        const may = new Set(allowed.slice(askedAt[client]).flat());
        assert.ok(may.has(told), `${told} answered where ${[...may].join(", ")} may`);
      },
    });
  };
  const answeredMore = async (load: Load): Promise<void> => {
    const enough = load.answered + 2 * CLIENTS;
    await until("more answers", () => load.answered > enough || load.failed > 0);
  };

  it("control: a stage that is taken away is missed", async (t) => {
    const load = loadOf([["0", "1", "2", "3", "4", "5", "6"]]);
    t.after(() => load.stop());
    await answeredMore(load);
    await platform.client.deleteStage(RELEASE);
    await until("a request to be refused", () => load.failed > 0);
    const { failures } = await load.stop();
    assert.deepEqual(
      failures.filter((one) => !one.includes("STAGE_UNSERVED")),
      [],
    );
  });

  it("history says what was served, and what is promoted is what was tested", async () => {
    await publish("tested");
    const more: RouteInput = { path: "/new", to: { answer: { body: "New." } }, auth: "none" };
    await put([more]);
    assert.equal((await ask("/new")).text, "New.", "test follows the draft");
    const prepub = { params: { ...WEB, stage: "prepub" } };
    const body = { from: "release", variables: { edition: "b" }, qualifier: "$LATEST" };
    await platform.client.createPublication({ ...prepub, body });
    const at = (path: string): Promise<HttpAnswer> =>
      ask("", { path: `/~/school/web/prepub${path}` });
    assert.equal((await at("/new")).status, 404, "what release serves has no such route");
    assert.equal((await at("/about")).headers["x-edition"], "b");
    const { items } = await platform.client.listPublications({ ...prepub, query: {} });
    assert.deepEqual(
      items.map(({ routeCount }) => routeCount),
      [ROUTES.length],
    );
    assert.match(items[0]?.from ?? "", /^release:\d+$/);
    const query = { from: "prepub", to: "test" };
    const found = await platform.client.diffGatewayApi({ params: WEB, query });
    assert.deepEqual([found.added, found.removed, found.changed], [["* /new"], [], []]);
    assert.deepEqual(found.variables, { added: [], removed: [], changed: ["edition"] });
  });
});

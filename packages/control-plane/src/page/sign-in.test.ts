import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { ConsoleSessionResource } from "@skerry/api-schema";
import { Harness, type Problem, type Reply } from "../../test/harness.ts";

const OWN_PAGE = { "sec-fetch-site": "same-origin" };
const FUNCTION = "/v1/apps/shop/functions/hello";

async function makeLink(harness: Harness, key = harness.adminKey): Promise<string> {
  const { body } = await harness.send<{ url: string }>("POST", "/v1/sign-in-links", {
    ...{ key, body: {} },
  });
  return body.url.split("#sign-in=")[1] ?? "";
}

function exchange(
  harness: Harness,
  link: string,
  headers: Readonly<Record<string, string>> = OWN_PAGE,
): Promise<Reply<Problem | undefined>> {
  return harness.send("POST", "/session", { key: null, headers, body: { link } });
}

function withCookie(
  harness: Harness,
  cookie: string,
  sent: { method?: string; path?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Reply<Problem>> {
  const { method = "GET", path = "/v1/apps", headers = OWN_PAGE } = sent;
  return harness.send(method, path, { key: null, headers: { ...headers, cookie } });
}

async function makeKey(harness: Harness, role: string): Promise<{ id: string; key: string }> {
  const body = { name: role, role };
  return (await harness.send<{ id: string; key: string }>("POST", "/v1/keys", { body })).body;
}

test("a link signs in once; a second use, a wrong secret and nonsense get the same refusal", async () => {
  await using harness = await Harness.open();
  const link = await makeLink(harness);
  const wrong = `${link.slice(0, -3)}AAA`;
  const refused = await exchange(harness, wrong);
  assert.equal(refused.status, 401);
  const first = await exchange(harness, link);
  assert.equal(first.status, 204, "a wrong secret does not use the link up");
  const second = await exchange(harness, link);
  const nonsense = await exchange(harness, "nonsense");
  for (const { status, body, headers } of [refused, second, nonsense]) {
    assert.equal(status, 401);
    assert.equal(body?.error.reason, "SIGN_IN_LINK_INVALID");
    assert.equal(headers.get("set-cookie"), null);
  }
});

test("of two that use a link at once, one is signed in", async () => {
  await using harness = await Harness.open();
  const link = await makeLink(harness);
  const replies = await Promise.all(Array.from({ length: 8 }, () => exchange(harness, link)));
  assert.equal(replies.filter(({ status }) => status === 204).length, 1);
});

test("the cookie is out of reach for scripts, other sites and the paths of functions", async () => {
  await using harness = await Harness.open();
  const { headers } = await exchange(harness, await makeLink(harness));
  const [pair = "", ...attributes] = (headers.get("set-cookie") ?? "").split("; ");
  assert.match(pair, /^skerry-console-4400=ses_[0-9a-z]{26}_[\w-]{43}$/);
  assert.deepEqual(attributes.toSorted(), [
    ...["HttpOnly", "Max-Age=43200", "Path=/v1", "SameSite=Strict"],
  ]);
});

test("a link and a session end by time", async () => {
  await using links = await Harness.open({ signInLinkTtlMs: 0 });
  assert.equal((await exchange(links, await makeLink(links))).status, 401);
  await using sessions = await Harness.open({ consoleSessionTtlMs: 0 });
  const { status, headers } = await exchange(sessions, await makeLink(sessions));
  assert.equal(status, 204);
  const cookie = headers.get("set-cookie")?.split(";")[0] ?? "";
  const reply = await withCookie(sessions, cookie);
  assert.equal(reply.body.error.reason, "CONSOLE_SESSION_INVALID");
});

test("what is stored is enough neither to sign in nor to be signed in", async () => {
  await using harness = await Harness.open();
  const link = await makeLink(harness);
  const { cookie } = await harness.signIn();
  const secrets = [link.split("_").slice(2).join("_"), cookie.split("_").slice(2).join("_")];
  const { readdir, readFile } = await import("node:fs/promises");
  const names = await readdir(`${harness.directory}/state`);
  const files = await Promise.all(names.map((n) => readFile(`${harness.directory}/state/${n}`)));
  const kept = Buffer.concat(files);
  assert.ok(kept.includes(link.split("_")[1] ?? "?"), "the link's id is there");
  for (const secret of secrets) assert.ok(!kept.includes(secret));
});

test("a session acts as its key, and ends with it", async () => {
  await using harness = await Harness.open();
  const viewer = await makeKey(harness, "viewer");
  const { cookie, id } = await harness.signIn(viewer.key);
  assert.equal((await withCookie(harness, cookie)).status, 200);
  const denied = await withCookie(harness, cookie, { method: "DELETE", path: "/v1/apps/shop" });
  assert.equal(denied.body.error.reason, "ACTION_DENIED");
  assert.equal((await harness.send("DELETE", `/v1/keys/${viewer.id}`)).status, 204);
  assert.equal((await withCookie(harness, cookie)).body.error.reason, "CONSOLE_SESSION_INVALID");
  assert.ok(id.startsWith("ses_"));
});

test("a session cannot make links, so it cannot outlive itself", async () => {
  await using harness = await Harness.open();
  const { cookie } = await harness.signIn();
  const headers = { ...OWN_PAGE, cookie };
  const path = "/v1/sign-in-links";
  const reply = await harness.send<Problem>("POST", path, { key: null, headers, body: {} });
  assert.equal(reply.body.error.reason, "CONSOLE_SESSION_CANNOT");
});

test("sessions are listed and ended by their own key, and by an admin", async () => {
  await using harness = await Harness.open();
  const viewer = await makeKey(harness, "viewer");
  const own = await harness.signIn(viewer.key);
  const admins = await harness.signIn();
  const list = async (key: string): Promise<readonly string[]> => {
    const { body } = await harness.send<{ items: ConsoleSessionResource[] }>(
      ...["GET", "/v1/console-sessions"],
      { key },
    );
    return body.items.map(({ id }) => id);
  };
  assert.deepEqual(await list(viewer.key), [own.id]);
  assert.deepEqual(await list(harness.adminKey), [own.id, admins.id]);
  const foreign = `/v1/console-sessions/${admins.id}`;
  assert.equal((await harness.send("DELETE", foreign, { key: viewer.key })).status, 404);
  assert.equal((await withCookie(harness, admins.cookie)).status, 200);
  assert.equal((await harness.send("DELETE", `/v1/console-sessions/${own.id}`)).status, 204);
  assert.equal((await withCookie(harness, own.cookie)).status, 401);
});

test("sessions are bounded by key: the oldest of the same key makes room, no other's", async () => {
  await using harness = await Harness.open();
  const viewer = await makeKey(harness, "viewer");
  const { cookie: others } = await harness.signIn(viewer.key);
  const { cookie: oldest } = await harness.signIn();
  for (let i = 0; i < 20; i += 1) await harness.signIn();
  assert.equal((await withCookie(harness, oldest)).status, 401);
  assert.equal((await withCookie(harness, others)).status, 200, "another key's goes on");
  const { body } = await harness.send<{ items: unknown[] }>("GET", "/v1/console-sessions");
  assert.equal(body.items.length, 21);
});

test("links are bounded by key: a key that makes many leaves another's as they are", async () => {
  await using harness = await Harness.open();
  const viewer = await makeKey(harness, "viewer");
  const others = await makeLink(harness, viewer.key);
  const oldest = await makeLink(harness);
  for (let i = 0; i < 10; i += 1) await makeLink(harness);
  assert.equal((await exchange(harness, oldest)).status, 401);
  assert.equal((await exchange(harness, others)).status, 204);
});

test("a revoked key leaves neither session nor link", async () => {
  await using harness = await Harness.open();
  const viewer = await makeKey(harness, "viewer");
  await harness.signIn(viewer.key);
  await makeLink(harness, viewer.key);
  assert.equal((await harness.send("DELETE", `/v1/keys/${viewer.id}`)).status, 204);
  const { body } = await harness.send<{ items: unknown[] }>("GET", "/v1/console-sessions");
  assert.deepEqual(body.items, []);
  const file = new DatabaseSync(`${harness.directory}/state/state.db`, { readOnly: true });
  try {
    for (const table of ["sign_in_links", "console_sessions"]) {
      const row = file.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get();
      assert.equal(row?.["n"], 0, table);
    }
  } finally {
    file.close();
  }
});

const ELSEWHERE: readonly Readonly<Record<string, string>>[] = [
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
  { "sec-fetch-site": "none" },
  { "sec-fetch-site": "same-origin, cross-site" },
  { "sec-fetch-site": "" },
  { origin: "http://127.0.0.1:4480" },
  { origin: "null" },
  {},
];

test("with a cookie nothing is changed unless our own page asked, whatever else a browser says", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const { cookie } = await harness.signIn();
  const remove = (headers: Readonly<Record<string, string>>): Promise<Reply<Problem>> =>
    withCookie(harness, cookie, { method: "DELETE", path: FUNCTION, headers });
  for (const headers of ELSEWHERE) {
    const { status, body } = await remove(headers);
    assert.equal(status, 403, JSON.stringify(headers));
    assert.equal(body.error.reason, "REQUEST_FROM_ELSEWHERE");
  }
  assert.equal((await harness.send("GET", FUNCTION)).status, 200, "it is still there");
  // The control: the same request, but for that header.
  assert.equal((await remove(OWN_PAGE)).status, 204);
  assert.equal((await harness.send("GET", FUNCTION)).status, 404);
});

test("a browser that does not say who asked is believed when it names our origin", async () => {
  await using harness = await Harness.open();
  const { cookie } = await harness.signIn();
  const origin = new URL(harness.url).origin;
  assert.equal((await withCookie(harness, cookie, { headers: { origin } })).status, 200);
});

test("a browser that says nothing of it is believed by Referer, for what reads and nothing else", async () => {
  await using harness = await Harness.open();
  const { cookie } = await harness.signIn();
  const { origin, port } = new URL(harness.url);
  const own = [`${origin}/`, `${origin}/functions?x=1`, origin];
  for (const referer of own) {
    const { status } = await withCookie(harness, cookie, { headers: { referer } });
    assert.equal(status, 200, referer);
  }
  const foreign = [
    ...["http://127.0.0.1:4480/", "http://evil.test/", `http://evil.test/${origin}/`, "nonsense"],
    ...[`http://${new URL(origin).host}@evil.test/`, `${origin}.evil.test/`, `${origin}0/`],
    ...[`http://localhost:${port}/`, `ftp://127.0.0.1:${port}/`, "null", "about:blank"],
  ];
  for (const referer of foreign) {
    const { status } = await withCookie(harness, cookie, { headers: { referer } });
    assert.equal(status, 403, referer);
  }
  const referer = `${origin}/`;
  const disagreeing: readonly Readonly<Record<string, string>>[] = [
    { referer, origin: "http://evil.test" },
    { referer, origin: "null" },
    { referer, "sec-fetch-site": "cross-site" },
    { referer, "sec-fetch-site": "same-site" },
  ];
  for (const headers of disagreeing) {
    assert.equal((await withCookie(harness, cookie, { headers })).status, 403);
  }
  const change = { method: "DELETE", path: FUNCTION, headers: { referer } };
  assert.equal((await withCookie(harness, cookie, change)).status, 403, "a change needs Origin");
  assert.equal((await exchange(harness, await makeLink(harness), { referer })).status, 403);
});

test("other pages can neither read with the cookie nor sign someone in", async () => {
  await using harness = await Harness.open();
  const { cookie } = await harness.signIn();
  for (const site of ["cross-site", "same-site"]) {
    const headers = { "sec-fetch-site": site };
    assert.equal((await withCookie(harness, cookie, { headers })).status, 403);
    assert.equal((await exchange(harness, await makeLink(harness), headers)).status, 403);
  }
  const typed = { headers: { "sec-fetch-site": "none" } };
  assert.equal((await withCookie(harness, cookie, typed)).status, 200, "the address bar may look");
});

test("requests with a key are no browser's doing and need no such header", async () => {
  await using harness = await Harness.open();
  const headers = { "sec-fetch-site": "cross-site", cookie: "skerry-console-4400=nonsense" };
  assert.equal((await harness.send("GET", "/v1/apps", { headers })).status, 200);
});

test("guessed links are slowed down by address", async () => {
  await using harness = await Harness.open({ refusalsBurst: 2, refusalsPerSecond: 0.01 });
  const statuses = [];
  for (let i = 0; i < 3; i += 1) statuses.push((await exchange(harness, "guess")).status);
  assert.deepEqual(statuses, [401, 401, 429]);
});

test("the page's files come with the strict policy; names outside it are the API's", async () => {
  await using harness = await Harness.open();
  const { status, headers } = await harness.send("GET", "/", { key: null });
  assert.equal(status, 200);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|http|\*|data:/);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("referrer-policy"), "same-origin");
  assert.equal(headers.get("cache-control"), "no-store");
  const asset = await harness.send("GET", "/assets/page-1.js", { key: null });
  assert.match(asset.headers.get("cache-control") ?? "", /immutable/);
  for (const path of ["/assets/", "/assets/..%5cx", "/index.htm", "/assets/page-1.js/x"]) {
    assert.ok((await harness.send("GET", path, { key: null })).status >= 400, path);
  }
});

test("where there is no page its address says why, as text", async () => {
  await using harness = await Harness.open();
  harness.page.files = { kind: "absent", why: "it broke: <script>alert(1)</script>" };
  await harness.restart();
  const { status, body } = await harness.send<string>("GET", "/", { key: null });
  assert.equal(status, 503);
  assert.match(body, /it broke: &lt;script&gt;alert/);
  assert.doesNotMatch(body, /<script/);
  assert.equal((await harness.send("GET", "/v1/apps")).status, 200);
});

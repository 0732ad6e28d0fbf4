/** Gateway APIs as a command line shows them: routes, publications, and what differs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { PublicationContent, StageResource } from "@skerry/api-schema";
import type { Route, RouteInput } from "@skerry/contracts";
import { routes } from "@skerry/contracts/schemas";
import {
  startFakePlatform,
  type Answers,
  type Asked,
  onTerminal,
  withPipes,
} from "@skerry/testkit/clients";
import { GATEWAY_API_COMMANDS } from "./gateway-apis.ts";

const runPiped = withPipes(GATEWAY_API_COMMANDS);
const runOnTerminal = onTerminal(GATEWAY_API_COMMANDS);

const AT = "2026-01-01T00:00:00.000Z";
const WEB = { app: "shop", api: "web" };
const routesOf = (...all: RouteInput[]): Route[] => routes.parse(all);

const LIST = { path: "/courses", methods: ["GET" as const], to: { function: "list" } };
const OLD = { path: "/old", to: { redirect: "/courses" } };
const NEW = { path: "/new/{id}", to: { function: "buy", qualifier: "2" }, auth: "none" as const };
/** Of each publication of `release`. */
const SERVED: readonly Route[][] = [routesOf(LIST, OLD), routesOf({ ...LIST, cache: {} }, NEW)];

function publicationOf(number: number, more: Partial<PublicationContent> = {}): PublicationContent {
  const served = SERVED[number - 1] ?? [];
  return {
    ...{ ...WEB, stage: "release", number, routeCount: served.length, qualifier: "release" },
    ...{ variables: { theme: "spring" }, from: "draft", restores: null, reason: "It sells." },
    ...{ publishedBy: "key_1", at: AT, routes: served, ...more },
  };
}

function stageOf(stage: string, publication: StageResource["publication"]): StageResource {
  return {
    ...{ ...WEB, stage, urls: [`http://${stage}.web.shop.apis.localhost:1/`] },
    ...{ qualifier: stage, variables: { theme: "spring", size: "m" }, follows: stage === "test" },
    ...{ publication, etag: '"7"' },
  };
}

const LISTED = {
  ...{ id: "api_1", app: "shop", name: "web", routeCount: 2, createdAt: AT, updatedAt: AT },
  stages: [
    { stage: "test", publication: null, follows: true },
    { stage: "release", publication: 2, follows: false },
  ],
  ...{ madeBy: null, etag: '"3"' },
};

function answers(bodies: Asked["body"][] = []): Answers {
  const [release, tried] = [stageOf("release", publicationOf(2)), stageOf("test", null)];
  return {
    listGatewayApis: () => ({ items: [LISTED], nextCursor: null }),
    getGatewayApi: () => ({ ...LISTED, routes: SERVED[0] }),
    listStages: () => ({ items: [tried, release], nextCursor: null }),
    getStage: ({ params }) => (params["stage"] === "test" ? tried : release),
    getPublication: ({ params }) => publicationOf(Number(params["publication"])),
    listPublications: () => ({
      items: [publicationOf(2, { from: null, restores: 1 }), publicationOf(1)],
      nextCursor: null,
    }),
    putGatewayApi: ({ body }) => {
      bodies.push(body);
      const published = [{ stage: "test", number: 4 }];
      return { ...LISTED, isNew: false, published, behind: ["gateway-2"] };
    },
    createPublication: ({ body }) => {
      bodies.push(body);
      const { restore = null } = body as { restore?: number };
      const made = publicationOf(3, { routeCount: 2, restores: restore });
      return { ...made, isNew: true, etag: '"8"', behind: [] };
    },
    deleteGatewayApi: () => undefined,
  };
}

test("APIs, their stages and their routes are shown", async () => {
  await using platform = await startFakePlatform(answers());
  const listed = await runPiped(["apis", "ls", "shop"], platform);
  assert.match(listed.stdout, /^API .*\nweb +2 +release 2/);
  const shown = await runPiped(["apis", "show", "shop/web"], platform);
  assert.match(shown.stdout, /test +- +test +yes +http:\/\/test\.web/);
  assert.match(shown.stdout, /GET +\/courses +list +key/);
  assert.match(shown.stdout, /all +\/old +308 \/courses/);
  const stage = await runPiped(["apis", "show", "shop/web", "--stage", "release"], platform);
  assert.match(stage.stdout, /Variables +theme=spring\n +size=m/);
  assert.match(stage.stdout, /Serves +publication 2/);
  assert.match(stage.stdout, /\/new\/\{id\} +buy:2 +none/);
  const history = await runPiped(["apis", "history", "shop/web", "--stage", "release"], platform);
  assert.match(history.stdout, /2 +2 +release +back to 1 .*\n +1 +2 +release +draft .*It sells\./);
  const json = await runPiped(["apis", "show", "shop/web", "--json"], platform);
  const { stages, routes: draft } = JSON.parse(json.stdout) as {
    stages: unknown[];
    routes: Route[];
  };
  assert.deepEqual([stages.length, draft.map(({ path }) => path)], [2, ["/courses", "/old"]]);
});

test("routes of a file are put as they stand there, and what is no YAML is said", async (t) => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform(answers(bodies));
  const folder = mkdtempSync(join(tmpdir(), "skerry-apis-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { ...platform, cwd: folder };
  writeFileSync(join(folder, "list.yaml"), "- { path: /courses, to: { function: list } }\n");
  writeFileSync(join(folder, "all.json"), '{"routes": [], "stages": {"prod": {"follows": true}}}');
  writeFileSync(join(folder, "bad.yaml"), "routes: [\n");
  const made = await runPiped(["apis", "put", "shop/web", "list.yaml"], options);
  assert.match(made.stdout, /shop\/web has 2 routes: test serves them as 4\./);
  assert.match(made.stderr, /Not yet confirmed by gateway-2/);
  await runPiped(["apis", "put", "shop/web", "all.json", "--reason", "tidy"], options);
  const [first, second] = bodies as Record<string, unknown>[];
  assert.partialDeepStrictEqual(first, { routes: [{ path: "/courses" }], reason: "" });
  assert.deepEqual(second?.["reason"], "tidy");
  assert.partialDeepStrictEqual(second?.["stages"], { prod: { follows: true } });
  const bad = await runPiped(["apis", "put", "shop/web", "bad.yaml"], options);
  assert.match(bad.stderr, /bad\.yaml is not YAML/);
  assert.equal(bodies.length, 2);
});

test("a stage is published with its variables and those given, and switched back", async () => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform(answers(bodies));
  const release = ["shop/web", "--stage", "release"];
  const how = ["--from", "test", "--var", "theme=a=b", "--reason", "new"];
  const made = await runPiped(["apis", "publish", ...release, ...how], platform);
  assert.match(made.stdout, /release serves 2 routes, as publication 3\./);
  const dry = await runPiped(["apis", "publish", ...release, "--dry-run"], platform);
  assert.match(dry.stdout, /release would serve 2 routes, as publication 3\./);
  const back = await runPiped(["apis", "switch-back", ...release], platform);
  assert.match(back.stdout, /release serves what publication 1 had, as publication 3\./);
  await runPiped(["apis", "switch-back", ...release, "--to", "2"], platform);
  const told = { dryRun: false, reason: "" };
  assert.deepEqual(bodies, [
    { from: "test", variables: { theme: "a=b", size: "m" }, reason: "new", dryRun: false },
    { ...told, dryRun: true },
    { ...told, restore: 1 },
    { ...told, restore: 2 },
  ]);
  const wrong = await runPiped(["apis", "publish", ...release, "--var", "x"], platform);
  assert.match(wrong.stderr, /theme=winter/);
  const none = await runPiped(["apis", "switch-back", "shop/web", "--stage", "test"], platform);
  assert.match(none.stderr, /test has served nothing before/);
  const unnamed = await runPiped(["apis", "history", "shop/web"], platform);
  assert.match(unnamed.stderr, /--stage STAGE/);
});

test("what differs is shown route by route, in colours on a terminal", async () => {
  const [before, after] = [SERVED[0]?.[0], SERVED[1]?.[0]];
  const changes = { added: ["all /new/{id}"], removed: ["all /old"] };
  await using platform = await startFakePlatform({
    diffGatewayApi: ({ query: { from, to } }) => {
      const isSame = from === to;
      const nothing = { added: [], removed: [], changed: [] };
      const changed = [{ route: "GET /courses", keys: ["cache"], before, after }];
      const routeChanges = isSame ? nothing : { ...changes, changed };
      const variables = { ...nothing, changed: isSame ? [] : ["theme"] };
      const qualifier = isSame ? null : { from: "release", to: "2" };
      return { ...{ from, to, isSame, qualifier, variables }, ...routeChanges };
    },
  });
  const diff = (...args: readonly string[]) =>
    runPiped(["apis", "diff", "shop/web", ...args], platform);
  const { stdout } = await diff("release:1", "release");
  assert.deepEqual(stdout.trimEnd().split("\n").slice(0, 6), [
    "release:1 → release",
    "~ leads to 2, led to release",
    "~ variable theme",
    "- all /old",
    "+ all /new/{id}",
    "~ GET /courses",
  ]);
  assert.match(stdout, / {4}\+ cache: \{/);
  assert.match((await diff()).stdout, /^release → draft\n/);
  assert.match((await diff("test", "test")).stdout, /test and test have the same routes/);
  const coloured = await runOnTerminal(["apis", "diff", "shop/web"], platform);
  assert.ok(coloured.stdout.includes("\u001b[31m- all /old"));
  const json = await diff("release", "draft", "--json");
  assert.partialDeepStrictEqual(JSON.parse(json.stdout), changes);
});

test("kept answers are forgotten by one name, and a document is JSON", async () => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform({
    createPurge: ({ body }) => {
      const number = bodies.push(body);
      return { ...WEB, stage: "release", number, what: body, behind: ["gateway-2"] };
    },
    getGatewayApiDocument: ({ query }) => ({ openapi: "3.1.0", "x-asked": query["stage"] ?? null }),
  });
  const purge = (...how: readonly string[]) =>
    runPiped(["apis", "purge", "shop/web", "--stage", "release", ...how], platform);
  const told = await purge("--tag", "course-7");
  assert.match(told.stdout, /Forgot the tag course-7 of shop\/web release\./);
  assert.match(told.stderr, /Not yet confirmed by gateway-2/);
  await purge("--url", "https://shop.example/a?b=1");
  assert.match((await purge("--all")).stdout, /Forgot all of/);
  await purge("--prefix", "/courses/");
  assert.match((await purge()).stderr, /--all, --url, --prefix or --tag/);
  assert.match((await purge("--all", "--tag", "a")).stderr, /give one of/);
  assert.deepEqual(bodies, [
    ...[{ tag: "course-7" }, { url: "shop.example/a?b=1" }, { all: true }],
    { prefix: "/courses/" },
  ]);
  const document = await runPiped(["apis", "openapi", "shop/web", "--stage", "test"], platform);
  assert.deepEqual(JSON.parse(document.stdout), { openapi: "3.1.0", "x-asked": "test" });
});

test("an API is removed only when that was meant", async () => {
  await using platform = await startFakePlatform(answers());
  const refused = await runPiped(["apis", "rm", "shop/web"], platform);
  assert.notEqual(refused.exitCode, 0);
  assert.deepEqual(platform.asked, []);
  const gone = await runPiped(["apis", "rm", "shop/web", "--yes"], platform);
  assert.match(gone.stdout, /Removed shop\/web\./);
  const wrong = await runPiped(["apis", "rm", "shop", "--yes"], platform);
  assert.match(wrong.stderr, /shop\/web/);
});

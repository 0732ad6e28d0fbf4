/** Publishing, aliases and rolling back, as a command line says and shows them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { AliasTarget } from "@skerry/contracts";
import {
  type Asked,
  AT,
  type FakePlatform,
  refusal,
  startFakePlatform,
  withPipes,
  type RunResult,
} from "@skerry/testkit/clients";
import { RELEASE_COMMANDS } from "./releases.ts";

const runPiped = withPipes(RELEASE_COMMANDS);

const asked: Asked[] = [];
const page = (...items: readonly unknown[]): object => ({ items, nextCursor: null });
const REVISION = {
  ...{ id: "rev_1", sourceDigest: `src_${"0".repeat(64)}`, artefactKey: "art_1" },
  ...{ handlerKind: "event", runtimeBuild: "node-26", config: {}, createdAt: AT },
};
const versionOf = (version: number): object => ({
  ...{ app: "shop", function: "buy", version, urls: [], description: `the ${version}.` },
  ...{ revision: REVISION, publishedBy: "key_1", createdAt: AT },
});
const aliasOf = (name: string, target: AliasTarget): object => ({
  ...{ app: "shop", function: "buy", name, urls: [], target, change: 4, etag: '"4"' },
  ...{ createdAt: AT, updatedAt: AT },
});
const LIVE: AliasTarget = {
  ...{ version: 2, shares: [{ version: 3, perMille: 15 }] },
  rules: [{ part: { from: "path" }, is: { prefix: "/new" }, version: 3 }],
  stickyBy: { from: "cookie", name: "id" },
};
const PLAIN: AliasTarget = { version: 1, shares: [], rules: [] };
const LOUD: AliasTarget = { ...LIVE, provisionedInstances: 2, env: { LEVEL: "debug", A: "" } };
const led = (number: number, target: AliasTarget, more: object): object => ({
  ...{ number, target, reason: "", restores: null, changedBy: "key_1", at: AT },
  ...more,
});

let platform: FakePlatform;
let behind: readonly string[] = [];
before(async () => {
  const noted =
    (answer: (call: Asked) => unknown) =>
    (call: Asked): unknown => {
      asked.push(call);
      return answer(call);
    };
  platform = await startFakePlatform({
    publishVersion: noted(({ body }) => ({
      ...{ ...versionOf(3), isNew: asked.length % 2 === 1, behind },
      alias: (body as { alias?: string }).alias ?? null,
    })),
    publishApp: noted(({ body }) => ({
      app: "shop",
      alias: (body as { alias?: string }).alias ?? null,
      functions: [
        { function: "buy", version: 3, isNew: true },
        { function: "list", version: 1, isNew: false },
      ],
      behind,
    })),
    listVersions: () => page(versionOf(3), versionOf(2), versionOf(1)),
    deleteVersion: noted(() => undefined),
    pruneVersions: noted(({ body }) => ({
      ...{ app: "shop", function: "buy", removed: [2, 1], inUse: [], behind },
      dryRun: (body as { dryRun: boolean }).dryRun,
    })),
    listAliases: () => page(aliasOf("live", LIVE), aliasOf("old", PLAIN)),
    putAlias: noted(({ params, body }) => ({
      ...aliasOf(params["alias"] ?? "", (body as { target: AliasTarget }).target),
      behind,
    })),
    getAlias: ({ params }) => {
      if (params["alias"] === "loud") return aliasOf("loud", LOUD);
      throw refusal("NOT_FOUND", "ALIAS_NOT_FOUND");
    },
    deleteAlias: noted(() => undefined),
    listAliasHistory: () =>
      page(led(4, LIVE, { reason: "orders fail", restores: 2 }), led(3, PLAIN, {})),
    rollbackAlias: noted(({ params }) => ({ ...aliasOf(params["alias"] ?? "", PLAIN), behind })),
    rollbackApp: noted(() => ({
      app: "shop",
      alias: "live",
      functions: [{ function: "buy", target: PLAIN, change: 5 }],
      behind,
    })),
  });
});
after(() => platform[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<RunResult> =>
  runPiped(args, { url: platform.url });

async function shown(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...args);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function jsonOf(...args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await shown(...args, "--json")) as Record<string, unknown>;
}

test("a function is published with the alias that is to lead to it, by one request", async () => {
  assert.equal(await shown("publish", "shop/buy"), "Published shop/buy:3.\n");
  assert.equal(await shown("publish", "shop/buy"), "It is shop/buy:3 already.\n");
  const more = ["--description", "cheaper", "--alias", "live", "--reason", "spring"];
  const tag = ["--if-match", '"7"'];
  assert.match(
    await shown("publish", "shop/buy", ...more, ...tag),
    /^Published .*\n.*:live leads to it/,
  );
  const told = asked.splice(0).map(({ params, body }) => ({ ...params, ...(body as object) }));
  const path = { app: "shop", fn: "buy" };
  assert.deepEqual(told.slice(2), [
    { ...path, description: "cheaper", alias: "live", reason: "spring" },
  ]);
  const json = await jsonOf("publish", "shop/buy");
  assert.deepEqual([json["version"], json["isNew"], json["alias"]], [3, true, null]);
  asked.splice(0);
});

test("an app is published by one request, and says what is new", async () => {
  const text = await shown("publish", "shop", "--alias", "live");
  assert.match(text, /buy +3 +new\nlist +1 +as before\n/);
  assert.deepEqual(asked.splice(0).at(-1)?.body, { description: "", reason: "", alias: "live" });
  assert.equal((await jsonOf("publish", "shop"))["alias"], null);
  const tagged = await run("publish", "shop", "--if-match", '"7"');
  assert.deepEqual([tagged.exitCode, asked.length], [2, 1]);
  assert.match(tagged.stderr, /name a function: APP\/FN/);
  asked.splice(0);
});

test("versions are listed with the aliases that lead to them", async () => {
  const text = await shown("versions", "shop/buy");
  assert.match(text, /\n +3 +live +.*the 3\.\n +2 +live +.*\n +1 +old +/);
  const { items } = await jsonOf("versions", "shop/buy");
  assert.equal((items as object[]).length, 3);
});

test("aliases and their history are shown in a line each", async () => {
  const text = await shown("aliases", "shop/buy");
  assert.match(text, /live +2, 1\.5 % to 3, 1 rule, sticky by cookie:id +4 /);
  const history = await shown("aliases", "history", "shop/buy:live");
  assert.match(history, /\n +4 +2, .*key_1 +back to change 2: orders fail\n +3 +1 +/);
});

test("an alias is set as the flags say, rules and shares in their order", async () => {
  const flags = [
    ...["--share", "3=10", "--share", "4=0.5%", "--sticky-by", "header:x-user"],
    ...["--rule", "header:x-ring=inner -> 3", "--rule", "path ^= /beta/->4"],
    ...["--rule", "query:level in -1..20.5 -> 3", "--rule", "cookie:id 5% -> 4"],
    ...["--rule", "query:next=a -> b% -> 3", "--rule", "path ~= ^/v2/(a|b)=->c$ -> 4"],
  ];
  const said = await shown("aliases", "set", "shop/buy:live", "2", ...flags);
  assert.match(said, /shop\/buy:live leads to 2, 10 % to 3, 0\.5 % to 4, 6 rules, .*change 4/);
  const [call] = asked.splice(0);
  assert.deepEqual(call?.body, {
    reason: "",
    target: {
      version: 2,
      shares: [
        { version: 3, perMille: 100 },
        { version: 4, perMille: 5 },
      ],
      rules: [
        { part: { from: "header", name: "x-ring" }, is: { exact: "inner" }, version: 3 },
        { part: { from: "path" }, is: { prefix: "/beta/" }, version: 4 },
        { part: { from: "query", name: "level" }, is: { from: -1, to: 20.5 }, version: 3 },
        { part: { from: "cookie", name: "id" }, is: { percent: 5 }, version: 4 },
        { part: { from: "query", name: "next" }, is: { exact: "a -> b%" }, version: 3 },
        { part: { from: "path" }, is: { pattern: "^/v2/(a|b)=->c$" }, version: 4 },
      ],
      stickyBy: { from: "header", name: "x-user" },
    },
  });
});

test("an alias is shown whole, and of its variables the names", async () => {
  const text = await shown("aliases", "show", "shop/buy:loud");
  assert.match(text, /Rules +path\^=\/new -> 3\n/);
  assert.match(text, /Kept ready +2 instances\n.*Env +LEVEL, A \(values with --json\)/s);
  assert.doesNotMatch(text, /debug/);
  const { target } = await jsonOf("aliases", "show", "shop/buy:loud");
  assert.deepEqual(target, LOUD);
});

test("what follows an alias stays unless it is given anew, and is not taken from a later state", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-alias-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "loud.env");
  writeFileSync(file, "# For callers behind loud.\nLEVEL=warn\nexport GREETING='good day'\n");
  const both = ["--env-file", file, "--env", "LEVEL=a=b", "--env", "EMPTY="];
  const warn = { LEVEL: "a=b", GREETING: "good day", EMPTY: "" };
  const { env } = LOUD;
  for (const [alias, flags, following, ifMatch] of [
    ["loud", [], { provisionedInstances: 2, env }, '"4"'],
    ["loud", both, { provisionedInstances: 2, env: warn }, '"4"'],
    ["loud", [...both, "--provisioned", "0"], { env: warn }, undefined],
    ["loud", ["--no-env"], { provisionedInstances: 2 }, '"4"'],
    ["loud", ["--no-env", "--provisioned", "0"], {}, undefined],
    ["loud", ["--if-match", '"3"'], { provisionedInstances: 2, env }, '"3"'],
    ["fresh", ["--env", "A=1", "--provisioned", "3"], { provisionedInstances: 3, env: { A: "1" } }],
    ["fresh", [], {}],
  ] as const) {
    await shown("aliases", "set", `shop/buy:${alias}`, "5", ...flags);
    const [call] = asked.splice(0);
    const target = { version: 5, shares: [], rules: [], ...following };
    assert.deepEqual([call?.body, call?.ifMatch], [{ reason: "", target }, ifMatch], `${flags}`);
  }
  assert.match(
    await shown("aliases", "set", "shop/buy:loud", "5"),
    /leads to 5, 2 kept ready, 2 variables/,
  );
  asked.splice(0);
  for (const [why, ...flags] of [
    [/as in LOG_LEVEL=warn/, "--env", "LEVEL"],
    [/neither/, "--no-env", "--env", "A=1"],
    [/ENOENT/, "--env-file", `${file}.none`],
  ] as const) {
    const { exitCode, stderr } = await run("aliases", "set", "shop/buy:loud", "5", ...flags);
    assert.notEqual(exitCode, 0);
    assert.match(stderr, why);
  }
  assert.deepEqual(asked, []);
});

test("what is no target is refused before anything is asked, and says what is one", async () => {
  for (const [why, ...args] of [
    [/Versions are numbers/, "shop/buy:live", "newest"],
    [/shop\/buy:live/, "shop/buy", "3"],
    [/one decimal/, "shop/buy:live", "3", "--share", "4=0.55"],
    [/one decimal/, "shop/buy:live", "3", "--share", "4=101"],
    [/a part is/, "shop/buy:live", "3", "--rule", "body=x -> 3"],
    [/like/, "shop/buy:live", "3", "--rule", "header:x=inner"],
    [/like/, "shop/buy:live", "3", "--rule", "path~= -> 3"],
    [/like/, "shop/buy:live", "3", "--rule", "header:x 120% -> 3"],
    [/like/, "shop/buy:live", "3", "--rule", "header:x in 3..1 -> 3"],
    [/a part is/, "shop/buy:live", "3", "--sticky-by", "user"],
  ] as const) {
    const { exitCode, stderr } = await run("aliases", "set", ...args);
    assert.equal(exitCode, 2, args.join(" "));
    assert.match(stderr, why);
  }
  assert.deepEqual(asked, []);
});

test("a rollback names a change of a function, or undoes the last one of an app", async () => {
  assert.match(await shown("rollback", "shop/buy:live"), /leads to 1 \(change 4\)/);
  await shown("rollback", "shop/buy:live", "--to", "3", "--reason", "slow");
  assert.match(await shown("rollback", "shop:live"), /buy +1\n/);
  assert.deepEqual(
    asked.splice(0).map(({ body }) => body),
    [{ reason: "" }, { reason: "slow", to: 3 }, { reason: "" }],
  );
  for (const args of [["shop:live", "--to", "3"], ["shop"], ["shop/buy"]]) {
    assert.equal((await run("rollback", ...args)).exitCode, 2);
  }
  assert.deepEqual(asked, []);
});

test("what is removed is asked about", async () => {
  assert.match((await run("versions", "rm", "shop/buy:3")).stderr, /--yes/);
  assert.match((await run("aliases", "rm", "shop/buy:old")).stderr, /--yes/);
  assert.deepEqual(asked, []);
  assert.equal(await shown("versions", "rm", "shop/buy:3", "--yes"), "✓ Removed shop/buy:3.\n");
  assert.deepEqual(await jsonOf("aliases", "rm", "shop/buy:old", "--yes"), {
    removed: "shop/buy:old",
  });
  assert.deepEqual(
    asked.splice(0).map(({ params }) => params["version"] ?? params["alias"]),
    ["3", "old"],
  );
});

test("who has not confirmed a change is named, and nobody is when all have", async () => {
  const changes = [
    ["publish", "shop"],
    ["publish", "shop/buy"],
    ["aliases", "set", "shop/buy:live", "2"],
    ["rollback", "shop/buy:live"],
    ["rollback", "shop:live"],
  ] as const;
  behind = ["gw_1", "agent_2"];
  for (const args of changes) {
    assert.match((await run(...args)).stderr, /Not yet confirmed by gw_1, agent_2,/);
  }
  assert.deepEqual((await jsonOf("aliases", "set", "shop/buy:live", "2"))["behind"], behind);
  behind = [];
  for (const args of changes) assert.doesNotMatch((await run(...args)).stderr, /confirmed/);
  asked.splice(0);
});

test("old versions are pruned when that is confirmed, and shown before", async () => {
  const prune = ["versions", "prune", "shop/buy", "--keep", "2"] as const;
  assert.equal(await shown(...prune, "--dry-run"), "Would remove 2 versions (2, 1) of shop/buy.\n");
  assert.equal(await shown(...prune, "--yes"), "✓ Removed 2 versions (2, 1) of shop/buy.\n");
  const told = asked.splice(0).map(({ body }) => body);
  assert.deepEqual(told, [
    { keep: 2, dryRun: true },
    { keep: 2, dryRun: false },
  ]);
  for (const args of [
    prune,
    ["versions", "prune", "shop/buy", "--yes"],
    [...prune, "--keep", "0"],
  ]) {
    assert.notEqual((await run(...args)).exitCode, 0);
  }
  assert.deepEqual(asked, []);
});

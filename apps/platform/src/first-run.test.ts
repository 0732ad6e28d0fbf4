import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OPERATIONS } from "@skerry/api-schema";
import { createLog } from "@skerry/base";
import { platformConfig } from "@skerry/contracts/schemas";
import { freePort } from "@skerry/testkit";
import { EXAMPLE } from "./example.ts";
import { banner, openExample } from "./first-run.ts";
import { defaultHome, layoutOf } from "./layout.ts";
import { OWN_CALLS } from "./own-api.ts";

const CURL = /curl 'http[^']+\/-\/examples\/hello\/\?name=you'/;
const config = platformConfig.parse({ home: "/tmp/skerry-nowhere" });
const layout = layoutOf(config.home);

function bannerOf(
  hasExample: boolean,
  { home = config.home, apiPort = 4481, gatewayPort = 4480, raise = "" } = {},
): string {
  const facts = { sandbox: "walls", raise };
  return banner({
    ...{ config, layout: layoutOf(home), facts, hasExample, signIn: "http://once" },
    ...{ apiPort, gatewayPort, readyMs: 1_234 },
  });
}

test("the banner names a call of the example only when the example answers", () => {
  assert.match(bannerOf(true), CURL);
  assert.doesNotMatch(bannerOf(false), CURL);
  assert.match(bannerOf(false), /npx skerry deploy DIR/);
});

test("the banner names the sandbox in force, and what would raise it where something would", () => {
  const raise = "hard limits: run it as root\nwalls: apt-get install bubblewrap";
  const below =
    /^ {2}Sandbox {3}walls\n {12}for hard limits: run it as root\n {12}for walls: apt-get .*$/m;
  assert.match(bannerOf(true, { raise }), below);
  assert.doesNotMatch(bannerOf(true), /^ +for /m);
});

test("commands in the banner name what the command line does not find by itself", () => {
  const commandsOf = (...args: Parameters<typeof bannerOf>): readonly string[] =>
    [...bannerOf(...args).matchAll(/(?:`| {2})((?:SKERRY_.*)?npx skerry [^`\n]+)/g)].map(
      ([, command]) => command ?? "",
    );
  const usual = { home: defaultHome(), apiPort: 4400 };
  assert.deepEqual(commandsOf(false, usual), ["npx skerry console", "npx skerry deploy DIR"]);
  const [console = ""] = commandsOf(true, { home: "/tmp/it's mine", gatewayPort: 5 });
  assert.equal(
    console,
    "SKERRY_HOME='/tmp/it'\\''s mine' SKERRY_API=http://127.0.0.1:4481 " +
      "SKERRY_GATEWAY=http://127.0.0.1:5 npx skerry console",
  );
});

test("the example is what its skerry.yaml says, so that deploying its folder again changes nothing", () => {
  const file = new URL(`${EXAMPLE.folder.href}/skerry.yaml`);
  const { app, fn } = EXAMPLE.params;
  const said = `app: ${app}\nfunctions:\n  ${fn}:\n    auth: ${EXAMPLE.config.auth}\n`;
  assert.equal(readFileSync(file, "utf8"), said);
});

test("an example that could not be deployed is told and is not there", async () => {
  const told: string[] = [];
  const log = createLog((level, message) => void told.push(`${level}: ${message}`));
  const port = await freePort();
  const there = await openExample({ config, layout, log, apiPort: port, gatewayPort: port });
  assert.equal(there, false);
  assert.deepEqual(told, ["error: the example was not deployed"]);
});

test("what a start asks of the API is what the table of operations has", () => {
  const { listApps, getFunction, createSignInLink } = OPERATIONS;
  const { app, fn } = EXAMPLE.params;
  const example = getFunction.path.replace("{app}", app).replace("{fn}", fn);
  const asked = Object.values(OWN_CALLS).map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(asked, [
    `${listApps.method} ${listApps.path}?limit=1`,
    `${getFunction.method} ${example}`,
    `${createSignInLink.method} ${createSignInLink.path}`,
  ]);
});

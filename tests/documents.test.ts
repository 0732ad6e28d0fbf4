/** Every example of the documents runs as it is printed, each in an empty folder. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startPlatform, type Platform } from "@skerry/testkit";
import { fencesOf, paste } from "./documents.ts";

const TIMEOUT = { timeout: 600_000 };
/** All examples together, on a machine that does other things. */
const ALL_TIMEOUT = { timeout: 1_800_000 };

/** What the examples of each document print, in order. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  "actions.md": [
    /daily-reset[^]*"ada gets 50 coins"[^]*arena\/operator-grant:manual[^]*^200 .*ada scored 7.*report-score:game[^]*^401 .*GATEWAY_TICKET_INVALID[^]*login-reward:event [-0-9a-f]{36}: ada gets[^]*arena\/daily-reset:timer/m,
  ],
  "api.md": [
    /"reason":"[A-Z_]+"[^]*401\n[^]*"reason":"[A-Z_]+"[^]*404\n/,
    /"items":\[\{"id":"key_/,
    / 201 [^]*replayed: true[^]*"reason":"[A-Z_]+"/i,
    /304\n412\n204\n/,
  ],
  "bus.md": [
    /order\.placed: 9900[^]*deployed\.v1: check[^]*does not match[^]*Paused large[^]*large +busdocs\/check[^]*paused +1 +0[^]*^2$/m,
  ],
  "builds.md": [/parts bundling\n.*parts loading it once/, /"?Hello, Ada!"?/],
  "cli.md": [/"items": ?\[\]/, /Hello, Ada!"?\nexit code \d+\n/],
  "config.md": [/Good morning[^]*256[^]*timeOutMs[^]*timeoutMs/],
  "functions.md": [/Hello, Ada!/, /POST \/invoke/, /heard: Is anybody here\?/, /^1$/m],
  "insight.md": [
    /REPORT [^]*OUTCOME[^]*insight\/greeter +2 [^]*createDeployment[^]*outcome="ok"\} 2\n/,
  ],
  "gateway-apis.md": [
    /\+ api web +create[^]*web test +http[^]*\/courses\/art, plain\n[^]*as publication 1\.\n\/courses\/art, spring\n[^]*~ api web +change routes[^]*release → draft\n- \* \/old\/[^]*as publication 2\.\n\/courses\/art, summer\n[^]*what publication 1 had, as publication 3[^]*back to 1 [^]*too warm[^]*the first one/,
  ],
  "invocations.md": [
    /"shipped": 7[^]*Cancelled [^]*exit code 15\n[^]* failed [^]* 2 +later\/bill [^]*Run later[^]*Would accept 1 [^]*billed[^]*this folder would do otherwise/,
    /"id":"([-0-9a-f]+)","state":"waiting"[^]*"id":"\1","(?:state":"\w+","repeated":true|repeated":true)/,
    /([-0-9a-f]{36})\n[-0-9a-f]{36}\n[-0-9a-f]{36}\n[^]*"items":\[\{"id":"\1","repeated":true\}[^]*"refused":0/,
    /"payment": 1\n[^]*"payment": 1\n[^]*exit code 2\n[^]*"payment": 2\n[^]*idempotent-replayed: true[^]* call\n/,
    /"done": 20[^]*Progress[^]*of 1000000\) reading[^]*Cancelled [^]*\{"done":\d+\}/,
    /shipping\/thank [^]*delivered[^]*shipping\/refund [^]*delivered[^]*succeeded[^]*succeeded[^]*"label":"L-7"/,
    /Paused rdr_[^]*paused[^]*Cancelled rdr_[^]*Accepted [23] invocations anew[^]* done [^]* cancelled /,
  ],
  "limits.md": [/200 200 429/, /concurrency +200/, /COST USD|Nothing was used/],
  "network.md": [/"cents": ?700/],
  "runtimes.md": [/from Node, Ada![^]*from Python, Ada![^]*from PHP, Ada!/],
  "timers.md": [
    /greet told me hello[^]*Paused greet[^]*-01-01T07:00:00\.000Z[^]*"invocationId"[^]*paused/,
  ],
  "topics.md": [
    /hotel-9 costs 50[^]*hotel-8 2 attempts[^]*hotel-8 3 attempts[^]*Forgot 1[^]*store +prices +store +on +0 +- +0 +2 +0[^]*^3$[^]*prices +4 +3 /m,
    /^0:0$[^]*^3$/m,
  ],
  "releases.md": [
    /release +100 % +done[^]*Says version 1[^]*planned[^]*web\/release +to come: publication 2 of draft, before: 1; routes \+1 -0 ~0[^]*Approved rel_[^]*Aborted rel_[^]*aborted[^]*Says version 1[^]*exit code \d+[^]*release +100 % +done[^]*Says version 2\.\nSays version 2[^]* done\n[^]* aborted\n[^]* done\n/,
  ],
  "versions.md": [
    /costs 5, says version 1[^]*costs 3, says version 2[^]*costs 3, says version 2[^]*back to change 1: it costs too much[^]*it sells[^]*Removed delivery\/buy:2/,
  ],
  "secrets.md": [/"passwordChars": 28[^]*"tea": 300[^]*"tea": 250[^]*is in use/],
};

/** Those whose examples say that they run in a checkout. */
const FROM_CHECKOUT: ReadonlySet<string> = new Set(["actions.md"]);
const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("documents", ALL_TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  for (const [name, prints] of Object.entries(DOCUMENTS)) {
    const text = readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8");
    const examples = fencesOf(text, "sh example");
    it(`${name} has as many examples as are known here`, () => {
      assert.equal(examples.length, prints.length);
    });
    for (const [at, example] of examples.entries()) {
      it(`example ${at + 1} of ${name} runs as it is printed`, TIMEOUT, async () => {
        const where = FROM_CHECKOUT.has(name) ? { cwd: ROOT } : {};
        const printed = await paste(example, { env: platform.cliEnvironment, ...where });
        assert.match(printed, prints[at] ?? /$^/);
      });
    }
  }
});

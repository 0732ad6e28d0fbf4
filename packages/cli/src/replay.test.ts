/** Replays as a process: what is asked, what differs, and what is left behind. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { DeploymentRequest } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import {
  ACCEPTED_DETAILS,
  type Answers,
  deploymentOf,
  functionNamed,
  momentsOf,
  refusal,
  startFakePlatform,
} from "@skerry/testkit/clients";
import { runCli } from "../test/run-cli.ts";
import { runOnTerminal } from "../test/terminal.ts";

const RECORDED = { price: 9, items: [{ id: 1 }, { id: 2 }] };
const REPLAYED = { price: 10, items: [{ id: 1 }], currency: "EUR" };

/** An invocation that took a quarter of a second, and one that took half a second more. */
function answers(replayed: object): Answers {
  const result = { status: 200, bytes: 9, type: "application/json", cut: false };
  const done = { ...ACCEPTED_DETAILS, state: "succeeded", error: null, result };
  const [first] = ACCEPTED_DETAILS.history;
  const slow = [{ ...first, endedAt: "2026-01-01T00:00:00.750Z" }];
  return {
    getAcceptedInvocation: ({ params: { request } }) =>
      request === "request-9" ? { ...done, id: request } : { ...done, id: request, history: slow },
    getAcceptedPayload: () => Buffer.from('{"order":7}'),
    getAcceptedResult: ({ params: { request } }) =>
      Buffer.from(JSON.stringify(request === "request-9" ? RECORDED : replayed)),
    followInvocation: ({ params }) => momentsOf(params["request"]),
    replayInvocation: () => ({ id: "replayed-1", repeated: false }),
  };
}

test("a replay tells where the answer and the time differ, and exits with 1 then", async () => {
  await using platform = await startFakePlatform(answers(REPLAYED));
  const asked = ["invocations", "replay", "request-9", "--to", "$LATEST"];
  const { stdout, exitCode } = await runCli(asked, platform);
  assert.equal(exitCode, 1);
  for (const line of ["- price: 9", "+ price: 10", '- items[1]: {"id":2}', '+ currency: "EUR"'])
    assert.ok(stdout.includes(`${line}\n`), `${line} in ${stdout}`);
  assert.match(stdout, /Not the same, 500 ms slower\.\n$/);
  const told = await runCli([...asked, "--json"], platform);
  const compared = JSON.parse(told.stdout) as {
    readonly same: boolean;
    readonly longerMs: number;
    readonly answer: { readonly differences: readonly { readonly path: string }[] };
  };
  assert.deepEqual([compared.same, compared.longerMs], [false, 500]);
  const paths = compared.answer.differences.map(({ path }) => path);
  assert.deepEqual(paths, ["price", "items[1]", "currency"]);
});

test("a replay that answers the same exits with 0, and what names no version is refused", async () => {
  await using platform = await startFakePlatform(answers(RECORDED));
  const same = await runCli(["invocations", "replay", "request-9"], platform);
  assert.equal(same.exitCode, 0, same.stdout);
  const other = await runCli(["invocations", "replay", "request-9", "--to", "0"], platform);
  assert.match(other.stderr, /the number of a version/);
});

test("a replay of a folder deploys it as an app of its own, and removes that whatever comes of it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-replay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.mjs"), "export const handler = () => 1;\n");
  const manifest = `app: shop\nfunctions:\n  cart:\n    dir: .\n    async: { attempts: 5, onFailure: { function: shop/told } }\n`;
  writeFileSync(join(folder, "skerry.yaml"), manifest);
  const deployed: DeploymentRequest["functions"][number][] = [];
  const apps = new Set<string | undefined>();
  const events: unknown[] = [];
  let isBroken = false;
  await using platform = await startFakePlatform({
    ...answers(REPLAYED),
    planDeployment: ({ params, body }) => ({
      ...{ app: params["app"], layersMissing: [] },
      functions: (body as DeploymentRequest).functions.map(({ name }) => ({
        ...{ name, change: "create", changes: [], needsUpload: false },
      })),
    }),
    createDeployment: ({ params, body }) => {
      apps.add(params["app"]);
      deployed.push(...(body as DeploymentRequest).functions);
      return deploymentOf("succeeded");
    },
    getFunction: ({ params }) => functionNamed(params["fn"] ?? "", params["app"]),
    acceptInvocation: ({ params, body }) => {
      apps.add(params["app"]);
      if (isBroken) throw refusal("NOT_FOUND", "FUNCTION_NOT_FOUND");
      events.push((body as { event: unknown }).event);
      return { id: "local-1", repeated: false };
    },
    deleteApp: ({ params }) => void apps.delete(params["app"]),
  });
  const asked = ["invocations", "replay", "request-9", "--local", folder];
  const { stdout, stderr, exitCode } = await runCli(asked, platform);
  assert.equal(exitCode, 1, stderr);
  assert.match(stdout, /\+ price: 10\n/);
  assert.deepEqual(events, [{ order: 7 }]);
  const [fn] = deployed;
  assert.equal(fn?.name, "cart");
  const { attempts, onFailure } = fn?.config.async ?? {};
  assert.deepEqual([attempts, onFailure], [1, undefined]);
  assert.equal(apps.size, 0, "the app is removed");
  isBroken = true;
  assert.notEqual((await runCli(asked, platform)).exitCode, 0);
  assert.equal(apps.size, 0, "also when it could not run");
});

test("an event that its handler got as bytes is replayed as bytes in a folder, and no other", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-replay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.mjs"), "export const handler = (event) => event.toString();\n");
  const typesSent = async (type: string): Promise<readonly unknown[]> => {
    const accepted: unknown[] = [];
    await using platform = await startFakePlatform({
      ...answers(RECORDED),
      getAcceptedInvocation: ({ params }) => ({
        ...{ ...ACCEPTED_DETAILS, id: params["request"], payload: { bytes: 11, type } },
      }),
      planDeployment: ({ params, body }) => ({
        ...{ app: params["app"], layersMissing: [] },
        functions: (body as DeploymentRequest).functions.map(({ name }) => ({
          ...{ name, change: "create", changes: [], needsUpload: false },
        })),
      }),
      createDeployment: () => deploymentOf("succeeded"),
      getFunction: ({ params }) => functionNamed(params["fn"] ?? "", params["app"]),
      acceptInvocation: ({ body }) => {
        const { event, contentType } = body as Record<string, unknown>;
        accepted.push([event, contentType]);
        return { id: "local-1", repeated: false };
      },
      deleteApp: () => undefined,
    });
    await runCli(["invocations", "replay", "request-9", "--local", folder], platform);
    return accepted;
  };
  const event = { order: 7 };
  assert.deepEqual(await typesSent(BYTES_EVENT_TYPE), [[event, BYTES_EVENT_TYPE]]);
  for (const type of ["application/json", "application/cloudevents+json"])
    assert.deepEqual(await typesSent(type), [[event, undefined]], type);
});

test("of a call with a key a folder is told no more than its body, and that is said", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-replay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.mjs"), "export const handler = () => 1;\n");
  const notes = async (changes: object): Promise<string> => {
    const details = { ...ACCEPTED_DETAILS, id: "request-9", ...changes };
    await using platform = await startFakePlatform({
      ...answers(RECORDED),
      getAcceptedInvocation: () => details,
      planDeployment: ({ params }) => ({
        ...{ app: params["app"], layersMissing: [], functions: [] },
      }),
      createDeployment: () => {
        throw refusal("NOT_FOUND", "APP_NOT_FOUND");
      },
      deleteApp: () => undefined,
    });
    const asked = ["invocations", "replay", "request-9", "--local", folder];
    return (await runCli(asked, platform)).stderr;
  };
  const keyed = await notes({ source: "call", idempotencyKey: "order-7" });
  assert.match(keyed, /its body is replayed as an event, without method, path and headers/);
  assert.match(keyed, /idempotency key order-7 is not sent along: the folder's code runs/);
  assert.doesNotMatch(
    await notes({ source: "url", idempotencyKey: null }),
    /key|headers/,
    "the control",
  );
});

test("the body of an HTTP request that is no event is replayed in no folder, and that is said", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-replay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.mjs"), "export const handler = () => 1;\n");
  await using platform = await startFakePlatform({
    ...answers(RECORDED),
    getAcceptedPayload: () => Buffer.from("order=7"),
  });
  const asked = ["invocations", "replay", "request-9", "--local", folder];
  const { stderr, exitCode } = await runCli(asked, platform);
  assert.match(stderr, /a body that is no JSON/);
  assert.doesNotMatch(stderr, /SyntaxError/);
  assert.notEqual(exitCode, 0);
});

test("an answer that is compared with the recorded one cannot steer the terminal", async () => {
  const result = { status: 200, bytes: 9, type: "application/json", cut: false };
  await using platform = await startFakePlatform({
    replayInvocation: () => ({ id: "replayed-1", repeated: false }),
    getAcceptedInvocation: ({ params }) => ({
      ...{ ...ACCEPTED_DETAILS, id: params["request"], state: "succeeded", error: null, result },
    }),
    followInvocation: ({ params }) => momentsOf(params["request"]),
    getAcceptedResult: () => Buffer.from('"\u009b1mred"'),
  });
  const { url } = platform;
  const { stdout } = await runOnTerminal(["invocations", "replay", "request-9"], { url });
  assert.match(stdout, /Replayed.*"\\x9b1mred"/);
  assert.doesNotMatch(stdout, /\u009b/);
});

test("who waits at a terminal sees how far it is", async () => {
  await using platform = await startFakePlatform({
    ...answers(RECORDED),
    replayInvocation: () => ({ id: "request-9", repeated: false }),
  });
  const args = ["invocations", "replay", "request-9"];
  const { stderr } = await runOnTerminal(args, { url: platform.url });
  assert.match(stripVTControlCharacters(stderr), /running █+░+ +50 % \\x1bread/);
});

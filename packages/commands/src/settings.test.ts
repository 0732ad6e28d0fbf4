import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type Asked,
  AT,
  type FakePlatform,
  startFakePlatform,
  withPipes,
  type RunResult,
} from "@skerry/testkit/clients";
import { CONFIG_COMMANDS } from "./configs.ts";
import { SECRET_COMMANDS } from "./secrets.ts";

const runPiped = withPipes([...SECRET_COMMANDS, ...CONFIG_COMMANDS]);

const CANARY = "canary-4711";
const TIMES = { createdAt: AT, updatedAt: AT };

const asked: Asked[] = [];
const secretOf = (app: string | null) => (call: Asked) => {
  asked.push(call);
  return { id: "sec_1", name: call.params["secret"], app, version: 3, ...TIMES, etag: '"3"' };
};
const configOf = (call: Asked): object => {
  asked.push(call);
  const { app, config: name } = call.params;
  return { id: "cfg_1", name, app, version: 2, bytes: 7, ...TIMES, etag: '"2"' };
};
const page = (...items: readonly unknown[]): object => ({ items, nextCursor: null });

let platform: FakePlatform;
let folder: string;
let rotationIsComplete = true;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "skerry-settings-"));
  const none = { params: { secret: "token" } } as never;
  platform = await startFakePlatform({
    listSecrets: () => page(secretOf(null)(none)),
    listAppSecrets: ({ params }) => page(secretOf(params["app"] ?? "")(none)),
    putSecret: secretOf(null),
    putAppSecret: (call) => secretOf(call.params["app"] ?? "")(call),
    deleteSecret: (call) => void asked.push(call),
    deleteAppSecret: (call) => void asked.push(call),
    rotateSecretsKey: () => ({ keyId: "mk_1", rewrapped: 4, complete: rotationIsComplete }),
    listConfigs: () => page(configOf({ params: { app: "shop", config: "one.json" } } as never)),
    putConfig: configOf,
    getConfig: (call) =>
      call.params["config"] === "logo"
        ? { ...configOf(call), content: "AP8=", encoding: "base64" }
        : { ...configOf(call), content: '{"a":1}', encoding: "utf8" },
    deleteConfig: (call) => void asked.push(call),
  });
});
after(async () => {
  await platform[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], stdin: string | Uint8Array = ""): Promise<RunResult> =>
  runPiped(args, { url: platform.url, cwd: folder, stdin });

test("a secret's value comes from a file or the standard input, and is never printed", async () => {
  writeFileSync(join(folder, "value"), `${CANARY}\n`);
  const fromFile = ["secrets", "set", "token", "--app", "shop", "--from-file", "value"];
  const results = [
    await run(fromFile),
    await run([...fromFile, "--json"]),
    await run(["secrets", "set", "token", "--value-stdin"], `${CANARY}\n`),
  ];
  const bodies = asked.splice(0).map(({ body }) => body);
  assert.deepEqual(bodies, [{ value: `${CANARY}\n` }, { value: `${CANARY}\n` }, { value: CANARY }]);
  for (const { exitCode, stdout, stderr } of results) {
    assert.equal(exitCode, 0, stderr);
    assert.ok(!`${stdout}${stderr}`.includes(CANARY));
  }
  assert.match(results[0]?.stdout ?? "", /Set token of shop, version 3/);
  assert.match(results[2]?.stdout ?? "", /Set token of the account/);
});

test("a secret without one source for its value is refused before anything is asked", async () => {
  for (const more of [[], ["--from-file", "value", "--value-stdin"]]) {
    const { exitCode, stderr } = await run(["secrets", "set", "token", ...more]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /--from-file FILE, or --value-stdin/);
  }
  writeFileSync(join(folder, "binary"), Buffer.from([0xff, 0xfe]));
  const binary = await run(["secrets", "set", "token", "--from-file", "binary"]);
  assert.match(binary.stderr, /not UTF-8/);
  const piped = ["secrets", "set", "token", "--value-stdin"];
  assert.match((await run(piped, Buffer.from([0xff, 0xfe]))).stderr, /not UTF-8/);
  assert.match((await run(["secrets", "set", "token", "--from-file", "gone"])).stderr, /ENOENT/);
  assert.deepEqual(asked.splice(0), []);
});

test("secrets are listed, removed and their key rotated", async () => {
  const listed = await run(["secrets", "ls", "--app", "shop"]);
  assert.match(listed.stdout, /^SECRET +OF +VERSION +SET\ntoken +shop +3 /);
  const { items } = JSON.parse((await run(["secrets", "ls", "--json"])).stdout) as {
    items: { app: unknown }[];
  };
  assert.deepEqual(items[0]?.app, null);
  const removed = await run(["secrets", "rm", "token", "--app", "shop", "--yes"]);
  assert.match(removed.stdout, /Removed token of shop/);
  const rotated = await run(["secrets", "rotate-key"]);
  assert.match(rotated.stdout, /mk_1 is in use; wrapped anew: 4/);
  assert.doesNotMatch(rotated.stdout, /Former keys/);
  rotationIsComplete = false;
  assert.match((await run(["secrets", "rotate-key"])).stdout, /Former keys are kept for now/);
  asked.splice(0);
});

test("a config object goes up and comes down as the bytes that it is", async () => {
  writeFileSync(join(folder, "one.json"), '{"a":1}');
  const set = ["configs", "set", "one.json", "one.json", "--app", "shop"];
  assert.match((await run(set)).stdout, /Set one\.json, version 2, 7 B/);
  writeFileSync(join(folder, "logo"), Buffer.from([0, 255]));
  await run(["configs", "set", "logo", "logo", "--app", "shop", "--if-match", '"1"']);
  await run(["configs", "set", "logo", "-", "--app", "shop"], Buffer.from([0, 255]));
  assert.deepEqual(
    asked.splice(0).map(({ body }) => body),
    [
      { content: '{"a":1}', encoding: "utf8" },
      { content: "AP8=", encoding: "base64" },
      { content: "AP8=", encoding: "base64" },
    ],
  );
  const got = await run(["configs", "get", "one.json", "--app", "shop"]);
  assert.equal(got.stdout, '{"a":1}\n');
  const binary = await run(["configs", "get", "logo", "--app", "shop"]);
  assert.match(binary.stderr, /logo is not text/);
  await run(["configs", "get", "logo", "--app", "shop", "--out", "copy"]);
  assert.deepEqual([...readFileSync(join(folder, "copy"))], [0, 255]);
  const nowhere = await run(["configs", "get", "logo", "--app", "shop", "--out", "no/such/place"]);
  assert.equal(nowhere.exitCode, 2);
  assert.match(nowhere.stderr, /no\/such\/place cannot be written: ENOENT/);
  const listed = await run(["configs", "ls", "--app", "shop"]);
  assert.match(listed.stdout, /one\.json +2 +7 B/);
  assert.match((await run(["configs", "ls"])).stderr, /needs --app APP/);
  const removed = await run(["configs", "rm", "logo", "--app", "shop", "-y", "--json"]);
  assert.deepEqual(JSON.parse(removed.stdout), { removed: "logo", app: "shop" });
});

/**
 * Deploying as a process of its own: what is asked of the platform, in which order, and what is
 * told.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { exitCodeOf } from "@skerry/base";
import type { DeploymentPlan, DeploymentRequest, DeploymentResource } from "@skerry/api-schema";
import {
  type Answers,
  deploymentOf,
  type FakePlatform,
  functionNamed,
  refusal,
  startFakePlatform,
} from "@skerry/testkit/clients";
import { runCli, runProcess } from "../test/run-cli.ts";
import { runOnTerminal } from "../test/terminal.ts";

type Files = Readonly<Record<string, string>>;

function projectOf(t: TestContext, files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-project-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const CART: Files = { "cart/index.ts": "export const handler = () => 1;\n" };
const APP: Files = {
  "skerry.yaml":
    "app: shop\nfunctions:\n  cart:\n    dir: cart\n    memoryMb: 256\n  twin:\n    dir: cart\n  pay:\n    dir: pay\n",
  "cart/index.ts": "export const handler = () => 1;\n",
  "pay/index.mjs": "export const handler = () => 2;\n",
};

/** What a plan of an app asks. */
const PLANNING = [
  "planDeployment",
  "listTimers",
  "listTopicTriggers",
  "listRules",
  "listActions",
  "listGatewayApis",
];

/** A platform that keeps sources and says of each function whether it has its source already. */
class Deployments {
  readonly uploaded: string[] = [];
  readonly requests: {
    readonly app: string;
    readonly functions: DeploymentRequest["functions"];
  }[] = [];
  readonly deployed = new Map<string, string>();
  /** What `getDeployment` answers, one after the other. */
  readonly news: DeploymentResource[] = [];

  get answers(): Answers {
    const none = { items: [], nextCursor: null };
    return {
      listTimers: () => none,
      listTopicTriggers: () => none,
      listRules: () => none,
      listActions: () => none,
      listGatewayApis: () => none,
      planDeployment: ({ params, body }) =>
        this.#plan(params["app"] ?? "", body as DeploymentRequest),
      putPackage: ({ params, archive }) => {
        this.uploaded.push(params["digest"] ?? "");
        return { digest: params["digest"], bytes: archive.length, files: 1 };
      },
      createDeployment: ({ params, body }) => {
        const { functions } = body as DeploymentRequest;
        this.requests.push({ app: params["app"] ?? "", functions });
        for (const { name, sourceDigest } of functions) this.deployed.set(name, sourceDigest);
        return deploymentOf("building", { state: "building" });
      },
      getDeployment: () => this.news.shift() ?? deploymentOf("succeeded"),
      getFunction: ({ params }) => functionNamed(params["fn"] ?? "", params["app"]),
    };
  }

  #plan(app: string, { functions }: DeploymentRequest): DeploymentPlan {
    const layers = new Set(functions.flatMap(({ config }) => config.layers ?? []));
    return {
      app,
      layersMissing: [...layers].filter((digest) => !this.uploaded.includes(digest)),
      functions: functions.map(({ name, sourceDigest }) => {
        const before = this.deployed.get(name);
        const change =
          before === undefined ? "create" : before === sourceDigest ? "same" : "change";
        const changes = change === "change" ? ["code", "memoryMb"] : [];
        const needsUpload = !this.uploaded.includes(sourceDigest);
        return { name, change, changes, needsUpload };
      }),
    };
  }
}

async function deploying(t: TestContext): Promise<{
  readonly world: Deployments;
  readonly platform: FakePlatform;
  readonly url: string;
}> {
  const world = new Deployments();
  const platform = await startFakePlatform(world.answers);
  t.after(() => platform[Symbol.asyncDispose]());
  return { world, platform, url: platform.url };
}

test("a folder with an index file is one function of the app `default`, named after the folder", async (t) => {
  const { world, platform, url } = await deploying(t);
  const { exitCode, stdout, stderr } = await runProcess(
    ["deploy", join(projectOf(t, CART), "cart")],
    {
      url,
    },
  );
  assert.deepEqual([exitCode, stderr], [0, ""]);
  assert.match(stdout, /^default · 1 function\n {2}\+ cart {2}create\n✓ Deployed in /);
  assert.match(stdout, /cart +http:\/\/cart\.shop\.localhost:4480\/\n +http:\/\/127\.0\.0\.1:4480/);
  assert.deepEqual(
    world.requests.map(({ app, functions }) => [app, functions.map(({ name }) => name)]),
    [["default", ["cart"]]],
  );
  assert.deepEqual(platform.asked, [
    "planDeployment",
    "putPackage",
    "createDeployment",
    "getDeployment",
  ]);
});

test("a layer that functions share is uploaded once, and they name it in order", async (t) => {
  const { world, url } = await deploying(t);
  const folder = projectOf(t, {
    "skerry.yaml":
      "app: shop\nlayers: { fonts: ./fonts, tools: ./tools }\nfunctions:\n" +
      "  cart: { dir: cart, layers: [fonts, tools] }\n  pay: { dir: pay, layers: [fonts] }\n" +
      "  bare: { dir: pay }\n",
    "cart/index.ts": "export const handler = () => 1;\n",
    "pay/index.mjs": "export const handler = () => 2;\n",
    "fonts/a.ttf": "a",
    "tools/bin/t": "t",
  });
  const first = await runCli(["deploy", folder], { url });
  assert.equal(first.stderr, "");
  const [cart, pay, bare] = world.requests[0]?.functions ?? [];
  assert.equal(cart?.config.layers?.length, 2);
  assert.deepEqual(pay?.config.layers, cart?.config.layers?.slice(0, 1));
  assert.equal(bare?.config.layers, undefined);
  assert.equal(world.uploaded.length, 4);
  assert.equal(new Set(world.uploaded).size, 4);
  writeFileSync(join(folder, "pay/index.mjs"), "export const handler = () => 3;\n");
  await runCli(["deploy", folder], { url });
  assert.equal(world.uploaded.length, 5, "only the code that changed");
});

test("a layer that the manifest does not have is told before anything is asked", async (t) => {
  const { platform, url } = await deploying(t);
  const folder = projectOf(t, {
    "skerry.yaml": "app: shop\nfunctions: { cart: { layers: [fonts] } }\n",
    "index.mjs": "export const handler = () => 1;\n",
  });
  const { stderr } = await runCli(["deploy", folder], { url });
  assert.match(stderr, /PROJECT_LAYER_UNKNOWN/);
  assert.deepEqual(platform.asked, []);
});

test("--app and --name give other names", async (t) => {
  const { world, url } = await deploying(t);
  const folder = projectOf(t, CART);
  await runCli(["deploy", "cart", "--app", "shop", "--name", "basket"], { url, cwd: folder });
  const [request] = world.requests;
  assert.deepEqual([request?.app, request?.functions[0]?.name], ["shop", "basket"]);
});

test("skerry.yaml lists the functions with their configuration; one source is uploaded once", async (t) => {
  const { world, url } = await deploying(t);
  const { exitCode, stderr } = await runCli(["deploy", projectOf(t, APP)], { url });
  assert.deepEqual([exitCode, stderr], [0, ""]);
  const [request] = world.requests;
  const { functions = [] } = request ?? {};
  assert.deepEqual(
    functions.map(({ name, config }) => [name, config.memoryMb]),
    [
      ["cart", 256],
      ["twin", 128],
      ["pay", 128],
    ],
  );
  assert.equal(functions[0]?.sourceDigest, functions[1]?.sourceDigest);
  assert.equal(world.uploaded.length, 2);
});

test("the same code again uploads nothing, changes nothing and shows the URLs", async (t) => {
  const { platform, url } = await deploying(t);
  const folder = projectOf(t, APP);
  await runCli(["deploy", folder], { url });
  const before = platform.asked.length;
  const again = await runCli(["deploy", folder], { url });
  assert.equal(again.exitCode, 0);
  assert.match(
    again.stdout,
    /= cart {2}same\n {2}= twin {2}same\n {2}= pay {3}same\nNothing to change/,
  );
  assert.match(again.stdout, /pay +http:\/\/pay\.shop\.localhost/);
  const asked = new Set(platform.asked.slice(before));
  assert.deepEqual(asked, new Set([...PLANNING, "getFunction"]));
});

test("--plan shows what differs and asks for nothing else", async (t) => {
  const { world, platform, url } = await deploying(t);
  const folder = projectOf(t, APP);
  await runCli(["deploy", folder, "--name", "cart"], { url });
  writeFileSync(join(folder, "cart/index.ts"), "export const handler = () => 3;\n");
  const before = platform.asked.length;
  const { stdout, exitCode } = await runCli(["deploy", folder, "--plan"], { url });
  assert.equal(exitCode, 0);
  assert.match(
    stdout,
    /~ cart {2}change code, memoryMb\n {2}\+ twin {2}create\n {2}\+ pay {3}create\n$/,
  );
  assert.deepEqual(platform.asked.slice(before), PLANNING);
  assert.equal(world.requests.length, 1, "--name deployed one function only");
  assert.equal(world.requests[0]?.functions.length, 1);
});

test("--runtime-latest asks for the runtime builds of now, and nothing else does", async (t) => {
  const { world, url } = await deploying(t);
  const folder = projectOf(t, APP);
  await runCli(["deploy", folder], { url });
  writeFileSync(join(folder, "cart/index.ts"), "export const handler = () => 3;\n");
  await runCli(["deploy", folder, "--runtime-latest"], { url });
  const asked = world.requests.map(({ functions }) => functions.map((fn) => fn.runtimeLatest));
  assert.deepEqual(asked, [
    [undefined, undefined, undefined],
    [true, true, true],
  ]);
});

test("--json has one shape for a plan, an outcome and nothing to do", async (t) => {
  const { url } = await deploying(t);
  const folder = join(projectOf(t, CART), "cart");
  const outcomes: Record<string, unknown>[] = [];
  for (const args of [["--plan"], [], []]) {
    const { stdout, stderr } = await runCli(["deploy", folder, "--json", ...args], { url });
    assert.equal(stderr, "");
    outcomes.push(JSON.parse(stdout) as Record<string, unknown>);
  }
  assert.deepEqual(
    outcomes.map(({ state }) => state),
    ["planned", "succeeded", "unchanged"],
  );
  const shapes = outcomes.map(({ functions, ...rest }) => {
    const [first] = functions as object[];
    return [Object.keys(rest), Object.keys(first ?? {})];
  });
  assert.deepEqual(shapes[1], shapes[0]);
  assert.deepEqual(shapes[2], shapes[0]);
});

test("warnings of the build are shown, and a deployment that fails is told with its own error", async (t) => {
  const { world, url } = await deploying(t);
  const project = projectOf(t, CART);
  world.news.push(
    deploymentOf("building", { state: "built" }),
    deploymentOf("succeeded", { warnings: ["its initialisation\u001b[31m failed"] }),
  );
  const warned = await runCli(["deploy", join(project, "cart")], { url });
  assert.match(warned.stdout, /! cart: its initialisation\\x1b\[31m failed/);
  writeFileSync(join(project, "cart/index.ts"), "export const handler = ;\n");
  const error = {
    ...{ code: "FAILED_PRECONDITION", reason: "BUILD_FAILED", hint: "Correct it." },
    ...{ message: "index.ts:1:24: Unexpected ;", requestId: "request-7" },
  };
  world.news.push({ ...deploymentOf("failed", { state: "failed" }), error });
  const failed = await runCli(["deploy", join(project, "cart")], { url });
  assert.equal(failed.exitCode, exitCodeOf("FAILED_PRECONDITION"));
  assert.match(failed.stderr, /✗ index\.ts:1:24: Unexpected ;\n {2}Correct it\.\n.*request-7/);
  assert.doesNotMatch(failed.stdout, /Deployed/);
});

test("a platform that restarts while it builds is waited for", async (t) => {
  const world = new Deployments();
  let away = 6;
  const answers: Answers = {
    ...world.answers,
    getDeployment: () => {
      away -= 1;
      if (away >= 0) throw refusal("UNAVAILABLE", "RESTARTING_NOW");
      return deploymentOf("succeeded");
    },
  };
  await using platform = await startFakePlatform(answers);
  const { exitCode } = await runCli(["deploy", join(projectOf(t, CART), "cart")], platform);
  assert.equal(exitCode, 0);
});

test("what cannot be deployed is refused before anything is asked, with what would be right", async (t) => {
  const yaml = (text: string): Files => ({ ...CART, "skerry.yaml": text });
  const cases: readonly (readonly [Files, readonly string[], RegExp])[] = [
    [
      { "a.txt": "" },
      [],
      /neither skerry\.yaml nor index\.ts, index\.mjs, .* or package\.json with a start script/,
    ],
    [
      yaml("app: shop\nfunctions: {cart: {memoryMB: 1}}"),
      [],
      /unknown key "memoryMB", did you mean "memoryMb"/,
    ],
    [
      yaml("app: Shop\nfunctions: {}\nx: 1"),
      [],
      /app: An app name[^]*functions: [^]*unknown key "x"/,
    ],
    [yaml("app: [\n"), [], /skerry\.yaml cannot be read: .*line 2/],
    [yaml("app: shop\napp: shop"), [], /Map keys must be unique at line 2/],
    [
      yaml("app: shop\nfunctions: {cart: {dir: cart}}"),
      ["--name", "cat"],
      /no function cat[^]*Did you mean cart/,
    ],
    [yaml("app: shop\nfunctions: {cart: {dir: nowhere}}"), [], /nowhere cannot be packed/],
    [yaml(""), [], /skerry\.yaml is not valid/],
    [{ "index.ts": "" }, ["--name", "Über"], /function name is not valid/],
    [{ "index.ts": "" }, ["--app", "x_y"], /app is not valid/],
  ];
  await using platform = await startFakePlatform({});
  for (const [files, args, says] of cases) {
    const { exitCode, stdout, stderr } = await runOnTerminal(
      ["deploy", projectOf(t, files), ...args],
      {
        ...{ url: platform.url, isTerminal: false },
      },
    );
    assert.deepEqual([exitCode, stdout], [2, ""], stderr);
    assert.match(stderr, says);
  }
  assert.deepEqual(platform.asked, []);
});

test("a bomb of aliases in skerry.yaml is refused, not unfolded", async (t) => {
  const levels = Array.from({ length: 12 }, (_, i) => {
    const names = Array.from({ length: 9 }, () => `*a${i}`).join(",");
    return `a${i + 1}: &a${i + 1} [${names}]`;
  });
  const folder = projectOf(t, { "skerry.yaml": ["a0: &a0 [x]", ...levels].join("\n") });
  const { exitCode, stderr } = await runOnTerminal(["deploy", folder], {
    url: "http://127.0.0.1:9",
  });
  assert.equal(exitCode, 2);
  assert.match(stderr, /PROJECT_UNREADABLE/);
});

test("on a terminal, upload and build draw a bar that is gone at the end", async (t) => {
  const { world, url } = await deploying(t);
  world.news.push(deploymentOf("building", { state: "built" }));
  const folder = join(projectOf(t, CART), "cart");
  const { stdout, stderr } = await runOnTerminal(["deploy", folder], { url });
  assert.match(stderr, /Uploading .*█.* 100 %/);
  assert.match(stderr, /Building .*█.* %/);
  assert.ok(stderr.endsWith("\r\u001b[2K"), "the line is empty again");
  assert.ok(stdout.includes("\u001b[32m  + cart"));
});

/**
 * Programs that no runtime of ours runs: they fetch their events over HTTP, in Go, in C++ and by
 * Lambda's official client for Python, or they are web servers. And folders as users have them: the
 * templates of `skerry init`, and packages with machine code.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { GATEWAY_HEADERS, type FunctionConfigInput } from "@skerry/contracts";
import { callHttp, isInstalled, startPlatform, type Platform } from "@skerry/testkit";
import { bringAlong } from "./programs/bring-along.ts";

const run = promisify(execFile);
const FIXTURES = fileURLToPath(new URL("./programs/fixtures/", import.meta.url));
const TIMEOUT = { timeout: 600_000 };
const CUSTOM = { runtime: "custom", memoryMb: 256 } as const;
/** A registry that is slow, or says 5xx for a while, is asked again. */
const PATIENT = ["--retries", "10", "--timeout", "60", "--disable-pip-version-check"];
const WHEELS = ["--only-binary", ":all:", "--no-compile", "--target", "."];

interface Program {
  readonly fixture: string;
  readonly tool: string;
  /** Makes what the fixture's folder lacks, in a copy of it. */
  readonly make: readonly string[];
  readonly answer: (event: object) => object;
  readonly failure: { readonly name: string; readonly message: string };
}

const FAILURE = "asked to fail";
const PROGRAMS: Readonly<Record<string, Program>> = {
  "a Go program by Lambda's paths": {
    fixture: "go",
    tool: "go",
    make: ["build", "-o", "bootstrap", "."],
    answer: () => ({ go: "Ada" }),
    failure: { name: "GoError", message: FAILURE },
  },
  "a C++ program by SCF's paths": {
    fixture: "cpp",
    tool: "g++",
    make: ["-O1", "-static", "-o", "bootstrap", "main.cpp"],
    answer: (event) => ({ cpp: event }),
    failure: { name: "Error", message: FAILURE },
  },
  "a Python handler by Lambda's official client": {
    fixture: "ric",
    tool: "pip3",
    make: ["install", "--quiet", ...PATIENT, ...WHEELS, "awslambdaric==4.2.2"],
    answer: (event) => ({ ric: event, about: ["ric", "$LATEST", "256"], trace: "Root=1-" }),
    failure: { name: "ValueError", message: FAILURE },
  },
};

interface Invoked {
  readonly value?: unknown;
  readonly error?: string;
}

/** The request's id is told by some programs, and different each time. */
function withoutId(value: unknown): object {
  const { id, ...rest } = value as { readonly id?: string };
  if (id !== undefined) assert.match(id, /^[0-9a-f-]{36}$/);
  return rest;
}

interface MadeFolder {
  readonly packages: readonly string[];
  readonly config: FunctionConfigInput;
  readonly answer: RegExp;
}

/** Those that no other suite deploys. */
const TEMPLATES: Readonly<Record<string, MadeFolder>> = {
  event: { packages: [], config: {}, answer: /^\{"message":"Hello, Ada!","requestId":"/ },
  fetch: { packages: [], config: {}, answer: /^\{"message":"Hello!","path":"\/"\}$/ },
  express: {
    packages: ["express"],
    config: { command: "node server.js" },
    answer: /^\{"message":"Hello, Ada!"\}$/,
  },
  react: {
    packages: ["react", "react-dom"],
    config: {},
    answer: /^<!DOCTYPE html><html.*<h1>Hello, (?:<!-- -->)?Ada/,
  },
};

const ADDON: Pick<Program, "fixture" | "tool" | "make"> = {
  ...{ fixture: "addon", tool: "g++" },
  make: ["-shared", "-fPIC", "-o", "node_modules/addon/addon.node", "addon.cpp"],
};

/** Outside CI a machine may lack a compiler. */
function skipOf({ tool }: Pick<Program, "tool">): string | false {
  return isInstalled(tool) || process.env["CI"] !== undefined ? false : `${tool} is not installed`;
}

const SERVER = {
  "server.py": `import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in ("one", "two"):
            self.wfile.write(b"3\\r\\n" + word.encode() + b"\\r\\n")
            self.wfile.flush()
        self.wfile.write(b"0\\r\\n\\r\\n")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-path", self.path)
        self.end_headers()
        self.wfile.write(body[::-1])
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
`,
};

/** As its users write it: the application is an import away, its body comes by middleware. */
const KOA = {
  "package.json": '{"type":"module"}',
  "server.js": `import Koa from "koa";
const app = new Koa();
app.use(async (context, next) => {
  await next();
  context.set("x-path", context.url);
});
app.use(async (context) => {
  if (context.path === "/fail") context.throw(418, "on purpose");
  if (context.path === "/stream") return void (context.body = context.req);
  context.cookies.set("seen", "yes");
  context.body = { koa: context.query.name, secure: context.secure };
});
app.listen(process.env.PORT);
`,
};

const STREAMS = {
  "server.js": `require("node:http").createServer((request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  request.on("data", (part) => response.write("data: " + part + "\\n\\n"));
  request.on("end", () => response.end());
}).listen(process.env.PORT);`,
};

describe("programs", TIMEOUT, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  }, TIMEOUT);
  after(() => platform.stop(), TIMEOUT);

  const deployFolder = async (
    fn: string,
    folder: string,
    config: FunctionConfigInput,
  ): Promise<void> => {
    await platform.deployFolder({ app: "own", fn, folder, config: { auth: "none", ...config } });
  };

  const invokeFunction = async (fn: string, event: object): Promise<Invoked> => {
    const answer = await callHttp({
      port: platform.gatewayPort,
      path: `/-/own/${fn}/`,
      method: "POST",
      headers: { [GATEWAY_HEADERS.invoke]: "event", "x-skerry-key": platform.key },
      body: JSON.stringify(event),
    });
    return answer.status === 200
      ? { value: JSON.parse(answer.text) as unknown }
      : { error: answer.text };
  };

  const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-program-"));
    await use(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
  };

  for (const [title, program] of Object.entries(PROGRAMS)) {
    it(title, { ...TIMEOUT, skip: skipOf(program) }, async () => {
      await inFolder(async (folder) => {
        cpSync(join(FIXTURES, program.fixture), folder, { recursive: true });
        await run(program.tool, [...program.make], { cwd: folder });
        await deployFolder(program.fixture, folder, CUSTOM);
      });
      const invoke = (event: object): Promise<Invoked> => invokeFunction(program.fixture, event);
      const event = { name: "Ada" };
      const { value, error } = await invoke(event);
      assert.equal(error, undefined);
      assert.deepEqual(withoutId(value), program.answer(event));
      const failed = await invoke({ fail: true });
      const { name, message } = program.failure;
      assert.match(failed.error ?? "", new RegExp(`${name}.*${message}`));
    });
  }

  it("what `skerry init` makes answers as it is", async () => {
    for (const [name, { packages, config, answer }] of Object.entries(TEMPLATES)) {
      await inFolder(async (folder) => {
        cpSync(
          fileURLToPath(new URL(`../packages/cli/templates/${name}/`, import.meta.url)),
          folder,
          { recursive: true },
        );
        bringAlong(folder, packages);
        await deployFolder(name, folder, config);
      });
      const { gatewayPort: port } = platform;
      const { text } = await callHttp({ port, path: `/-/own/${name}/?name=Ada` });
      assert.match(text, answer);
    }
    const invoked = await invokeFunction("express", { name: "Bob" });
    assert.deepEqual(invoked.value, { message: "Hello, Bob!" });
  });

  it(
    "a package's machine code is loaded, in Node's own sandbox",
    { skip: skipOf(ADDON) },
    async () => {
      await inFolder(async (folder) => {
        cpSync(join(FIXTURES, ADDON.fixture), folder, { recursive: true });
        const made = join(folder, "node_modules", "addon");
        mkdirSync(made, { recursive: true });
        await run(ADDON.tool, [...ADDON.make], { cwd: folder });
        writeFileSync(join(made, "package.json"), '{"name":"addon","main":"index.js"}');
        writeFileSync(join(made, "index.js"), 'module.exports = require("./addon.node");');
        await deployFolder("addon", folder, {});
      });
      const { gatewayPort: port } = platform;
      assert.equal((await callHttp({ port, path: "/-/own/addon/" })).text, "42");
    },
  );

  it("a web server in Python answers with its own status, headers and pieces", async () => {
    await platform.deploy({
      ...{ app: "own", fn: "pages", files: SERVER },
      config: { auth: "none", command: "python3 server.py" },
    });
    const port = platform.gatewayPort;
    const path = "/-/own/pages/some/path?q=1";
    const posted = await callHttp({ port, path, method: "POST", body: "straw" });
    assert.deepEqual([posted.status, posted.text], [201, "warts"]);
    assert.equal(posted.headers["x-path"], "/some/path?q=1");
    assert.equal((await callHttp({ port, path })).text, "onetwo");
  });

  it("a server behind Koa answers with JSON, cookies, streams and its own failures", async () => {
    await inFolder(async (folder) => {
      for (const [name, text] of Object.entries(KOA)) writeFileSync(join(folder, name), text);
      bringAlong(folder, ["koa"]);
      await deployFolder("koa", folder, { command: "node server.js" });
    });
    const call = (path: string, body?: string): ReturnType<typeof callHttp> => {
      const sent = body === undefined ? {} : { method: "POST", body };
      return callHttp({ port: platform.gatewayPort, path: `/-/own/koa${path}`, ...sent });
    };
    const answer = await call("/deep?name=Ada");
    assert.deepEqual(JSON.parse(answer.text), { koa: "Ada", secure: false });
    assert.equal(answer.headers["x-path"], "/deep?name=Ada");
    assert.deepEqual(answer.headers["set-cookie"], ["seen=yes; path=/; httponly"]);
    assert.equal((await call("/stream", "straw")).text, "straw");
    const failed = await call("/fail");
    assert.deepEqual([failed.status, failed.text], [418, "on purpose"]);
  });

  it("what a client sends and a server answers flows both ways at once", async () => {
    await platform.deploy({
      ...{ app: "own", fn: "talk", files: STREAMS },
      config: { auth: "none", command: "node server.js" },
    });
    const talk = request({ port: platform.gatewayPort, path: "/-/own/talk/", method: "POST" });
    talk.flushHeaders();
    const [answer] = (await once(talk, "response")) as [IncomingMessage];
    const heard = answer[Symbol.asyncIterator]();
    for (const word of ["first", "second", "third"]) {
      talk.write(word);
      assert.equal(String((await heard.next()).value), `data: ${word}\n\n`);
    }
    talk.end();
    assert.equal((await heard.next()).done, true);
  });
});

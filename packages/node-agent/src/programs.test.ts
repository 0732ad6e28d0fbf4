import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FunctionConfigInput } from "@skerry/contracts";
import type { SandboxRung } from "@skerry/sandbox";
import { until } from "@skerry/testkit";
import { findLeftovers } from "@skerry/testkit/leftovers";
import { GATEWAY, Node, rungOrSkip, type Held } from "../test/world.ts";
import type { SourceFiles } from "../test/zip.ts";
import type { Instances } from "./instances.ts";

const WEB = `require("node:http").createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", () => {
    if (body.includes("die")) process.exit(7);
    response.setHeader("x-own", "1");
    response.end([request.method, request.url, body, process.env.GREETING ?? ""].join(" "));
  });
}).listen(process.env.PORT ?? 9000);`;

/** Fetches its events by Lambda's paths; \`next\` and the rest by SCF's with \`scf\`. */
const puller = (paths: "lambda" | "scf"): string => `#!/bin/sh
exec node "$PWD/pull.js" ${paths}
`;
const PULL = `
const scf = process.argv[2] === "scf";
const base = scf
  ? "http://" + process.env.SCF_RUNTIME_API + ":" + process.env.SCF_RUNTIME_API_PORT + "/runtime"
  : "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime";
const post = (path, body) => fetch(base + path, { method: "POST", body: JSON.stringify(body) });
(async () => {
  if (scf) await post("/init/ready", "");
  for (;;) {
    const next = await fetch(base + "/invocation/next");
    const id = next.headers.get(scf ? "request_id" : "lambda-runtime-aws-request-id");
    const own = "/invocation/" + (scf ? "" : id + "/");
    const event = await next.json();
    if (event.fail) {
      await post(own + "error", { errorType: "BadLuck", errorMessage: "no luck" });
    } else await post(own + "response", { event, sameId: id.length === 36 });
  }
})();`;

class Programs {
  readonly rung: SandboxRung;
  #node: Node | undefined;
  #instances: Instances | undefined;

  constructor(rung: SandboxRung) {
    this.rung = rung;
  }

  async open(): Promise<void> {
    this.#node = await Node.open(this.rung);
    this.#instances = this.#node.instances();
  }

  get node(): Node {
    assert.ok(this.#node !== undefined);
    return this.#node;
  }

  /** Builds and starts; fails when either does. */
  async start(files: SourceFiles, config: FunctionConfigInput): Promise<Held> {
    const ref = await this.node.revision(files, config);
    const outcome = await this.#instances?.start(ref, GATEWAY, "first_instance");
    assert.ok(outcome?.ok === true, JSON.stringify(outcome));
    const held = this.node.heldOf(outcome.grant);
    assert.ok(held !== undefined);
    return held;
  }

  async close(): Promise<void> {
    await this.#node?.close();
  }
}

/** Processes of the one test that starts several. */
function familyOf(home: string): readonly string[] {
  return findLeftovers(home).processes.filter((line) => /sleep 1000|family\.js/.test(line));
}

const CASES: Readonly<Record<string, (c: Programs) => Promise<void>>> = {
  "a command that listens on $PORT is a web server, with the function's environment": async (c) => {
    const files = { "server.js": WEB };
    const config = { command: "node server.js", env: { GREETING: "hello" } };
    const held = await c.start(files, config);
    assert.equal(held.grant.handlerKind, "web");
    const { head, body } = await c.node.call(held, { a: 1 });
    assert.deepEqual([head.s, body], [200, 'POST /invoke {"a":1} hello']);
    assert.ok(head.h.includes("x-own"));
  },

  "what a program says before it fails at its start is in the log of its build": async (c) => {
    const lines: string[] = [];
    const over = { command: "echo no luck today >&2; exit 3" };
    const reply = await c.node.build({ "server.js": WEB }, over, (line) => lines.push(line));
    assert.ok(reply.ok && reply.initFailure !== null, JSON.stringify(reply));
    assert.equal(reply.initFailure.name, "PROGRAM_ENDED");
    const ended = "The program ended before it was ready: exit code 3.";
    // The last two come by pipes of their own.
    assert.deepEqual(lines.slice(-3).toSorted(), [ended, "loading it once", "no luck today"]);
  },

  "a file scf_bootstrap starts a web server on port 9000, executable or not": async (c) => {
    const bootstrap = "#!/bin/sh\nunset PORT\nexec node server.js\n";
    const files = { scf_bootstrap: bootstrap, "server.js": WEB };
    // Where sandboxes share the machine's network, a fixed port is a matter of luck.
    if (c.rung === "process") return;
    const held = await c.start(files, { runtime: "custom" });
    assert.equal((await c.node.call(held, 1)).body, "POST /invoke 1 ");
  },

  "a web server that dies ends its instance": async (c) => {
    const held = await c.start({ "server.js": WEB }, { command: "node server.js" });
    await assert.rejects(c.node.call(held, "die"), { reason: "LINK_CLOSED" });
  },

  "what a program started ends with its instance": async (c) => {
    const command = "sleep 1000 & node family.js; true";
    const held = await c.start({ "family.js": WEB }, { command });
    assert.ok(familyOf(c.node.home).length >= 2, "control: they are seen while they live");
    held.socket.destroy();
    await until("nothing of it is left", () => familyOf(c.node.home).length === 0);
  },

  "a file bootstrap fetches events by Lambda's paths": async (c) => {
    const files = { bootstrap: puller("lambda"), "pull.js": PULL };
    const held = await c.start(files, { runtime: "custom" });
    assert.equal(held.grant.handlerKind, "event");
    const { body } = await c.node.call(held, { x: "é" });
    assert.deepEqual(JSON.parse(body), { event: { x: "é" }, sameId: true });
  },

  "a file bootstrap may be a web server on $PORT, as in Function Compute": async (c) => {
    const files = { bootstrap: "#!/bin/sh\nexec node server.js\n", "server.js": WEB };
    // Where it listens is the platform's to say, whatever its configuration had elsewhere.
    const held = await c.start(files, { runtime: "custom", env: { PORT: "8" } });
    assert.equal(held.grant.handlerKind, "web");
    assert.equal((await c.node.call(held, 1)).body, "POST /invoke 1 ");
  },

  "a file bootstrap that neither asks nor listens is told as that": async (c) => {
    const files = { bootstrap: "#!/bin/sh\nexec sleep 60\n" };
    const started = c.start(files, { runtime: "custom", initTimeoutMs: 1_000 });
    await assert.rejects(started, /neither listens on \$PORT nor asks for an event/);
  },

  "a program fetches events by SCF's paths": async (c) => {
    const files = { bootstrap: puller("scf"), "pull.js": PULL };
    const held = await c.start(files, { runtime: "custom" });
    const { body } = await c.node.call(held, [1, 2]);
    assert.deepEqual(JSON.parse(body), { event: [1, 2], sameId: true });
  },

  "an error that a program reports is the function's": async (c) => {
    const files = { bootstrap: puller("lambda"), "pull.js": PULL };
    const held = await c.start(files, { runtime: "custom" });
    const { head } = await c.node.call(held, { fail: true });
    assert.deepEqual(head.e, { kind: "failed", name: "BadLuck", message: "no luck" });
  },

  "a program that ends before it is ready is told with how": async (c) => {
    const started = c.start({ bootstrap: "#!/bin/sh\nexit 3\n" }, { runtime: "custom" });
    await assert.rejects(started, /ended before it was ready: exit code 3/);
  },

  "a program whose interpreter is not there is told as that, and not as missing": async (c) => {
    for (const [line, why] of [
      ["#!/bin/sh\r", /its lines end in CR LF/],
      ["#!/opt/none/python3", /names a program that is not there: #!\/opt\/none\/python3/],
    ] as const) {
      const started = c.start({ bootstrap: `${line}\nexit 0\n` }, { runtime: "custom" });
      await assert.rejects(started, why);
    }
  },

  "a web server that does not listen in time is told as that": async (c) => {
    const files = { "server.js": "setInterval(() => undefined, 1000);" };
    const started = c.start(files, { command: "node server.js", initTimeoutMs: 1_500 });
    await assert.rejects(started, /took longer than 1500 ms: nothing listens on \$PORT/);
  },

  "a custom runtime without a program is refused by the names it looked for": async (c) => {
    const started = c.start({ "index.js": "1" }, { runtime: "custom" });
    await assert.rejects(started, /no scf_bootstrap, bootstrap/);
  },
};

for (const rung of ["bubblewrap", "process"] as const) {
  const skipped = await rungOrSkip(rung);
  describe(`programs in ${rung}`, skipped, () => {
    const context = new Programs(rung);
    before(() => context.open());
    after(() => context.close());
    for (const [title, run] of Object.entries(CASES)) test(title, () => run(context));
  });
}

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { BoundSocket } from "node:net";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { systemClock } from "@skerry/base";

const clock = systemClock();
const PROGRAM = fileURLToPath(new URL("http-drain/server-process.ts", import.meta.url));
const CLIENTS = 32;

interface Load {
  readonly answered: number;
  readonly failures: readonly string[];
}

/** Starts a server process on the shared socket; resolves when it accepts. */
async function startServer(fd: number, mode: "drain" | "close"): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, mode], {
    stdio: ["pipe", "pipe", "inherit", fd],
  });
  assert.ok(child.stdout !== null);
  await once(child.stdout, "data");
  return child;
}

async function stopServer(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.stdin?.end();
  assert.deepEqual(await exited, [0, null]);
}

/** One request over the agent's kept connection. */
function ask(agent: Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, port, host: "127.0.0.1", method: "POST" }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      res.once("end", () => resolve(text)).once("error", reject);
    });
    outgoing.once("error", reject).end(body);
  });
}

/**
 * Clients that each keep one connection and pause for 0 to 7 ms between requests, while `during`
 * runs, which sees what has failed so far.
 */
async function loadWhile(
  port: number,
  during: (failures: readonly string[]) => Promise<void>,
): Promise<Load> {
  const failures: string[] = [];
  let answered = 0;
  let isOver = false;
  const client = async (index: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = index; !isOver; turn += 1) {
      const body = "x".repeat(1 + (turn % 50));
      try {
        assert.equal(await ask(agent, port, body), body);
        answered += 1;
      } catch (error) {
        failures.push(String(error));
      }
      await new Promise<void>((resolve) => clock.schedule(turn % 8, resolve));
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index));
  await during(failures);
  isOver = true;
  await Promise.all(clients);
  return { answered, failures };
}

/** Ends early once a request has failed. */
async function restartUnderLoad(mode: "drain" | "close", restarts: number): Promise<Load> {
  const bound = new BoundSocket({ host: "127.0.0.1", port: 0 });
  let current = await startServer(bound.fd(), mode);
  try {
    const load = await loadWhile(bound.address().port, async (failures) => {
      for (let i = 0; i < restarts && failures.length === 0; i += 1) {
        const next = await startServer(bound.fd(), mode);
        const old = current;
        current = next;
        await stopServer(old);
      }
    });
    await stopServer(current);
    return load;
  } finally {
    current.kill("SIGKILL");
    bound.close();
  }
}

describe("restarting a server on a shared listening socket under load", () => {
  it("fails no request in twenty restarts", { timeout: 600_000 }, async () => {
    const load = await restartUnderLoad("drain", 20);
    assert.deepEqual(load.failures, []);
    assert.ok(load.answered > 1_000, `only ${load.answered} requests`);
  });

  it(
    "does fail requests when the server stops by http.Server.close",
    { timeout: 600_000 },
    async () => {
      const load = await restartUnderLoad("close", 20);
      assert.ok(load.failures.length > 0, `${load.answered} requests, none failed`);
    },
  );
});

/** A command whose connection is cut after the platform made its change: it is made once. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fetchOnce, startPlatform } from "@skerry/testkit";

const CLI = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));
const TIMEOUT = { timeout: 600_000 };

/** Passes bytes on to the API, and cuts the first `cuts` answers off before their first byte. */
async function startCuttingProxy(port: number, cuts: number) {
  let left = cuts;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (bytes) => {
      if (left > 0) {
        left -= 1;
        client.resetAndDestroy();
      } else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    cutsLeft: () => left,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  const options = { env: { PATH: process.env["PATH"], ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test(
  "keys made over a connection that is cut behind the answer are made once",
  TIMEOUT,
  async () => {
    await using platform = await startPlatform();
    const keysNamed = async (name: string): Promise<readonly string[]> =>
      (await platform.client.listKeys()).items.flatMap((key) =>
        key.name === name ? [key.id] : [],
      );
    const command = ["keys", "create", "ci"];
    const first = await cutRun(platform, command, 2);
    assert.equal(first.code, 0, first.stderr);
    assert.equal((await keysNamed("ci")).length, 1, "the command itself repeated it");
    const fetched = await fetchOnce(`${platform.apiUrl}/v1/principal`, {
      headers: { authorization: `Bearer ${first.stdout.trim()}` },
    });
    assert.equal(fetched.status, 200, "what it printed is the key that was made");

    const cut = await cutRun(platform, ["keys", "create", "late"], 100);
    assert.notEqual(cut.code, 0);
    assert.equal((await keysNamed("late")).length, 1, "made, but nobody was told");
    const [, id = ""] = /add --idempotency-key (\S+)/.exec(cut.stderr) ?? [];
    const again = ["keys", "create", "late", "--idempotency-key", id];
    const told = await runCli(again, platform.cliEnvironment);
    assert.equal(told.code, 0, told.stderr);
    assert.equal((await keysNamed("late")).length, 1);
    const blind = await runCli(["keys", "create", "late"], platform.cliEnvironment);
    assert.equal(blind.code, 0);
    assert.equal((await keysNamed("late")).length, 2, "the control: without the id it is another");
  },
);

async function cutRun(
  platform: Awaited<ReturnType<typeof startPlatform>>,
  command: readonly string[],
  cuts: number,
): Promise<Run> {
  await using proxy = await startCuttingProxy(platform.apiPort, cuts);
  const run = await runCli(command, { ...platform.cliEnvironment, SKERRY_API: proxy.url });
  assert.ok(proxy.cutsLeft() < cuts, "the connection was cut");
  return run;
}

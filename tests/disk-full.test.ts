/**
 * The disk is full: wholly, or where the store or the spools lie. Deploys are refused with a
 * reason, what runs goes on answering, and once there is space again everything works without a
 * restart and no record is missing.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PlatformError, seededRandom } from "@skerry/base";
import { everyItem } from "@skerry/sdk";
import {
  callHttp,
  startLoad,
  startPlatform,
  until,
  type Load,
  type Platform,
} from "@skerry/testkit";
import { TEST_MOUNT } from "@skerry/testkit/leftovers";
import { MIRROR } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const SKIP = process.getuid?.() === 0 ? false : "mounting a small file system takes root";
const MEBIBYTE = 1 << 20;
const BALLAST = "ballast";
const DEPLOYS_MAX = 60;
const open = { auth: "none" } as const;

interface SmallDisk {
  /** Writes until not one more byte fits. */
  fill(): void;
  free(): void;
}

/** Mounts a file system of its own at `directory` until the stack is disposed. */
function mountSmall(stack: AsyncDisposableStack, directory: string, mebibytes: number): SmallDisk {
  mkdirSync(directory, { recursive: true });
  execFileSync("mount", [
    "-t",
    "tmpfs",
    "-o",
    `size=${mebibytes}m,mode=755`,
    TEST_MOUNT,
    directory,
  ]);
  stack.defer(() => void execFileSync("umount", [directory]));
  const ballast = join(directory, BALLAST);
  return {
    fill() {
      const file = openSync(ballast, "a");
      for (let bytes = MEBIBYTE; bytes >= 1;) {
        try {
          writeSync(file, Buffer.alloc(bytes));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          bytes = Math.floor(bytes / 4);
        }
      }
      closeSync(file);
    },
    free: () => rmSync(ballast),
  };
}

/** A new function each time, of code that does not compress. */
async function deployNew(platform: Platform, index: number): Promise<PlatformError | undefined> {
  const random = seededRandom(index);
  const noise = Array.from({ length: 20_000 }, () => random.float().toString(36).slice(2)).join("");
  const files = { "index.ts": `export const handler = (): number => "${noise}".length;\n` };
  try {
    await platform.deploy({ app: "full", fn: `fn-${index}`, files, config: open });
    return undefined;
  } catch (error) {
    if (PlatformError.is(error)) return error;
    // The deployment was accepted and failed on the way; its error is in the message.
    const code = /"code":"([A-Z_]+)"/.exec(String(error))?.[1];
    assert.ok(code !== undefined, String(error));
    return PlatformError.fromWire({ code, reason: "DEPLOYMENT_FAILED", message: String(error) });
  }
}

async function untilRefused(platform: Platform): Promise<PlatformError> {
  for (let index = 0; index < DEPLOYS_MAX; index += 1) {
    const refusal = await deployNew(platform, index);
    if (refusal !== undefined) return refusal;
  }
  return assert.fail(`${DEPLOYS_MAX} deploys were taken although the disk is full`);
}

function loadMirror(platform: Platform, answered: Set<string>): Load {
  return startLoad({
    connections: 4,
    pauseMsMax: 15,
    call: (client, turn) => ({
      ...{ port: platform.gatewayPort, path: "/-/full/mirror/", method: "POST" },
      body: `${client}.${turn}`,
    }),
    onAnswer: ({ headers }) => answered.add(String(headers["x-skerry-request-id"])),
  });
}

async function assertAllRecorded(platform: Platform, answered: ReadonlySet<string>): Promise<void> {
  const { client } = platform;
  const missing = async (): Promise<readonly string[]> => {
    const seen = new Set<string>();
    const page = (cursor: string | undefined): ReturnType<typeof client.listInvocations> =>
      client.listInvocations({
        params: { app: "full", fn: "mirror" },
        query: { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) },
      });
    for await (const { requestId } of everyItem(page)) seen.add(requestId);
    return [...answered].filter((id) => !seen.has(id));
  };
  await until("every record is in", async () => (await missing()).length === 0, {
    everyMs: 300,
  }).catch(() => undefined);
  assert.deepEqual((await missing()).slice(0, 10), []);
}

/** A platform on a small disk of its own, with one function that answers. */
async function startOnSmall(
  stack: AsyncDisposableStack,
  { where, mebibytes }: { readonly where: string; readonly mebibytes: number },
): Promise<{ readonly platform: Platform; readonly disk: SmallDisk }> {
  const root = mkdtempSync(join(tmpdir(), "skerry-full-"));
  chmodSync(root, 0o755);
  stack.defer(() => rmSync(root, { recursive: true, force: true }));
  const home = join(root, "home");
  mkdirSync(home);
  const disk = mountSmall(stack, join(home, where), mebibytes);
  const platform = await startPlatform({ home, settings: { roleSilenceMs: 0 } });
  stack.defer(() => platform.abandon());
  await platform.deploy({ app: "full", fn: "mirror", files: MIRROR, config: open });
  return { platform, disk };
}

describe("disk full", { ...TIMEOUT, skip: SKIP }, () => {
  const cases = [
    { where: "", mebibytes: 420, refuses: true },
    { where: "state", mebibytes: 48, refuses: true },
    { where: "spool", mebibytes: 8, refuses: false },
  ];
  for (const { where, mebibytes, refuses } of cases) {
    it(
      `what runs goes on when ${where === "" ? "the home" : `${where}/`} has no space`,
      TIMEOUT,
      async () => {
        await using stack = new AsyncDisposableStack();
        const { platform, disk } = await startOnSmall(stack, { where, mebibytes });
        const answered = new Set<string>();

        disk.fill();
        const load = loadMirror(platform, answered);
        stack.defer(() => void load.stop());
        if (refuses) {
          const { code, message } = await untilRefused(platform);
          assert.equal(code, "RESOURCE_EXHAUSTED", message);
          assert.match(message, /space|full/i);
        }
        const goal = load.answered + 500;
        await until("500 more answers", () => load.answered >= goal);
        const { items } = await platform.client.listFunctions({ params: { app: "full" } });
        assert.ok(
          items.some(({ name }) => name === "mirror"),
          "the API answers",
        );

        disk.free();
        const deployed = async (): Promise<boolean> =>
          (await deployNew(platform, DEPLOYS_MAX)) === undefined;
        await until("deploys work again", deployed);
        const { failures } = await load.stop();
        assert.deepEqual(failures, []);
        await assertAllRecorded(platform, answered);
        await platform.stop();
      },
    );
  }

  it("a role that is to start then does, or is tried again until it can", TIMEOUT, async () => {
    await using stack = new AsyncDisposableStack();
    const { platform, disk } = await startOnSmall(stack, { where: "", mebibytes: 420 });
    const answered = new Set<string>();
    // What it takes in it removes, which would make room.
    await platform.kill("control", "SIGSTOP");
    disk.fill();

    await platform.kill("gateway");
    const load = loadMirror(platform, answered);
    stack.defer(() => void load.stop());
    await until("another gateway serves", () => load.answered >= 50);
    await platform.kill("control");
    await until("another control serves", async () => {
      const { items } = await platform.client.listFunctions({ params: { app: "full" } });
      return items.length === 1;
    });
    await assert.rejects(platform.restart("agent"), {
      reason: "ROLE_FAILED",
      message: /no space left for the home/,
    });
    const { failures } = await load.stop();
    assert.deepEqual(failures, [], "the old agent and its instances went on");

    const refusals = (): number => platform.output.split('"reason":"HOME_FULL"').length - 1;
    const refusedBefore = refusals();
    await platform.kill("agent");
    await until("agents could not start", () => refusals() >= refusedBefore + 2);

    disk.free();
    await platform.untilWhole();
    const path = "/-/full/mirror/";
    const after = await callHttp({ port: platform.gatewayPort, path, method: "POST" });
    assert.equal(after.status, 200, after.text);
    assert.equal(await deployNew(platform, 0), undefined);
    answered.add(String(after.headers["x-skerry-request-id"]));
    await assertAllRecorded(platform, answered);
    assert.deepEqual(
      readdirSync(join(platform.home, "sandboxes")).filter((name) => name.startsWith("driver-"))
        .length,
      1,
    );
    await platform.stop();
  });
});

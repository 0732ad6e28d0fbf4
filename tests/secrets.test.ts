/**
 * Secrets and config objects on the whole platform: what is planted as a secret is found nowhere
 * but in the function, values and master keys are changed while calls go on, files are renewed in
 * place, and all of it works while control is away.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { systemClock } from "@skerry/base";
import { createClient } from "@skerry/sdk";
import {
  callHttp,
  fetchOnce,
  startLoad,
  startPlatform,
  until,
  type Platform,
} from "@skerry/testkit";
import { answersOf, filesWith, formsOf, LEAKY, processesWith, sha256 } from "./secrets/canaries.ts";

const TIMEOUT = { timeout: 600_000 };
const CANARY = "canary/9fJ2+secret-of-the-shop";
const PLAIN = "plainly-in-the-environment-77";
/** A second or two; these only tell what is renewed from what is not, on any machine. */
const RENEWED_WITHIN_MS = 30_000;
const CONFIG_WITHIN_MS = 30_000;
const INTERPRETERS: Readonly<Record<string, string>> = {
  python3: "/usr/bin/python3",
  php8: "/usr/bin/php",
};
const RUNTIMES = Object.keys(LEAKY).filter(
  (name) => INTERPRETERS[name] === undefined || existsSync(INTERPRETERS[name]),
) as readonly ("node26" | "python3" | "php8")[];

interface Answered {
  readonly status: number;
  readonly text: string;
}

describe("secrets and config objects", TIMEOUT, () => {
  let platform: Platform;
  /** Every answer of a function so far, heads included. */
  let told = "";
  const secrets = { DB_PASSWORD: "db-password" };

  before(async () => {
    platform = await startPlatform();
    await setSecret("db-password", CANARY);
    for (const runtime of RUNTIMES) {
      const config = { runtime, secrets, memoryMb: 128 };
      await platform.deploy({ app: "shop", fn: runtime, files: LEAKY[runtime] ?? {}, config });
    }
  }, TIMEOUT);
  after(async () => await platform[Symbol.asyncDispose](), TIMEOUT);

  const setSecret = (secret: string, value: string) =>
    platform.client.putAppSecret({ params: { app: "shop", secret }, body: { value } });
  const setConfig = (config: string, content: string) =>
    platform.client.putConfig({ params: { app: "shop", config }, body: { content } });
  const call = async (fn: string, event: object = {}): Promise<Answered> => {
    const headers = { "x-skerry-key": platform.key, "x-skerry-invoke": "event" };
    const target = { port: platform.gatewayPort, path: `/-/shop/${fn}/`, method: "POST" };
    const answer = await callHttp({ ...target, headers, body: JSON.stringify(event) });
    told += `${JSON.stringify(answer.headers)}${answer.text}\n`;
    return answer;
  };
  const digestOf = async (fn: string): Promise<string> => {
    const answer = await call(fn);
    assert.equal(answer.status, 200, answer.text);
    return (JSON.parse(answer.text) as { digest: string }).digest;
  };
  /** Right after an instance was stopped, a call may still meet its end. */
  const untilDigest = (fn: string, value: string): Promise<boolean> =>
    until(`${fn} has its secret`, async () => (await digestOf(fn)) === sha256(value));
  const stopAll = async (): Promise<void> => {
    const { items } = await platform.client.listInstances({});
    for (const { id } of items) {
      await platform.client.stopInstance({ params: { instance: id } }).catch(() => undefined);
    }
    const stopped = new Set(items.map(({ id }) => id));
    await until("they are gone", async () => {
      const left = (await platform.client.listInstances({})).items;
      return left.every(({ id }) => !stopped.has(id));
    });
  };

  it("a value is the function's in every language, and nobody else's", TIMEOUT, async () => {
    for (const runtime of RUNTIMES) assert.equal(await digestOf(runtime), sha256(CANARY), runtime);
    for (const runtime of RUNTIMES) {
      await call(runtime, { how: "print" });
      const failed = await call(runtime, { how: "throw" });
      assert.equal(failed.status, 502);
      assert.match(failed.text, /refused: \[secret\]/);
    }
    for (const how of ["name", "bad", "exit"]) await call("node26", { how });
    const env = { FAILS_AT_LOAD: "1" };
    const files = LEAKY["node26"] ?? {};
    await platform.deploy({ app: "shop", fn: "broken", files, config: { secrets, env } });
    const broken = await call("broken");
    assert.match(
      broken.text,
      /with \[secret\]/,
      "the build saw a stand-in, the instance the value",
    );

    // A body that is not JSON is refused without quoting it.
    const malformed = await fetchOnce(`${platform.apiUrl}/v1/apps/shop/secrets/other`, {
      method: "PUT",
      headers: { authorization: `Bearer ${platform.key}`, "content-type": "application/json" },
      body: `{"value": ${CANARY}}`,
    });
    told += await malformed.text();

    const logsTaken = async (): Promise<boolean> => {
      const params = { app: "shop", fn: "node26" };
      const texts: string[] = [];
      for await (const { text } of platform.client.listLogs({ params, query: { limit: 1_000 } })) {
        texts.push(text);
      }
      return texts.some((text) => text.includes("dying with [secret]"));
    };
    await until("the log of what died", logsTaken);
    const answers = await answersOf(platform, "shop");
    assert.match(answers, /console \[secret\]/);
    for (const form of formsOf(CANARY)) {
      assert.ok(!answers.includes(form), "an answer of the API");
      assert.ok(!told.includes(form), "an answer of a function");
      assert.ok(!platform.output.includes(form), "the platform's output");
    }
    assert.deepEqual(await filesWith(platform.home, CANARY), []);
    assert.deepEqual(processesWith(CANARY), []);
    assert.equal(statSync(join(platform.home, "secrets.key")).mode & 0o777, 0o600);
    for (const pid of [...platform.pids("control"), ...platform.pids("agent")]) {
      const filter = readFileSync(`/proc/${pid}/coredump_filter`, "utf8");
      assert.equal(Number(filter), 0, "a core file would hold memory");
    }
  });

  it("the same search finds what is not a secret: the control", TIMEOUT, async (t) => {
    const files = LEAKY["node26"] ?? {};
    const config = { env: { DB_PASSWORD: PLAIN } };
    await platform.deploy({ app: "shop", fn: "plain", files, config });
    assert.equal(await digestOf("plain"), sha256(PLAIN));
    const thrown = await call("plain", { how: "throw" });
    assert.ok(thrown.text.includes(PLAIN));
    assert.ok((await filesWith(platform.home, PLAIN)).length > 0);
    assert.ok((await answersOf(platform, "shop")).includes(PLAIN));
    await platform.client.deleteFunction({ params: { app: "shop", fn: "plain" } });
    const named = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", PLAIN]);
    t.after(() => named.kill("SIGKILL"));
    await until("its command line is seen", () => processesWith(PLAIN).length > 0);
  });

  it("a secret that is missing stops a deployment, one in use stays", TIMEOUT, async () => {
    const files = LEAKY["node26"] ?? {};
    const config = { secrets: { A: "no-such", B: "db-password" } };
    const deploying = platform.deploy({ app: "shop", fn: "asking", files, config });
    await assert.rejects(deploying, { reason: "SECRET_MISSING", message: /shop\/asking.*no-such/ });
    const both = platform.deploy({
      ...{ app: "shop", fn: "twice", files },
      config: { secrets, env: { DB_PASSWORD: "x" } },
    });
    await assert.rejects(both, { reason: "SECRET_ENV_TWICE" });
    const params = { app: "shop", secret: "db-password" };
    const removing = platform.client.deleteAppSecret({ params });
    await assert.rejects(removing, { reason: "SECRET_IN_USE" });
    // One of the account stands in: then the app's own may go.
    await platform.client.putSecret({ params: { secret: "db-password" }, body: { value: CANARY } });
    await platform.client.deleteAppSecret({ params });
    assert.equal(await digestOf("node26"), sha256(CANARY));
    await setSecret("db-password", CANARY);
  });

  it("viewers see names, tags keep changes apart, and JSON must be JSON", TIMEOUT, async () => {
    const { key } = await platform.client.createKey({ body: { name: "looks", role: "viewer" } });
    const { apiUrl, gatewayUrl } = platform;
    const viewer = createClient({ apiUrl, gatewayUrl, key, fetch: fetchOnce });
    const params = { app: "shop", secret: "db-password" };
    const { version, etag } = await viewer.getAppSecret({ params });
    assert.equal((await viewer.listAppSecrets({ params })).items[0]?.name, "db-password");
    const denied = viewer.putAppSecret({ params, body: { value: "x" } });
    await assert.rejects(denied, { reason: "ACTION_DENIED" });
    const stale = platform.client.putAppSecret({
      ...{ params, body: { value: "x" }, ifMatch: `"${version + 7}"` },
    });
    await assert.rejects(stale, { reason: "SECRET_CHANGED" });
    const fresh = { params, body: { value: CANARY }, ifMatch: etag };
    assert.equal((await platform.client.putAppSecret(fresh)).version, version + 1);
    await assert.rejects(setConfig("broken.json", "{"), { reason: "INPUT_INVALID" });
    await assert.rejects(setConfig("large.txt", "x".repeat((256 << 10) + 1)), {
      reason: "INPUT_INVALID",
    });
  });

  it("a new value replaces running instances without a failed call", TIMEOUT, async () => {
    const clock = systemClock();
    const files = LEAKY["node26"] ?? {};
    await setSecret("turning", "value-0");
    const config = { secrets: { DB_PASSWORD: "turning" }, maxInstances: 2 };
    await platform.deploy({ app: "shop", fn: "turning", files, config });
    const seen: { readonly atMs: number; readonly digest: string }[] = [];
    const headers = { "x-skerry-key": platform.key, "x-skerry-invoke": "event" };
    const load = startLoad({
      connections: 2,
      call: () => ({
        ...{ port: platform.gatewayPort, path: "/-/shop/turning/", method: "POST", headers },
        body: "{}",
      }),
      onAnswer: ({ text }) => {
        const { digest } = JSON.parse(text) as { digest: string };
        seen.push({ atMs: clock.monotonicMs(), digest });
      },
    });
    await until("calls", () => load.answered > 20);
    await setSecret("turning", "value-1");
    const setAtMs = clock.monotonicMs();
    const isOld = ({ digest }: { readonly digest: string }): boolean =>
      digest === sha256("value-0");
    await until("only new values", () => seen.length > 20 && !seen.slice(-20).some(isOld));
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    const lastOld = seen.findLast(isOld);
    assert.ok(lastOld !== undefined && lastOld.atMs - setAtMs < RENEWED_WITHIN_MS);
    assert.ok(seen.every((one) => isOld(one) || one.digest === sha256("value-1")));
  });

  it("instances start with their secrets while control is away", TIMEOUT, async () => {
    await stopAll();
    await platform.kill("control", "SIGSTOP");
    try {
      for (const runtime of RUNTIMES) await untilDigest(runtime, CANARY);
      await platform.kill("agent");
      const answered = async (): Promise<boolean> =>
        (await call("node26")).text.includes(sha256(CANARY));
      await until("another agent opens them", answered, { deadlineMs: 60_000 });
    } finally {
      await platform.kill("control", "SIGCONT");
    }
    await platform.untilWhole();
  });

  it(
    "the master key is rotated while calls go on, and over a kill in its middle",
    TIMEOUT,
    async () => {
      await Promise.all(
        Array.from({ length: 120 }, (_, i) => setSecret(`many-${i}`, `value ${i}`)),
      );
      const file = join(platform.home, "secrets.key");
      const keysIn = (): readonly string[] =>
        Object.keys((JSON.parse(readFileSync(file, "utf8")) as { keys: object }).keys);
      const [first] = keysIn();
      const { keyId, rewrapped } = await platform.client.rotateSecretsKey({ body: {} });
      assert.ok(rewrapped > 120);
      assert.deepEqual(keysIn(), [keyId]);
      assert.notEqual(keyId, first);
      await stopAll();
      await untilDigest("node26", CANARY);

      // The middle is short, and a busy machine may look away in it: then there is another.
      let rotating: Promise<unknown> = Promise.resolve();
      const isHeldInTheMiddle = async (): Promise<boolean> => {
        let isOver = false;
        const rotation = platform.client.rotateSecretsKey({ body: {} }).catch(() => undefined);
        rotating = rotation.finally(() => (isOver = true));
        await until("both keys, or the end", () => isOver || keysIn().length > 1, { everyMs: 0 });
        await platform.kill("control", "SIGSTOP");
        await until("control to stand still", () => platform.pids("control").every(isStopped));
        if (keysIn().length === 2) return true;
        await platform.kill("control", "SIGCONT");
        await rotating;
        return false;
      };
      for (let turn = 0; !(await isHeldInTheMiddle()); turn += 1)
        assert.ok(turn < 40, "no rotation was seen in its middle");
      await platform.kill("control");
      assert.equal(await digestOf("node26"), sha256(CANARY));
      await platform.untilWhole();
      await rotating;
      await until("only the new key is left", () => keysIn().length === 1, { deadlineMs: 60_000 });
      assert.ok(!keysIn().includes(keyId));
      await platform.restart("agent");
      for (const runtime of RUNTIMES) assert.equal(await digestOf(runtime), sha256(CANARY));
      assert.deepEqual(await filesWith(platform.home, CANARY), []);
    },
  );

  it("config objects are renewed in what runs and what rests", TIMEOUT, async () => {
    const clock = systemClock();
    const content = async (): Promise<string> => (await call("node26", { how: "config" })).text;
    await setConfig("one.json", '{"n":0}');
    assert.match(await content(), /"n\\?":0/);
    for (let n = 1; n <= 3; n += 1) {
      const isResting = n === 2;
      if (isResting) {
        await until("an instance rests", async () => {
          const { items } = await platform.client.listInstances({});
          return items.some(({ function: fn, state }) => fn === "node26" && state === "resting");
        });
      }
      await setConfig("one.json", `{"n":${n}}`);
      const setAtMs = clock.monotonicMs();
      await until("the new content", async () => (await content()).includes(`:${n}`));
      assert.ok(clock.monotonicMs() - setAtMs < CONFIG_WITHIN_MS);
    }
    // A node that is late with its answer is left out of one look.
    await until("the instance, which was not restarted", async () => {
      const { items } = await platform.client.listInstances({});
      return items.some(({ function: fn }) => fn === "node26");
    });
    await platform.kill("agent");
    await until("the next agent lays it", async () => (await content()).includes(":3"));
    const params = { app: "shop", config: "one.json" };
    assert.equal((await platform.client.getConfig({ params })).content, '{"n":3}');
    await platform.client.deleteConfig({ params });
    await until("it is gone", async () => (await content()).includes("ENOENT"));
  });
});

/** Every thread of it stands still. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")),
  );
}

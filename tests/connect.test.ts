/**
 * Functions and real databases: PostgreSQL by the drivers of Node, Python and PHP, and Redis by
 * bare sockets, reached from inside sandboxes by the names of `connect`, as root and as a plain
 * user.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "node:test";
import { build } from "esbuild";
import pg from "pg";
import {
  callHttp,
  freePort,
  hasPostgres,
  hasRedis,
  startPlatform,
  startPostgres,
  startRedis,
  until,
  type Platform,
  type PostgresServer,
  type RedisServer,
} from "@skerry/testkit";

const TIMEOUT = { timeout: 600_000 };
const NOBODY = { uid: 65_534, gid: 65_534 };
const APPLICATION = "in-the-sandbox";

const DATABASE_SOURCE = `import pg from "pg";
const pool = new pg.Pool({
  host: process.env.DB_HOST, port: Number(process.env.DB_PORT),
  user: "skerry", database: "postgres", max: 1, application_name: "${APPLICATION}",
});
export const handler = async ({ n, bytes }) => {
  const sql = "select $1::int + 1 as n, pg_backend_pid() as pid, repeat('x', $2::int) as text";
  const { rows: [row] } = await pool.query(sql, [n, bytes ?? 0]);
  return { n: row.n, pid: row.pid, bytes: row.text.length };
};`;

const CACHE_SOURCE = `const { connect } = require("node:net");
let socket;
const ask = (...words) => new Promise((resolve, reject) => {
  socket ??= connect(Number(process.env.CACHE_PORT), process.env.CACHE_HOST).unref();
  socket.once("data", (part) => resolve(String(part).trim()));
  socket.once("error", reject);
  const parts = words.map((word) => "$" + Buffer.byteLength(word) + "\\r\\n" + word + "\\r\\n");
  socket.write("*" + words.length + "\\r\\n" + parts.join(""));
});
exports.handler = async ({ value }) => {
  await ask("SET", "key", value);
  return (await ask("GET", "key")).split("\\r\\n")[1];
};`;

const PYTHON_DATABASE = `import os, psycopg2
kept = None
def handler(event, context):
    global kept
    kept = kept or psycopg2.connect(host=os.environ["DB_HOST"], port=os.environ["DB_PORT"],
        user="skerry", dbname="postgres", sslmode="disable")
    with kept.cursor() as cursor:
        sql = "select %s::int + 1, pg_backend_pid(), repeat('x', %s::int)"
        cursor.execute(sql, (event["n"], event.get("bytes", 0)))
        n, pid, text = cursor.fetchone()
    return {"n": n, "pid": pid, "bytes": len(text)}
`;

const PYTHON_CACHE = `import os, socket
kept = None
def ask(*words):
    global kept
    kept = kept or socket.create_connection((os.environ["CACHE_HOST"], int(os.environ["CACHE_PORT"])))
    parts = "".join(f"\${len(word)}\\r\\n{word}\\r\\n" for word in words)
    kept.sendall(f"*{len(words)}\\r\\n{parts}".encode())
    return kept.recv(4096).decode().strip()
async def handler(event, context):
    ask("SET", "key", event["value"])
    return ask("GET", "key").split("\\r\\n")[1]
`;

const PHP_DATABASE = `<?php
function handler($event) {
    static $db = null;
    $where = "host=" . getenv("DB_HOST") . ";port=" . getenv("DB_PORT") . ";sslmode=disable";
    $db ??= new PDO("pgsql:{$where};dbname=postgres", "skerry");
    $rows = $db->prepare("select ?::int + 1 as n, pg_backend_pid() as pid, repeat('x', ?::int) as text");
    $rows->execute([$event["n"], $event["bytes"] ?? 0]);
    $row = $rows->fetch(PDO::FETCH_ASSOC);
    return ["n" => $row["n"], "pid" => $row["pid"], "bytes" => strlen($row["text"])];
}
`;

const PHP_CACHE = `<?php
function ask(...$words) {
    static $cache = null;
    $cache ??= stream_socket_client("tcp://" . getenv("CACHE_HOST") . ":" . getenv("CACHE_PORT"));
    $parts = array_map(fn ($word) => '$' . strlen($word) . "\\r\\n{$word}\\r\\n", $words);
    fwrite($cache, "*" . count($words) . "\\r\\n" . implode("", $parts));
    return trim(fread($cache, 4096));
}
function handler($event) {
    ask("SET", "key", $event["value"]);
    return explode("\\r\\n", ask("GET", "key"))[1];
}
`;

interface Language {
  readonly name: string;
  readonly runtime: "node26" | "python3" | "php8";
  readonly file: string;
  readonly database: string;
  readonly cache: string;
  /** Where its driver is on this machine. */
  readonly driver: readonly string[];
}

const OTHER_LANGUAGES: readonly Language[] = [
  {
    ...{ name: "Python", runtime: "python3", file: "index.py" },
    ...{ database: PYTHON_DATABASE, cache: PYTHON_CACHE },
    driver: ["/usr/lib/python3/dist-packages/psycopg2"],
  },
  {
    ...{ name: "PHP", runtime: "php8", file: "index.php" },
    ...{ database: PHP_DATABASE, cache: PHP_CACHE },
    driver: ["2", "3", "4", "5"].map((minor) => `/usr/share/php8.${minor}-pgsql/pgsql`),
  },
];

async function bundled(contents: string): Promise<string> {
  const resolveDir = fileURLToPath(new URL("../packages/store", import.meta.url));
  const result = await build({
    stdin: { contents, resolveDir, loader: "js" },
    ...{ bundle: true, platform: "node", format: "cjs", write: false, logLevel: "error" },
    external: ["pg-native"],
  });
  return result.outputFiles[0]?.text ?? "";
}

interface User {
  readonly name: string;
  readonly options: { readonly user?: typeof NOBODY };
}

const USERS: readonly User[] =
  process.getuid?.() === 0
    ? [
        { name: "root", options: {} },
        { name: "a plain user", options: { user: NOBODY } },
      ]
    : [{ name: "this user", options: {} }];

interface Row {
  readonly n: number;
  readonly pid: number;
  readonly bytes: number;
}

const skip = hasPostgres() && hasRedis() ? false : "needs postgresql and redis-server";

for (const { name, options } of USERS) {
  describe(`connect, with the platform run by ${name}`, { ...TIMEOUT, skip }, () => {
    let platform: Platform;
    let database: PostgresServer;
    let cache: RedisServer;
    let databasePort: number;
    before(async () => {
      databasePort = await freePort();
      database = await startPostgres();
      await database.crash();
      await database.start({ listen_addresses: "127.0.0.1", port: String(databasePort) });
      cache = await startRedis();
      const allowed = `127.0.0.1:${databasePort},127.0.0.1:${cache.port}`;
      platform = await startPlatform({ ...options, settings: { connectTargets: allowed } });
      const databaseConfig = { connect: { db: `127.0.0.1:${databasePort}` } };
      const files = { "index.js": await bundled(DATABASE_SOURCE) };
      await platform.deploy({ app: "shop", fn: "rows", files, config: databaseConfig });
      const cacheConfig = { connect: { cache: `127.0.0.1:${cache.port}` } };
      const cacheFiles = { "index.js": CACHE_SOURCE };
      await platform.deploy({ app: "shop", fn: "keys", files: cacheFiles, config: cacheConfig });
    }, TIMEOUT);
    after(async () => {
      // What did not start leaves the others to be stopped.
      await platform?.[Symbol.asyncDispose]();
      await database?.stop();
      await cache?.stop();
    }, TIMEOUT);

    const ask = async <T>(fn: string, event: object): Promise<T> => {
      const headers = { "x-skerry-key": platform.key, "x-skerry-invoke": "event" };
      const target = { port: platform.gatewayPort, path: `/-/shop/${fn}/`, method: "POST" };
      const answer = await callHttp({ ...target, headers, body: JSON.stringify(event) });
      assert.equal(answer.status, 200, answer.text);
      return JSON.parse(answer.text) as T;
    };

    it("asks a PostgreSQL by a driver, whose pool lives on between requests", TIMEOUT, async () => {
      const first = await ask<Row>("rows", { n: 41 });
      assert.equal(first.n, 42);
      const again = await ask<Row>("rows", { n: 1, bytes: 5_000_000 });
      assert.equal(again.bytes, 5_000_000);
      assert.equal(again.pid, first.pid);
    });

    it("asks a Redis by a socket", TIMEOUT, async () => {
      assert.equal(await ask("keys", { value: "first" }), "first");
      assert.equal(await ask("keys", { value: "second" }), "second");
    });

    for (const { name: language, ...code } of OTHER_LANGUAGES) {
      const isThere = code.driver.some((path) => existsSync(path));
      const lacks = isThere || process.env["CI"] !== undefined ? false : "the driver is missing";
      it(`asks both from ${language}, on connections that it keeps`, { skip: lacks }, async () => {
        const { runtime, file } = code;
        const [rows, keys] = [`rows-${runtime}`, `keys-${runtime}`];
        const stored = { connect: { db: `127.0.0.1:${databasePort}` }, runtime };
        const cached = { connect: { cache: `127.0.0.1:${cache.port}` }, runtime };
        await Promise.all([
          platform.deploy({
            ...{ app: "shop", fn: rows, files: { [file]: code.database }, config: stored },
          }),
          platform.deploy({
            ...{ app: "shop", fn: keys, files: { [file]: code.cache }, config: cached },
          }),
        ]);
        const first = await ask<Row>(rows, { n: 41 });
        assert.equal(first.n, 42);
        const again = await ask<Row>(rows, { n: 1, bytes: 5_000_000 });
        assert.equal(again.bytes, 5_000_000);
        assert.equal(again.pid, first.pid);
        assert.equal(await ask(keys, { value: "first" }), "first");
        assert.equal(await ask(keys, { value: "second" }), "second");
      });
    }

    it("ends connections with their instances", TIMEOUT, async () => {
      const url = `postgres://skerry@127.0.0.1:${databasePort}/postgres`;
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const sql = "select count(*)::int as n from pg_stat_activity where application_name = $1";
      const open = async (): Promise<number> =>
        ((await client.query(sql, [APPLICATION])).rows[0] as { readonly n: number }).n;
      try {
        await ask("rows", { n: 1 });
        assert.equal(await open(), 1);
        await platform.client.deleteFunction({ params: { app: "shop", fn: "rows" } });
        await until("no connection is left", async () => (await open()) === 0);
      } finally {
        await client.end();
      }
    });

    it("gives a function its secret and its app's config objects", TIMEOUT, async () => {
      const { client } = platform;
      const [secret, body] = ["token", { value: "the-token-of-the-shop" }];
      await client.putAppSecret({ params: { app: "shop", secret }, body });
      const params = { app: "shop", config: "motto.txt" };
      await client.putConfig({ params, body: { content: "first" } });
      const source = `const { readFileSync } = require("node:fs");
        const path = process.env.SKERRY_CONFIG_DIR + "/motto.txt";
        exports.handler = () => [process.env.TOKEN, readFileSync(path, "utf8")];`;
      const config = { secrets: { TOKEN: secret } };
      await platform.deploy({ app: "shop", fn: "given", files: { "index.js": source }, config });
      assert.deepEqual(await ask("given", {}), [body.value, "first"]);
      await client.putConfig({ params, body: { content: "second" } });
      assert.deepEqual(await ask("given", {}), [body.value, "second"]);
    });

    it("refuses a deployment that names a target that is not allowed", TIMEOUT, async () => {
      const config = { connect: { api: `127.0.0.1:${platform.apiPort}` } };
      const deploying = platform.deploy({
        ...{ app: "shop", fn: "nosy", files: { "index.js": CACHE_SOURCE }, config },
      });
      await assert.rejects(deploying, { reason: "CONNECT_TARGET_FORBIDDEN" });
    });
  });
}

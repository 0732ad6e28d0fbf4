import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { PlatformError } from "@skerry/base";
import { hasPostgres, startPostgres, type PostgresServer } from "@skerry/testkit";
import { reasonOf } from "../test/conformance.ts";
import { conformanceSource, storeModule as conformance } from "../test/conformance-module.ts";
import { startCuttingProxy, type Cut } from "../test/cutting-proxy.ts";
import { postgresPlaces, storeDeps } from "../test/places.ts";
import { openPostgresStore, type Store } from "./index.ts";
import { attemptProcedure, StatementNames } from "./postgres-transaction.ts";
import { postgresValues } from "./postgres-values.ts";
import { procedureOf } from "./procedure.ts";

describe("postgres faults", { skip: !hasPostgres() && "PostgreSQL is not installed" }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());
  const makePlace = postgresPlaces(() => server.url);

  for (const cut of ["lost", "unheard"] satisfies readonly Cut[]) {
    test(`a connection cut at a commit that was ${cut} leaves the outcome open`, async () => {
      const proxy = await startCuttingProxy(server.socketDirectory);
      const schema = `cut_${cut}`;
      const options = { url: proxy.url, modules: [conformanceSource], poolMax: 2, schema };
      const store = await openPostgresStore(storeDeps, options);
      await store.call(conformance, "add", { name: "a", by: 1 });
      proxy.cutNextCommit(cut);
      const call = store.call(conformance, "add", { name: "a", by: 1 });
      assert.equal(await reasonOf(call), "STORE_OUTCOME_UNKNOWN");
      const row = await store.call(conformance, "readCounter", { name: "a" });
      assert.equal(row?.n, cut === "lost" ? 1 : 2);
      proxy.cutNextCommit(cut);
      const reading = store.call(conformance, "readCounter", { name: "a" });
      assert.equal(await reasonOf(reading), "STORE_UNAVAILABLE");
      await store.close();
      await proxy.close();
    });
  }

  test("a crash of the server loses nothing acknowledged and the store recovers", async () => {
    const place = makePlace();
    const store = await place.open();
    for (let round = 0; round < 3; round += 1) {
      const writers = Array.from({ length: 6 }, (_, at) => addUntilRefused(store, `writer${at}`));
      const acknowledged = await crashAfter(server, writers);
      await server.start();
      for (const [at, writer] of acknowledged.entries()) {
        const kept =
          (await store.call(conformance, "readCounter", { name: `writer${at}` }))?.n ?? 0;
        assert.ok(kept >= writer.last, `${kept} of ${writer.last} are kept`);
        assert.ok(["STORE_OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"].includes(writer.reason));
      }
    }
    await store.close();
  });

  test("control: with synchronous_commit off a crash loses what was acknowledged", async () => {
    await server.crash();
    await server.start({ wal_writer_delay: "10000" });
    const client = await connect(server.url);
    await client.query("CREATE TABLE control_rows (n INT)");
    await client.query("INSERT INTO control_rows VALUES (1)");
    await client.query("SET synchronous_commit = off");
    await client.query("INSERT INTO control_rows VALUES (2)");
    client.on("error", () => undefined);
    await server.crash();
    await server.start();
    const again = await connect(server.url);
    const { rows } = await again.query("SELECT n FROM control_rows");
    await again.end();
    assert.deepEqual(rows, [{ n: 1 }]);
  });

  test("control: below SERIALIZABLE the same procedure does lose updates", async () => {
    const schema = "weak";
    const options = { url: server.url, modules: [conformanceSource], poolMax: 1, schema };
    const store = await openPostgresStore(storeDeps, options);
    await store.call(conformance, "add", { name: "x", by: 0 });
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = await connect(server.url);
        await client.query(`SET search_path = ${schema}`);
        for (let i = 0; i < 50; i += 1) await attemptWeakly(client);
        await client.end();
      }),
    );
    const row = await store.call(conformance, "readCounter", { name: "x" });
    assert.ok((row?.n ?? 0) < 200, `${row?.n} of 200 were kept`);
    await store.close();
  });

  test("a server that can lose acknowledged commits is refused", async () => {
    await server.crash();
    await server.start({ fsync: "off" });
    assert.equal(await reasonOf(makePlace().open()), "STORE_SETTING_REFUSED");
    await server.crash();
    await server.start();
  });

  test("an absent database is a typed, retryable error without its password", async () => {
    const url = "postgres://me:hunter2@127.0.0.1:1/none";
    const opening = openPostgresStore(storeDeps, { url, modules: [], poolMax: 1 });
    const error = await opening.catch((thrown: unknown) => thrown);
    assert.ok(PlatformError.is(error));
    assert.deepEqual([error.reason, error.retryable], ["STORE_UNAVAILABLE", true]);
    assert.ok(!JSON.stringify(error.toWire()).includes("hunter2"));
    const bad = openPostgresStore(storeDeps, { url: "not a url", modules: [], poolMax: 1 });
    assert.equal(await reasonOf(bad), "STORE_URL_REFUSED");
  });

  test("several programs may open and migrate the same schema at once", async () => {
    const place = makePlace();
    const stores = await Promise.all(Array.from({ length: 4 }, () => place.open()));
    await Promise.all(stores.map((store) => store.call(conformance, "add", { name: "a", by: 1 })));
    const row = await stores[0]?.call(conformance, "readCounter", { name: "a" });
    assert.equal(row?.n, 4);
    await Promise.all(stores.map((store) => store.close()));
  });
});

interface Writer {
  /** Resolves at the first acknowledged addition. */
  readonly first: Promise<void>;
  readonly done: Promise<{ readonly last: number; readonly reason: string }>;
}

/** Adds one after the other until a call is refused. */
function addUntilRefused(store: Store, name: string): Writer {
  const first = Promise.withResolvers<void>();
  const run = async (): Promise<{ last: number; reason: string }> => {
    let last = 0;
    for (;;) {
      try {
        last = await store.call(conformance, "add", { name, by: 1 });
        if (last % 20 === 0) first.resolve();
      } catch (error) {
        assert.ok(PlatformError.is(error));
        return { last, reason: error.reason };
      }
    }
  };
  return { first: first.promise, done: run() };
}

async function crashAfter(
  server: PostgresServer,
  writers: readonly Writer[],
): Promise<readonly { readonly last: number; readonly reason: string }[]> {
  await Promise.all(writers.map(({ first }) => first));
  await server.crash();
  return Promise.all(writers.map(({ done }) => done));
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, types: postgresValues });
  await client.connect();
  return client;
}

/** The same attempt as the store makes, at PostgreSQL's default isolation. */
async function attemptWeakly(client: pg.Client): Promise<void> {
  const query = (text: unknown): unknown =>
    client.query((String(text).startsWith("BEGIN") ? "BEGIN" : text) as string);
  const weak = { query } as unknown as pg.PoolClient;
  const deps = { client: weak, statements: new StatementNames() };
  await attemptProcedure(deps, procedureOf(conformance, "readThenWrite"), { name: "x" });
}

/**
 * `npm run hotel-prices`: deploys the app to the platform that runs, sends a burst of
 * price updates and shows how it drains. `--help` names the options.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "@skerry/base";
import { createClient, type Client } from "@skerry/sdk";
import { startRedis } from "@skerry/testkit";
import { forgetCounts } from "./apply/prices.ts";
import { Redis } from "./apply/redis.ts";
import { runBurst, setTopicUp, takeDown, type Look } from "./firehose/burst.ts";
import { deployApp } from "./firehose/deploy.ts";
import { makeUpdates } from "./firehose/updates.ts";

const DEADLINE_MS = 600_000;
const PARTITIONS = 32;

const HELP = `npm run hotel-prices -- [options]

  --messages N       updates in the burst (100000)
  --hotels N         hotels that they come from (600000)
  --instances LIST   instances at most; several, as in 1,2,4,8, give a row each (8)
  --validity MS      how long an update is valid (60000)
  --redis HOST:PORT  keep prices there (default: one of its own, on a free port)
  --seed N           of the updates (1)
  --json             print the rows as JSON
`;

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "100000" },
    hotels: { type: "string", default: "600000" },
    instances: { type: "string", default: "8" },
    validity: { type: "string", default: "60000" },
    redis: { type: "string" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function clientOfMachine(): Client {
  const { SKERRY_API, SKERRY_GATEWAY, SKERRY_HOME, SKERRY_KEY } = process.env;
  const usual = process.getuid?.() === 0 ? "/var/lib/skerry" : join(homedir(), ".skerry");
  const home = SKERRY_HOME ?? usual;
  return createClient({
    apiUrl: SKERRY_API ?? "http://127.0.0.1:4400",
    gatewayUrl: SKERRY_GATEWAY ?? "http://127.0.0.1:4480",
    key: SKERRY_KEY ?? readFileSync(join(home, "admin.key"), "utf8").trim(),
  });
}

interface Row {
  readonly instances: number;
  readonly drainSeconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly memoryMb: number;
  readonly instancesSeen: number;
  readonly counts: Look["counts"];
}

async function measure(client: Client, address: string, instances: number): Promise<Row> {
  const [host = "", port = ""] = address.split(":");
  const redis = new Redis(Number(port), host);
  try {
    await forgetCounts(redis, PARTITIONS);
    await deployApp({ redis: address, instances, env: process.env });
    await setTopicUp(client, PARTITIONS);
    const count = Number(values.messages);
    const wanted = { count, hotels: Number(values.hotels), validityMs: Number(values.validity) };
    const updates = makeUpdates(seededRandom(Number(values.seed)), {
      ...wanted,
      nowMs: Date.now(),
    });
    let [memoryBytes, instancesSeen] = [0, 0];
    const onLook = (look: Look): void => {
      memoryBytes = Math.max(memoryBytes, look.memoryBytes);
      instancesSeen = Math.max(instancesSeen, sumOf(look.instances));
      if (!values.json) show(look, count);
    };
    const burst = { client, redis, updates, deadlineMs: DEADLINE_MS };
    const last = await runBurst({ ...burst, onLook });
    if (!values.json) process.stdout.write("\n");
    await takeDown(client);
    return {
      instances,
      drainSeconds: Math.round(last.elapsedMs / 100) / 10,
      perSecond: Math.round((count * 1_000) / last.elapsedMs),
      ...last.ages,
      memoryMb: Math.round(memoryBytes / 2 ** 20),
      instancesSeen,
      counts: last.counts,
    };
  } finally {
    redis.close();
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** One line, in place on a terminal. */
function show(look: Look, count: number): void {
  const { counts, instances, ages } = look;
  const running = Object.entries(instances).map(([state, n]) => `${n} ${state}`);
  const line = [
    `${(look.elapsedMs / 1_000).toFixed(1)} s`,
    `published ${look.published}/${count}`,
    `lag ${look.lag}`,
    `applied ${counts.applied}`,
    `superseded ${counts.superseded}`,
    `expired ${counts.expired}`,
    `age p50 ${ages.p50Ms} p99 ${ages.p99Ms} ms`,
    `instances ${running.join(", ") || "0"}`,
  ].join("  ");
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}

function showRows(rows: readonly Row[]): void {
  const titles = "| instances | drained in | updates/s | age p50 | age p99 | memory of instances |";
  const lines = rows.map(
    (row) =>
      `| ${row.instances} | ${row.drainSeconds} s | ${row.perSecond} | ${row.p50Ms} ms | ` +
      `${row.p99Ms} ms | ${row.memoryMb} MB |`,
  );
  process.stdout.write([titles, "| --- | --- | --- | --- | --- | --- |", ...lines, ""].join("\n"));
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  const own = values.redis === undefined ? await startRedis() : undefined;
  const address = values.redis ?? `127.0.0.1:${own?.port}`;
  try {
    const client = clientOfMachine();
    const rows: Row[] = [];
    for (const instances of values.instances.split(",").map(Number))
      rows.push(await measure(client, address, instances));
    if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else showRows(rows);
  } finally {
    await own?.stop();
  }
}

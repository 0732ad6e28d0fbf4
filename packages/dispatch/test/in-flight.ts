/**
 * Measures what many attempts in flight cost control and prints one line of JSON: all are accepted
 * and given to gateways, which are doubles in a process of their own over real sockets, held by
 * them at once, and ended then. `npm run bench -- --only ledger` runs it.
 *
 *   node in-flight.ts [COUNT]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { until } from "@skerry/testkit";
import { GatewayDouble } from "./gateway-double.ts";
import { ids, World } from "./world.ts";

const GATEWAYS = 2;
const FUNCTIONS = 12;
const BATCH = 1_000;
const SETTLE_BATCH = 500;
const PAYLOAD = Buffer.alloc(100, "x");
const WAIT = { deadlineMs: 90_000, everyMs: 50 };

const [first = "100000", path = "", id = ""] = process.argv.slice(2);
if (first === "--hold") await hold();
else process.stdout.write(`${JSON.stringify(await measure(Number(first)))}\n`);

/** A gateway that holds what it is given until it is told to end it. */
async function hold(): Promise<void> {
  const gateway = new GatewayDouble(path, id);
  await gateway.sayHolding();
  process.send?.("ready");
  await once(process, "message");
  // Of what is still on its way.
  gateway.onRun = "end";
  const runs = [...gateway.held.values()];
  for (let at = 0; at < runs.length; at += SETTLE_BATCH) {
    await gateway.settle(runs.slice(at, at + SETTLE_BATCH));
  }
  await once(process, "message");
  gateway.link.close("all is ended");
  process.disconnect?.();
}

async function measure(count: number) {
  await using world = await World.open();
  const holders = await Promise.all(
    Array.from({ length: GATEWAYS }, async () => {
      const args = ["--hold", world.socketPath, ids.id("gw")];
      const child = fork(fileURLToPath(import.meta.url), args);
      await once(child, "message");
      return child;
    }),
  );
  const policy = { concurrency: 10_000 };
  const fns = Array.from({ length: FUNCTIONS }, () => world.function({ policy }));
  const idleMb = memoryMb();
  const fromMs = performance.now();
  for (let made = 0; made < count; made += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, count - made) }, (_, i) => {
      const functionId = fns[(made + i) % FUNCTIONS] ?? world.function();
      const atMs = Date.now();
      const named = { id: ids.requestId(), functionId, source: "url" as const };
      return { ...named, atMs, event: {}, payload: PAYLOAD };
    });
    await world.dispatch.accept(items);
  }
  const acceptedMs = performance.now();
  const outNow = (): number =>
    world.dispatch.values().find(({ name }) => name === "ledger_attempts_out")?.value ?? 0;
  await until("all to be out", () => outNow() >= count, WAIT);
  const heldMs = performance.now();
  const inFlightMb = memoryMb();
  for (const child of holders) child.send("end");
  const isOver = async (): Promise<boolean> => (await world.balance()).sums.succeeded >= count;
  await until("all to end", isOver, WAIT);
  const endedMs = performance.now();
  const afterMb = memoryMb();
  for (const child of holders) child.send("stop");
  await Promise.all(holders.map((child) => once(child, "exit")));
  const { sums, difference } = await world.balance();
  const perSecond = (ms: number): number => Math.round((count / ms) * 1_000);
  return {
    inFlight: count,
    acceptsPerSecond: perSecond(acceptedMs - fromMs),
    heldPerSecond: perSecond(heldMs - fromMs),
    endsPerSecond: perSecond(endedMs - heldMs),
    ...{ idleMb, inFlightMb, afterMb, succeeded: sums.succeeded, difference },
  };
}

function memoryMb(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}

/** What a platform of real processes tells of itself: metrics, traces and logs. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fetchOnce, startPlatform, until, type Platform } from "@skerry/testkit";
import { OtlpReceiver } from "@skerry/testkit/otlp-receiver";
import { ECHO } from "./sources.ts";

const TIMEOUT = { timeout: 600_000 };
const CALLS = 25;
/** One instance, however late it is seen that it has a place again; its lines stay in order. */
const ALONE = { auth: "none", maxInstances: 1 } as const;

async function metrics(platform: Platform): Promise<string> {
  const answer = await fetchOnce(`${platform.apiUrl}/metrics`);
  assert.equal(answer.status, 200);
  return await answer.text();
}

/** The value of the one sample that begins like this. */
function valueOf(page: string, sample: string): number | undefined {
  const line = page.split("\n").find((one) => one.startsWith(sample));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
}

const ECHOED = 'app="insight",function="echo"';
const OK = `skerry_invocations_total{${ECHOED},outcome="ok"}`;

test(
  "one page says of all roles what they did, and goes on counting over restarts",
  TIMEOUT,
  async () => {
    await using platform = await startPlatform({ settings: { metricsOpen: "true" } });
    await platform.deploy({ app: "insight", fn: "echo", files: ECHO, config: ALONE });
    const call = async (): Promise<void> => {
      const answer = await fetchOnce(`${platform.gatewayUrl}/-/insight/echo/?word=hello`);
      assert.equal(answer.status, 200);
      await answer.text();
    };
    for (let n = 0; n < CALLS; n += 1) await call();
    assert.equal((await fetchOnce(`${platform.gatewayUrl}/-/insight/absent/`)).status, 404);
    // Each role tells of itself when it comes to it.
    await until("all of it on the page", async () => {
      assertTold(await metrics(platform));
      return true;
    });

    await platform.restart("control");
    await platform.restart("gateway");
    await call();
    await until("the next call is counted too", async () => {
      return valueOf(await metrics(platform), OK) === CALLS + 1;
    });
  },
);

function assertTold(page: string): void {
  assert.equal(valueOf(page, OK), CALLS);
  assert.equal(valueOf(page, `skerry_invocation_duration_seconds_count{${ECHOED}}`), CALLS);
  assert.equal(valueOf(page, `skerry_queue_wait_seconds_count{${ECHOED}}`), CALLS);
  assert.ok((page.match(/^skerry_cold_starts_total\{.*first_instance.*\} 1$/m) ?? []).length > 0);
  assert.match(
    page,
    /^skerry_instances\{app="insight",function="echo",state="(?:ready|resting)"\} 1$/m,
  );
  for (const role of ["control", "gateway", "agent"]) {
    const own = `{role="${role}",`;
    assert.equal(valueOf(page, `skerry_role_up${own}`), 1, role);
    assert.ok((valueOf(page, `skerry_event_loop_lag_seconds_count${own}`) ?? 0) > 0, role);
    assert.ok((valueOf(page, `skerry_process_resident_memory_bytes${own}`) ?? 0) > 1 << 20, role);
  }
  assert.match(page, /^skerry_gateway_refusals_total\{.*reason="FUNCTION_NOT_FOUND"\} 1$/m);
}

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACED = {
  "index.ts": `
interface Asked { readonly headers?: Record<string, string> }
export function handler(event: Asked, context: { trace: object }): object {
  console.log("traced");
  return { trace: context.trace, header: event.headers?.["traceparent"] };
}
`,
};

test(
  "a traced call is told its span, read back as one span for each stage, and delivered with its log",
  TIMEOUT,
  async () => {
    await using receiver = await OtlpReceiver.start();
    await using platform = await startPlatform({ settings: { otlpEndpoint: receiver.url } });
    await platform.deploy({
      app: "insight",
      fn: "traced",
      files: TRACED,
      config: { auth: "none" },
    });
    const url = `${platform.gatewayUrl}/-/insight/traced/`;
    const traceparent = `00-${TRACE_ID}-${PARENT_ID}-01`;
    const answer = await fetchOnce(url, { headers: { traceparent, tracestate: "vendor=1" } });
    const request = answer.headers.get("x-skerry-request-id") ?? "";
    const [, answeredTrace, answeredSpan] = (answer.headers.get("traceparent") ?? "").split("-");
    const { trace, header } = (await answer.json()) as Told;
    assert.equal(trace.traceparent, header);
    assert.deepEqual(
      [trace.traceId, trace.sampled, trace.tracestate],
      [TRACE_ID, true, "vendor=1"],
    );

    const params = { app: "insight", fn: "traced", request };
    const read = () => platform.client.getInvocationTrace({ params });
    const found = await until("its record", read);
    assert.deepEqual([found.traceId, found.sampled, answeredTrace], [TRACE_ID, true, TRACE_ID]);
    const [whole, ...stages] = found.spans;
    assert.deepEqual([whole?.name, whole?.parentSpanId], ["invocation", PARENT_ID]);
    assert.equal(whole?.spanId, answeredSpan);
    assert.equal(stages.find(({ name }) => name === "handler")?.spanId, trace.spanId);
    const sumMs = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
    assert.ok(Math.abs(sumMs - (whole?.durationMs ?? 0)) < 0.05, "stages make up the whole");

    const ids = ({ spans }: { spans: readonly { readonly spanId: string }[] }): Set<string> =>
      new Set(spans.map(({ spanId }) => spanId));
    // A batch whose answer was late is sent again.
    await until("the receiver has it all", () => {
      const isWhole = ids(receiver).size >= ids(found).size;
      return isWhole && receiver.lines.some(({ body }) => body === "traced");
    });
    assert.deepEqual(receiver.faults, []);
    assert.deepEqual(ids(receiver), ids(found));
    assert.ok(receiver.spans.every(({ traceId }) => traceId === TRACE_ID));
    assert.equal(receiver.lines.find(({ body }) => body === "traced")?.traceId, TRACE_ID);

    const untold = (await (await fetchOnce(url)).json()) as Told;
    assert.equal(untold.trace.sampled, false);
    assert.equal(untold.header, undefined);
  },
);

interface Told {
  readonly trace: {
    readonly traceId: string;
    readonly spanId: string;
    readonly sampled: boolean;
    readonly traceparent: string;
    readonly tracestate?: string;
  };
  readonly header?: string;
}

interface Delivered {
  readonly kind: string;
  readonly app: string;
  readonly function: string;
  readonly requestId: string;
  readonly text?: string;
  readonly stream?: string;
  readonly outcome?: string;
}

test(
  "what functions print is searched, and lies in the file it is delivered to",
  TIMEOUT,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-insight-"));
    const deliverFile = join(directory, "out.jsonl");
    await using platform = await startPlatform({ settings: { deliverFile } });
    await platform.deploy({ app: "insight", fn: "echo", files: ECHO, config: ALONE });
    const ids: string[] = [];
    for (const word of ["one", "Two", "three"]) {
      const answer = await fetchOnce(`${platform.gatewayUrl}/-/insight/echo/?word=${word}`);
      ids.push(answer.headers.get("x-skerry-request-id") ?? "");
      await answer.text();
      if (word === "Two") await platform.restart("control");
    }
    const params = { app: "insight", fn: "echo" };
    const found = await until("the line to be found", async () => {
      const query = { grep: "HEARD TWO" };
      const texts: string[] = [];
      for await (const { text } of platform.client.listLogs({ params, query })) texts.push(text);
      return texts.length > 0 ? texts : undefined;
    });
    assert.deepEqual(found, ["heard Two"]);
    const delivered = (): readonly Delivered[] =>
      readFileSync(deliverFile, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Delivered)
        // START is a line of the platform's when it stands before its record.
        .filter(({ stream }) => stream !== "platform");
    await until("all is in the file", () => delivered().length >= 6);
    const of = (kind: string): readonly Delivered[] =>
      delivered().filter((one) => one.kind === kind);
    assert.deepEqual(
      of("line").map(({ text }) => text),
      ["heard one", "heard Two", "heard three"],
    );
    assert.deepEqual(
      of("invocation").map(({ requestId, outcome }) => [requestId, outcome]),
      ids.map((id) => [id, "ok"]),
    );
    assert.ok(delivered().every(({ app, function: fn }) => app === "insight" && fn === "echo"));
    rmSync(directory, { recursive: true, force: true });
  },
);

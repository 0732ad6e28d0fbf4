/**
 * Delivers to an OTLP/HTTP receiver: spans of invocations, and log lines, each on its own path and
 * by its own delivery. What the receiver says may be tried again is tried again; what it refuses is
 * dropped and counted, as OTLP asks of exporters.
 */
import { spanIdOf, stageSpanIdOf, HANDLER_STAGE, isSampled } from "@skerry/base";
import { renderTrace, type RecordRow, type TraceRow } from "@skerry/invocations";
import {
  encodeLogs,
  encodeSpans,
  type LogLineRow,
  type OtlpLogLine,
  type OtlpOrigin,
  type OtlpSpan,
} from "@skerry/telemetry";
import type { DeliverySink, Parcel, Receipt } from "./delivery.ts";
import type { Traced } from "./delivery-rows.ts";
import { fail } from "./errors.ts";

export interface OtlpOptions {
  /** Base URL; `/v1/traces` and `/v1/logs` are added. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
}

const ANSWER_WITHIN_MS = 10_000;
/** OTLP 1.x, "Retryable Response Codes". */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Longer answers are read no further and say nothing. */
const ANSWER_BYTES_MAX = 64 << 10;

/** Spans of invocations: of those in a sampled trace, or of all. */
export function createSpanSink(options: OtlpOptions, records: "sampled" | "all"): DeliverySink {
  return {
    name: "otlp-traces",
    wants: { lines: false, records },
    deliver: async (parcel, signal) => {
      const spans = parcel.records.flatMap((row) => spansOf(row, parcel));
      const count = spans.length;
      return await post(options, { path: "/v1/traces", body: encodeSpans(spans), count }, signal);
    },
  };
}

/** Log lines of functions. */
export function createLogSink(options: OtlpOptions): DeliverySink {
  return {
    name: "otlp-logs",
    wants: { lines: true, records: "none" },
    deliver: async (parcel, signal) => {
      const lines = parcel.lines.map((row) => lineOf(row, parcel));
      const count = lines.length;
      return await post(options, { path: "/v1/logs", body: encodeLogs(lines), count }, signal);
    },
  };
}

interface Posted {
  readonly path: string;
  readonly body: object;
  readonly count: number;
}

async function post(
  { endpoint, headers, fetch }: OtlpOptions,
  { path, body, count }: Posted,
  signal: AbortSignal,
): Promise<Receipt> {
  const url = `${endpoint.replace(/\/+$/, "")}${path}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw fail("OTLP_RECEIVER_AWAY", { url, why }, error);
  }
  const text = await beginningOf(response);
  if (RETRYABLE.has(response.status)) {
    const retryAfterMs = 1_000 * Number(response.headers.get("retry-after") ?? 0) || 0;
    throw fail("OTLP_RECEIVER_AWAY", { url, why: `status ${response.status}`, retryAfterMs });
  }
  if (!response.ok) return { sent: 0, dropped: count };
  const dropped = Math.min(count, rejectedIn(text));
  return { sent: count - dropped, dropped };
}

/** The answer's text; empty when it is too long or breaks off, whatever was read of it then. */
async function beginningOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    const body: AsyncIterable<Uint8Array> | null = response.body;
    if (body === null) return "";
    for await (const part of body) {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) return "";
      parts.push(part);
    }
  } catch {
    return "";
  }
  return Buffer.concat(parts).toString("utf8");
}

/** What a receiver that took the rest says it has not taken. */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedSpans?: string | number; rejectedLogRecords?: string | number };
    };
    const said = partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedLogRecords ?? 0;
    return Number.isSafeInteger(Number(said)) ? Math.max(0, Number(said)) : 0;
  } catch {
    return 0;
  }
}

function originOf(functionId: string, { nameOf }: Parcel): OtlpOrigin {
  const { app, fn } = nameOf(functionId);
  return { app, fn, functionId };
}

/** A left join gives null where there is no trace. */
function traceOf(row: Traced): Pick<TraceRow, "trace_id" | "parent_id" | "flags"> | undefined {
  const { trace_id: id, parent_id: parent, flags } = row;
  if (id === null || parent === null || flags === null) return undefined;
  return { trace_id: id, parent_id: parent, flags };
}

function spansOf(row: RecordRow & Traced, parcel: Parcel): readonly OtlpSpan[] {
  const { traceId, spans } = renderTrace(row, traceOf(row));
  const origin = originOf(row.function_id, parcel);
  const isServer = (name: string): boolean => name === "invocation";
  return spans.map((span) => ({
    ...{ ...span, origin, traceId },
    name: isServer(span.name) ? `${origin.app}/${origin.fn}` : span.name,
    isServer: isServer(span.name),
    attributes: isServer(span.name) ? attributesOf(row) : { "skerry.stage": span.name },
    failure: isServer(span.name) && row.outcome !== "ok" ? row.outcome : undefined,
  }));
}

function attributesOf(row: RecordRow): OtlpSpan["attributes"] {
  return {
    "faas.invocation_id": row.request_id,
    "faas.version": row.revision_id,
    "faas.instance": row.instance_id ?? undefined,
    "faas.coldstart": row.cold_reason !== "warm",
    "http.response.status_code": row.status,
    "skerry.outcome": row.outcome,
    "skerry.cold_reason": row.cold_reason,
    "skerry.start_kind": row.start_kind,
    "skerry.billed_us": row.billed_us,
    "skerry.memory_mb": row.memory_mb,
    "skerry.trigger_id": row.trigger_id ?? undefined,
    "skerry.execution_id": row.execution_id ?? undefined,
  };
}

function lineOf(row: LogLineRow & Traced, parcel: Parcel): OtlpLogLine {
  const trace = traceOf(row);
  const { request_id: id } = row;
  return {
    origin: originOf(row.function_id, parcel),
    ...{ atMs: row.at_ms, level: row.level as OtlpLogLine["level"], text: row.text },
    traceId: trace !== undefined && isSampled(trace) ? trace.trace_id : undefined,
    spanId: spanOfLine(row.stream, id),
    attributes: {
      "faas.invocation_id": id ?? undefined,
      "faas.version": row.revision_id,
      "faas.instance": row.instance_id,
      "skerry.stream": row.stream,
    },
  };
}

/** What code printed belongs to its handler's span, the platform's own to the invocation's. */
function spanOfLine(stream: string, requestId: string | null): string | undefined {
  if (requestId === null) return undefined;
  return stream === "platform" ? spanIdOf(requestId) : stageSpanIdOf(requestId, HANDLER_STAGE);
}

const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\u0020-\u007e]*)$/;

/** Headers from a file, a line `Name: value` each. Throws OTLP_HEADERS_INVALID. */
export function parseHeaderLines(path: string, text: string): Readonly<Record<string, string>> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const pairs = lines.map((line, at): [string, string] => {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw fail("OTLP_HEADERS_INVALID", { path, why: `line ${at + 1} is no header` });
    }
    return [name.toLowerCase(), value.trim()];
  });
  return Object.fromEntries(pairs);
}

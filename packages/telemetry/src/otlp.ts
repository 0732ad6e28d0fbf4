/**
 * Spans and log lines in OTLP's JSON encoding (opentelemetry-proto 1.x, ProtoJSON): ids as
 * hexadecimal text, 64-bit numbers as decimal text, times in nanoseconds. Written by hand, because
 * the whole of it is two shapes.
 */
import type { SpooledLogLine } from "@skerry/contracts";

/** Whose telemetry it is. */
export interface OtlpOrigin {
  readonly app: string;
  readonly fn: string;
  readonly functionId: string;
}

export type OtlpAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface OtlpSpan {
  readonly origin: OtlpOrigin;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** The one span that answers the caller; the others are within it. */
  readonly isServer: boolean;
  /** Wall milliseconds with fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: OtlpAttributes;
  /** Why it failed; undefined when it did not. */
  readonly failure: string | undefined;
}

export interface OtlpLogLine {
  readonly origin: OtlpOrigin;
  readonly atMs: number;
  readonly level: SpooledLogLine["l"];
  readonly text: string;
  /** Undefined when its request is in no trace that is kept. */
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: OtlpAttributes;
}

/** Kinds, status and severities by their numbers in opentelemetry-proto. */
const SPAN_KIND = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;
const SEVERITY = { debug: 5, info: 9, warn: 13, error: 17 } as const;
const SCOPE = { name: "skerry" };

/** Body of a request to `/v1/traces`. */
export function encodeSpans(spans: readonly OtlpSpan[]): object {
  return {
    resourceSpans: byOrigin(spans).map(({ resource, items }) => ({
      resource,
      scopeSpans: [{ scope: SCOPE, spans: items.map((span) => encodeSpan(span)) }],
    })),
  };
}

/** Body of a request to `/v1/logs`. */
export function encodeLogs(lines: readonly OtlpLogLine[]): object {
  return {
    resourceLogs: byOrigin(lines).map(({ resource, items }) => ({
      resource,
      scopeLogs: [{ scope: SCOPE, logRecords: items.map((line) => encodeLine(line)) }],
    })),
  };
}

function byOrigin<T extends { readonly origin: OtlpOrigin }>(
  all: readonly T[],
): readonly { readonly resource: object; readonly items: readonly T[] }[] {
  const groups = Map.groupBy(all, ({ origin }) => origin.functionId);
  return [...groups.values()].map((items) => ({ resource: resourceOf(items[0]?.origin), items }));
}

function resourceOf(origin: OtlpOrigin | undefined): object {
  const { app, fn, functionId } = origin ?? { app: "", fn: "", functionId: "" };
  return {
    attributes: encodeAttributes({
      "service.namespace": app,
      "service.name": fn,
      "faas.name": `${app}/${fn}`,
      "skerry.function.id": functionId,
    }),
  };
}

function encodeSpan(span: OtlpSpan): object {
  const { traceId, spanId, parentSpanId, name, failure } = span;
  return {
    ...{ traceId, spanId, name },
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    kind: span.isServer ? SPAN_KIND.server : SPAN_KIND.internal,
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs),
    attributes: encodeAttributes(span.attributes),
    status: failure === undefined ? {} : { code: STATUS_ERROR, message: failure },
  };
}

function encodeLine(line: OtlpLogLine): object {
  const { traceId, spanId, atMs, level } = line;
  return {
    timeUnixNano: nanos(atMs),
    observedTimeUnixNano: nanos(atMs),
    severityNumber: SEVERITY[level],
    severityText: level.toUpperCase(),
    body: { stringValue: line.text },
    attributes: encodeAttributes(line.attributes),
    ...(traceId === undefined || spanId === undefined ? {} : { traceId, spanId }),
  };
}

function encodeAttributes(attributes: OtlpAttributes): readonly object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: encodeValue(value) }],
  );
}

function encodeValue(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Whole microseconds are what a record knows. */
function nanos(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

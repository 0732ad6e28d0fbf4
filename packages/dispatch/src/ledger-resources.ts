/** Turns rows of the ledger into the resources of the API. */
import type { WireError } from "@skerry/base";
import type {
  AcceptedInvocation,
  AcceptedInvocationDetails,
  InvocationMoment,
  RedriveResource,
} from "@skerry/api-schema";
import { LATEST } from "@skerry/contracts";
import {
  handledOf,
  nextWork,
  type AttemptRecord,
  type DeliveryRecord,
  type LedgerDetails,
  type LedgerRecord,
  type RedriveRecord,
  type Reported,
} from "@skerry/invocations";

const JSON_TYPE = "application/json";

/** As lists show it. */
export function acceptedInvocationOf(record: LedgerRecord): AcceptedInvocation {
  const { id, app, fn, functionId, state, source, sourceId, event, error } = record;
  const { orderingKey, idempotencyKey, attempts } = record;
  return {
    ...{ id, app, function: fn, functionId, state, source, sourceId },
    acceptedAt: timeOf(record.acceptedMs),
    expiresAt: timeOf(record.expiresMs),
    settledAt: record.settledMs === null ? null : timeOf(record.settledMs),
    ...{ attempts, orderingKey, idempotencyKey, error: errorOf(error) },
    qualifier: event.q ?? LATEST,
    payload: { bytes: record.payloadBytes, type: event.ct ?? JSON_TYPE },
    result: hasResult(record) ? resultOf(record) : null,
  };
}

function hasResult({ state, status, resultBytes }: LedgerRecord): boolean {
  if (state === "succeeded") return true;
  return state === "cancelled" && (status !== null || resultBytes !== null);
}

/** What changes while it runs. */
export function invocationMomentOf(details: AcceptedInvocationDetails): InvocationMoment {
  const { id, state, attempts, settledAt, stopping, progress } = details;
  return { id, state, attempts, settledAt, stopping, progress };
}

/** With its history. */
export function acceptedDetailsOf({
  record,
  ended,
  open,
  delivery,
  progress,
}: LedgerDetails): AcceptedInvocationDetails {
  const isRunning = open !== null && open.startedMs !== null;
  const running = isRunning
    ? [
        {
          ...{ attempt: record.attempts, requestId: open.requestId ?? record.id, outcome: null },
          ...{ startedAt: timeOf(open.startedMs), endedAt: null, error: null },
        },
      ]
    : [];
  return {
    ...acceptedInvocationOf(record),
    dueAt: open === null || isRunning ? null : timeOf(open.dueMs),
    history: [...ended.map(attemptOf), ...running],
    delivery: delivery === null ? null : deliveryOf(delivery),
    stopping: open?.isStopping === true,
    progress: progress === null ? null : progressOf(progress),
  };
}

/** A redrive as it stands at this wall time. */
export function redriveResourceOf(record: RedriveRecord, nowMs: number): RedriveResource {
  const { id, asked, selection, redrive, madeMs, settledMs } = record;
  const { state, phase, matched, skipped, redriven, refused, error } = redrive;
  const { source, states, limit, ratePerSecond, dryRun, qualifier = null } = selection;
  const { app = null, function: fn = null, from = null, to = null } = asked;
  const { trigger = null, target = null } = asked;
  const work = nextWork(redrive, selection, nowMs);
  return {
    ...{ id, state, counting: phase === "counting" && state !== "done" },
    filter: {
      ...{ app, function: fn, trigger, source, from, to },
      state: states.length === 1 ? (states[0] ?? null) : null,
    },
    ...{ target, limit, ratePerSecond, qualifier, dryRun, matched, skipped, redriven },
    refused: Object.entries(refused).map(([reason, count]) => ({ reason, count })),
    left: Math.max(0, matched - skipped - handledOf(redrive)),
    nextAt: work.kind === "wait" ? timeOf(work.untilMs) : null,
    error: errorOf(error),
    createdAt: timeOf(madeMs),
    endedAt: settledMs === null ? null : timeOf(settledMs),
  };
}

function progressOf({ attempt, atMs, value }: Reported): AcceptedInvocationDetails["progress"] {
  return { value: JSON.parse(value) as unknown, at: timeOf(atMs), attempt };
}

function deliveryOf(made: DeliveryRecord): NonNullable<AcceptedInvocationDetails["delivery"]> {
  const { kind, target, state, attempts, dueMs, status, settledMs, toldId, error } = made;
  return {
    ...{ kind, target, state, attempts, status, invocation: toldId, error: errorOf(error) },
    dueAt: state === "waiting" ? timeOf(dueMs) : null,
    settledAt: settledMs === null ? null : timeOf(settledMs),
  };
}

function attemptOf(ended: AttemptRecord): AcceptedInvocationDetails["history"][number] {
  const { attempt, requestId, outcome, startedMs, endedMs, error } = ended;
  return {
    ...{ attempt, requestId, outcome, startedAt: timeOf(startedMs), endedAt: timeOf(endedMs) },
    error: errorOf(error),
  };
}

function resultOf(record: LedgerRecord): AcceptedInvocation["result"] {
  const { status, resultBytes: bytes, resultType: type, resultCut: cut } = record;
  return { status, bytes, type, cut };
}

function errorOf(error: WireError | null): AcceptedInvocation["error"] {
  if (error === null) return null;
  const { details, ...told } = error;
  return details === undefined ? told : { ...told, details };
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

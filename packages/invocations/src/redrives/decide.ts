/**
 * How a redrive goes on, purely. It counts first, from the newest invocation back, so that it knows
 * how much there is and where the newest so many begin; then it accepts anew, from the oldest on,
 * so that ordering keys keep their order. Each step says from where the next one goes on: what is
 * written down with a step is all that a process after this one needs.
 *
 * A function over its limits is put aside with the place where it goes on, so that others are not
 * held up by it; those of one function never overtake one another. What is accepted after the
 * redrive was made lies behind `toSeq`, and so does whatever the redrive itself accepts: it comes
 * to an end.
 */
import type { FunctionId, RequestId, WireError } from "@skerry/base";

/** `failed`: steps of it failed for long, with `error`; it may be resumed. */
export type RedriveState = "running" | "paused" | "done" | "cancelled" | "failed";

/** A function that is over its limits. */
export interface PutAside {
  readonly functionId: FunctionId;
  /** Its own from this number on are still to be put through. */
  readonly seq: number;
  /** Not before this wall time. */
  readonly untilMs: number;
}

/** A redrive as it stands. */
export interface Redrive {
  readonly state: RedriveState;
  readonly phase: "counting" | "accepting";
  /** What is meant: from the first number inclusive to the second exclusive. */
  readonly fromSeq: number;
  readonly toSeq: number;
  /** Counting: everything from here on is counted. Accepting: everything before was come to. */
  readonly position: number;
  readonly aside: readonly PutAside[];
  /** The next one is not due before this wall time. */
  readonly nextMs: number;
  /** What fits, what had been redriven before included. */
  readonly matched: number;
  /** Of these, what had been redriven before, or was gone when it was come to. */
  readonly skipped: number;
  /** Accepted anew. */
  readonly redriven: number;
  /** Not accepted, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly error: WireError | null;
}

/** What was asked for, as far as it matters here. */
export interface RedriveBounds {
  /** At most so many that were not redriven before, the newest; null for all. */
  readonly limit: number | null;
  readonly ratePerSecond: number | null;
  readonly dryRun: boolean;
}

/** One that fits and was not redriven before. */
export interface Redrivable {
  readonly seq: number;
  readonly id: RequestId;
  readonly functionId: FunctionId;
  readonly payloadBytes: number;
}

/** What is to be done next. */
export type RedriveWork =
  /** Nothing, unless somebody resumes it. */
  | { readonly kind: "rest" }
  /** Nothing before this wall time. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** To count what fits, from `toSeq` (exclusive) back. */
  | { readonly kind: "count"; readonly fromSeq: number; readonly toSeq: number }
  /** To read what fits in this range, of one function, or of all that are not put aside. */
  | {
      readonly kind: "look";
      readonly functionId: FunctionId | null;
      readonly fromSeq: number;
      readonly toSeq: number;
    }
  /** Everything was come to. */
  | { readonly kind: "end" };

/** What counting found. */
export interface Counted {
  /** Numbers of what fits and was not redriven before, from the newest back. */
  readonly fresh: readonly number[];
  /** What fits and was redriven before. */
  readonly known: number;
  /** Everything from there on was looked at; null when that was all. */
  readonly nextSeq: number | null;
}

/** What looking found. */
export interface Found {
  readonly items: readonly Redrivable[];
  /** Everything before it was looked at; null when that was all. */
  readonly nextSeq: number | null;
}

/** Whether one may be accepted now. */
export type Verdict =
  | { readonly kind: "enter" }
  /** Its function is over a limit: not before so long. */
  | { readonly kind: "later"; readonly waitMs: number }
  | { readonly kind: "refused"; readonly reason: string };

/** One to be accepted with the step, not before its time. */
export interface Entering extends Redrivable {
  readonly dueMs: number;
}

/** A step: how it stands once it is made, but for what the store says was accepted. */
export interface RedriveStep {
  readonly next: Redrive;
  readonly enter: readonly Entering[];
}

export const REDRIVE_STEPS = {
  /** Invocations that one step looks at. */
  rowsMax: 1_000,
  /** And accepts. */
  batchMax: 100,
  bytesMax: 8 << 20,
  /** So far ahead of its time one may be accepted, to be due then. */
  aheadMs: 500,
  /** Functions that are put aside at once; another one holds up all behind it. */
  asideMax: 64,
  putOffMsMax: 3_600_000,
} as const;

/** One that has just been asked for. */
export function newRedrive(range: { readonly fromSeq: number; readonly toSeq: number }): Redrive {
  const counts = { matched: 0, skipped: 0, redriven: 0, refused: {} };
  return {
    ...{ state: "running", phase: "counting", ...range, position: range.toSeq },
    ...{ aside: [], nextMs: 0, ...counts, error: null },
  };
}

/** What is to be done next. */
export function nextWork(redrive: Redrive, bounds: RedriveBounds, nowMs: number): RedriveWork {
  const { state, phase, fromSeq, toSeq, position, nextMs, aside } = redrive;
  if (state !== "running") return { kind: "rest" };
  if (phase === "counting") return { kind: "count", fromSeq, toSeq: position };
  if (bounds.limit !== null && handledOf(redrive) >= bounds.limit) return { kind: "end" };
  if (!isDue(nextMs, nowMs)) return { kind: "wait", untilMs: nextMs };
  const byTime = aside.toSorted((a, b) => a.untilMs - b.untilMs);
  const [first] = byTime;
  const due = byTime.find(({ untilMs }) => isDue(untilMs, nowMs));
  if (due !== undefined) {
    return { kind: "look", functionId: due.functionId, fromSeq: due.seq, toSeq: position };
  }
  if (position < toSeq) return { kind: "look", functionId: null, fromSeq: position, toSeq };
  return first === undefined ? { kind: "end" } : { kind: "wait", untilMs: first.untilMs };
}

/** When it has something to do, not before `nowMs`; a whole number. */
export function nextDueMs(redrive: Redrive, bounds: RedriveBounds, nowMs: number): number {
  const work = nextWork(redrive, bounds, nowMs);
  return Math.ceil(work.kind === "wait" ? work.untilMs : nowMs);
}

/** No step puts off so long: such a time is of a clock that was set back since. */
function isDue(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs || atMs > nowMs + REDRIVE_STEPS.putOffMsMax;
}

/** How it stands when these are counted. */
export function counted(redrive: Redrive, bounds: RedriveBounds, found: Counted): Redrive {
  const { limit, dryRun } = bounds;
  const left = limit === null ? Infinity : limit - (redrive.matched - redrive.skipped);
  const fresh = found.fresh.slice(0, Math.max(0, left));
  const isFull = fresh.length === left;
  const next = {
    ...redrive,
    matched: redrive.matched + fresh.length + found.known,
    skipped: redrive.skipped + found.known,
    position: found.nextSeq ?? redrive.fromSeq,
  };
  if (found.nextSeq !== null && !isFull) return next;
  if (dryRun || next.matched === next.skipped) return { ...next, state: "done" };
  const fromSeq = isFull ? (fresh.at(-1) ?? next.position) : next.fromSeq;
  return { ...next, phase: "accepting", fromSeq, position: fromSeq };
}

/**
 * What of these is accepted now, and how it stands then. `judge` is asked once for each of them.
 */
export function decideStep(
  { redrive, bounds, functionId, nowMs }: StepOf,
  found: Found,
  judge: (item: Redrivable) => Verdict,
): RedriveStep {
  const taken = take({ redrive, bounds, functionId, nowMs }, found, judge);
  const refused = { ...redrive.refused };
  for (const reason of taken.refused) refused[reason] = (refused[reason] ?? 0) + 1;
  const { enter, aside, position, nextMs } = taken;
  return { next: { ...redrive, aside, position, nextMs, refused }, enter };
}

/** What a step is of. */
interface StepOf {
  readonly redrive: Redrive;
  readonly bounds: RedriveBounds;
  /** The one that was put aside and is looked at now; null for all that are not. */
  readonly functionId: FunctionId | null;
  readonly nowMs: number;
}

interface Taken {
  readonly enter: readonly Entering[];
  readonly refused: readonly string[];
  readonly aside: readonly PutAside[];
  readonly position: number;
  readonly nextMs: number;
}

function take(
  { redrive, bounds, functionId, nowMs }: StepOf,
  { items, nextSeq }: Found,
  judge: (item: Redrivable) => Verdict,
): Taken {
  const gapMs = bounds.ratePerSecond === null ? 0 : 1_000 / bounds.ratePerSecond;
  const room = bounds.limit === null ? Infinity : bounds.limit - handledOf(redrive);
  const aside = new Map(redrive.aside.map((one) => [one.functionId, one]));
  const enter: Entering[] = [];
  const refused: string[] = [];
  let dueMs = nowMs;
  let bytes = 0;
  let stop: Stop | undefined;
  for (const item of items) {
    if (functionId === null && aside.has(item.functionId)) continue;
    const isFull =
      enter.length + refused.length >= room ||
      enter.length >= REDRIVE_STEPS.batchMax ||
      (enter.length > 0 && bytes + item.payloadBytes > REDRIVE_STEPS.bytesMax);
    if (isFull || dueMs > nowMs + REDRIVE_STEPS.aheadMs) {
      stop = { seq: item.seq, untilMs: nowMs };
      break;
    }
    const verdict = judge(item);
    if (verdict.kind === "enter") {
      enter.push({ ...item, dueMs: Math.ceil(dueMs) });
      dueMs += gapMs;
      bytes += item.payloadBytes;
    } else if (verdict.kind === "refused") refused.push(verdict.reason);
    else {
      const waits = { seq: item.seq, untilMs: nowMs + verdict.waitMs };
      if (functionId === null && aside.size < REDRIVE_STEPS.asideMax) {
        aside.set(item.functionId, { functionId: item.functionId, ...waits });
        continue;
      }
      stop = waits;
      break;
    }
  }
  const nextMs = gapMs === 0 || enter.length === 0 ? redrive.nextMs : Math.ceil(dueMs);
  const taken = { enter, refused };
  if (functionId === null) {
    const position = stop?.seq ?? nextSeq ?? redrive.toSeq;
    return { ...taken, aside: [...aside.values()], position, nextMs: laterOf(nextMs, stop) };
  }
  const seq = stop?.seq ?? nextSeq;
  if (seq === null) aside.delete(functionId);
  else aside.set(functionId, { functionId, seq, untilMs: stop?.untilMs ?? nowMs });
  return { ...taken, aside: [...aside.values()], position: redrive.position, nextMs };
}

/** Where a step stopped before the end of what was found. */
interface Stop {
  readonly seq: number;
  readonly untilMs: number;
}

function laterOf(nextMs: number, stop: Stop | undefined): number {
  return Math.max(nextMs, stop?.untilMs ?? 0);
}

/**
 * How it stands once everything was come to: what nobody else accounts for was not there any more.
 */
export function ended(redrive: Redrive): Redrive {
  const handled = handledOf(redrive);
  const matched = Math.max(redrive.matched, handled + redrive.skipped);
  return { ...redrive, state: "done", matched, skipped: matched - handled };
}

/** What was accepted anew or refused. */
export function handledOf({ redriven, refused }: Pick<Redrive, "redriven" | "refused">): number {
  return Object.values(refused).reduce((sum, n) => sum + n, redriven);
}

/** What somebody wants of it. */
export type RedriveTurn =
  | { readonly kind: "pause" | "resume" | "cancel" }
  | { readonly kind: "fail"; readonly error: WireError };

/** How it stands then; itself when it stands so already; undefined for one that has ended. */
export function turned(redrive: Redrive, turn: RedriveTurn): Redrive | undefined {
  const { state } = redrive;
  if (state === "done" || state === "cancelled") return undefined;
  switch (turn.kind) {
    case "pause":
      return state === "running" ? { ...redrive, state: "paused" } : redrive;
    case "resume":
      return state === "running" ? redrive : { ...redrive, state: "running", error: null };
    case "cancel":
      return { ...redrive, state: "cancelled" };
    case "fail":
      return state === "running" ? { ...redrive, state: "failed", error: turn.error } : redrive;
  }
}

/**
 * Decides for the consumer of one partition. Pure: the shell reads, writes down, gives out, waits,
 * and says what happened.
 *
 * Of messages with one key, only the oldest that is open is given out, together with those that
 * follow it in the same batch; so what completes, completes in order, whatever is tried again. A
 * failed message holds back its key and nobody else. A batch that failed as a whole does not tell
 * whose fault it was: its messages come again in halves, until the culprit fails alone, so that no
 * message is given up for its neighbour's sake.
 *
 * Effects of one decision belong to one transaction: `save` with the dead letters, before what it
 * gives out is given out.
 */
import type { GroupSettings } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import { chooseBatch } from "./choose-batch.ts";
import {
  durablePart,
  flightsOf,
  positionOf,
  type ConsumerState,
  type MessageHead,
  type OpenMessage,
  type SavedPosition,
} from "./consumer-state.ts";

/** How a batch ended. */
export type BatchResult =
  | { readonly kind: "ok" }
  /** The function names those that failed. Not one of them in the batch: it failed as a whole. */
  | { readonly kind: "partial"; readonly failed: readonly number[]; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string }
  /** No fault of the function: tried again for as long as it takes. */
  | { readonly kind: "unavailable" };

export type ConsumerEvent =
  /**
   * All there is from `from` to before `nextOffset`, in any order, and more than once. One that
   * begins beyond what was read is of no use and is asked for again.
   */
  | {
      readonly kind: "read";
      readonly from: number;
      readonly messages: readonly MessageHead[];
      readonly nextOffset: number;
      readonly endOffset: number;
    }
  | { readonly kind: "readFailed" }
  /** There is more to read. */
  | { readonly kind: "appended"; readonly endOffset: number }
  /** `chance` in [0, 1) spreads retries. A flight that is not out changes nothing. */
  | {
      readonly kind: "ended";
      readonly flight: number;
      readonly result: BatchResult;
      readonly chance: number;
    }
  | { readonly kind: "paused"; readonly isPaused: boolean }
  | { readonly kind: "tick" };

export interface GivenUp {
  readonly offset: number;
  readonly attempts: number;
  readonly reason: string;
}

export type ConsumerEffect =
  | { readonly kind: "save"; readonly saved: SavedPosition; readonly dead: readonly GivenUp[] }
  /** The messages of one batch, ascending. */
  | { readonly kind: "dispatch"; readonly flight: number; readonly offsets: readonly number[] }
  | {
      readonly kind: "read";
      readonly from: number;
      readonly messagesMax: number;
      readonly bytesMax: number;
    }
  /** Tick then. Each decision's replaces the one before. */
  | { readonly kind: "wake"; readonly atMs: number };

export interface Decided {
  readonly state: ConsumerState;
  readonly effects: readonly ConsumerEffect[];
}

const READ_BYTES = 1 << 20;
const OPEN_BYTES_MAX = 4 << 20;
const READ_RETRY_MS = 500;

/** One step while an event is worked off: the state, and what has to be told of it. */
interface Step {
  readonly state: ConsumerState;
  readonly dead: readonly GivenUp[];
  readonly settled: number;
  readonly expired: number;
}

/** Total: any event in any state. */
export function decide(before: ConsumerState, event: ConsumerEvent, nowMs: number): Decided {
  const step = dropOld(countLost(applyEvent(before, event, nowMs)), nowMs);
  const { state: rested, batches, wakeMs } = giveOut(step.state, nowMs);
  const { state, effects: reads } = readOn(rested, nowMs);
  const hasNews =
    batches.length > 0 ||
    step.dead.length > 0 ||
    step.settled + step.expired > 0 ||
    event.kind === "ended" ||
    isMoved(before, state);
  const saved = durablePart(state, step);
  const wake = [...wakeMs, ...(state.readDueMs > nowMs ? [state.readDueMs] : [])];
  return {
    state,
    effects: [
      ...(hasNews ? [{ kind: "save" as const, saved, dead: step.dead }] : []),
      ...batches,
      ...reads,
      ...(wake.length > 0 ? [{ kind: "wake" as const, atMs: Math.min(...wake) }] : []),
    ],
  };
}

function countLost(step: Step): Step {
  const { lost } = step.state;
  return { ...step, state: { ...step.state, lost: 0 }, expired: step.expired + lost };
}

/** What was only read, and is given out next, need not be written. */
function isMoved(before: ConsumerState, after: ConsumerState): boolean {
  return after.open.length === 0 && positionOf(before) !== positionOf(after);
}

function applyEvent(state: ConsumerState, event: ConsumerEvent, nowMs: number): Step {
  const still = { state, dead: [], settled: 0, expired: 0 };
  switch (event.kind) {
    case "read":
      return takeRead(state, event, nowMs);
    case "readFailed":
      return { ...still, state: { ...state, isReading: false, readDueMs: nowMs + READ_RETRY_MS } };
    case "appended": {
      const endOffset = Math.max(state.endOffset, event.endOffset);
      return { ...still, state: { ...state, endOffset } };
    }
    case "paused":
      return { ...still, state: { ...state, isPaused: event.isPaused } };
    case "ended":
      return endFlight(state, event, nowMs);
    case "tick":
      return still;
  }
}

/** Gaps are messages that nobody has any more. */
function takeRead(
  state: ConsumerState,
  event: ConsumerEvent & { kind: "read" },
  nowMs: number,
): Step {
  const { readOffset } = state;
  if (event.from > readOffset) {
    return { state: { ...state, isReading: false }, dead: [], settled: 0, expired: 0 };
  }
  const fresh = new Map<number, MessageHead>();
  for (const head of event.messages) {
    if (head.offset >= readOffset && head.offset < event.nextOffset) fresh.set(head.offset, head);
  }
  const added = [...fresh.values()]
    .toSorted((a, b) => a.offset - b.offset)
    .map((head): OpenMessage => ({ ...head, attempts: 0, dueMs: 0, suspects: 0, flight: null }));
  const nextOffset = Math.max(readOffset, event.nextOffset);
  const isVain = event.from === readOffset && nextOffset === readOffset;
  return {
    state: {
      ...state,
      ...{ open: [...state.open, ...added], readOffset: nextOffset, isReading: false },
      readDueMs: isVain ? nowMs + READ_RETRY_MS : state.readDueMs,
      endOffset: Math.max(state.endOffset, event.endOffset, nextOffset),
    },
    ...{ dead: [], settled: 0, expired: nextOffset - readOffset - added.length },
  };
}

function endFlight(
  state: ConsumerState,
  { flight, result, chance }: ConsumerEvent & { kind: "ended" },
  nowMs: number,
): Step {
  const flown = state.open.filter((message) => message.flight === flight);
  const faults = result.kind === "unavailable" ? state.faults + 1 : 0;
  const { settings } = state;
  const pause = { settings, chance, nowMs };
  const verdict = judge(flown, result, { ...pause, faults, gone: state.gone });
  const open = state.open.flatMap((message) => {
    if (message.flight !== flight) return [message];
    const back = verdict.back.get(message.offset);
    return back === undefined ? [] : [back];
  });
  const settled = flown.length - verdict.back.size - verdict.dead.length;
  const next = { ...state, open, faults: flown.length === 0 ? state.faults : faults };
  return { state: next, dead: verdict.dead, settled, expired: 0 };
}

interface Verdict {
  /** To be tried again, by offset. */
  readonly back: ReadonlyMap<number, OpenMessage>;
  readonly dead: readonly GivenUp[];
}

interface Pause {
  readonly settings: GroupSettings;
  readonly chance: number;
  readonly nowMs: number;
}

function judge(
  flown: readonly OpenMessage[],
  result: BatchResult,
  pause: Pause & { readonly faults: number; readonly gone: ReadonlySet<number> },
): Verdict {
  if (result.kind === "ok") return { back: new Map(), dead: [] };
  if (result.kind === "unavailable") {
    const dueMs = dueAfter(pause.faults, pause);
    return { back: backAll(flown, (one) => ({ ...one, dueMs })), dead: [] };
  }
  const named = new Set(result.kind === "partial" ? result.failed : []);
  const failed = flown.filter(({ offset }) => named.has(offset));
  if (failed.length > 0) return judgeNamed(flown, failed, { ...pause, reason: result.reason });
  // Retention took those that are named: the others were run, and well.
  if (named.values().some((offset) => pause.gone.has(offset))) return { back: new Map(), dead: [] };
  if (flown.length === 1) return judgeNamed(flown, flown, { ...pause, reason: result.reason });
  const suspects = Math.ceil(flown.length / 2);
  const dueMs = dueAfter(1, pause);
  return { back: backAll(flown, (one) => ({ ...one, dueMs, suspects })), dead: [] };
}

/**
 * Those named failed count an attempt, the first of each key; the others of its key that came after
 * it wait for it and count none. The rest is settled.
 */
function judgeNamed(
  flown: readonly OpenMessage[],
  failed: readonly OpenMessage[],
  pause: Pause & { readonly reason: string },
): Verdict {
  const offsets = new Set(failed.map(({ offset }) => offset));
  const held = new Set<string>();
  const back = new Map<number, OpenMessage>();
  const dead: GivenUp[] = [];
  for (const one of flown) {
    if (one.key !== null && held.has(one.key)) {
      back.set(one.offset, { ...one, flight: null, suspects: 0 });
      continue;
    }
    if (!offsets.has(one.offset)) continue;
    if (one.key !== null) held.add(one.key);
    const attempts = one.attempts + 1;
    if (attempts >= pause.settings.attempts) {
      dead.push({ offset: one.offset, attempts, reason: pause.reason });
    } else {
      const dueMs = dueAfter(attempts, pause);
      back.set(one.offset, { ...one, flight: null, suspects: 0, attempts, dueMs });
    }
  }
  return { back, dead };
}

function backAll(
  flown: readonly OpenMessage[],
  change: (one: OpenMessage) => OpenMessage,
): ReadonlyMap<number, OpenMessage> {
  return new Map(flown.map((one) => [one.offset, { ...change(one), flight: null }]));
}

/** Between half of the wait and the whole of it; doubles with each failure. */
function dueAfter(failures: number, { settings, chance, nowMs }: Pause): number {
  const { retryDelayMs, retryDelayMsMax } = settings;
  const doubled = retryDelayMs * 2 ** Math.min(failures - 1, 40);
  const ceiling = Math.min(doubled, Math.max(retryDelayMs, retryDelayMsMax));
  return nowMs + Math.round(ceiling / 2 + (chance * ceiling) / 2);
}

/** What is too old is nobody's any more, unless it is out. */
function dropOld(step: Step, nowMs: number): Step {
  const { maxAgeMs } = step.state.settings;
  if (maxAgeMs === undefined) return step;
  const open = step.state.open.filter(
    ({ atMs, flight }) => flight !== null || atMs + maxAgeMs > nowMs,
  );
  const expired = step.state.open.length - open.length;
  if (expired === 0) return step;
  return { ...step, state: { ...step.state, open }, expired: step.expired + expired };
}

interface GivenOut {
  readonly state: ConsumerState;
  readonly batches: readonly ConsumerEffect[];
  readonly wakeMs: readonly number[];
}

function giveOut(before: ConsumerState, nowMs: number): GivenOut {
  let state = before;
  const batches: ConsumerEffect[] = [];
  const room = state.isPaused ? 0 : state.settings.batchesAtOnce - flightsOf(state).size;
  for (let i = 0; i < room; i += 1) {
    const choice = chooseBatch(state, nowMs);
    if (choice.kind === "wait") return { state, batches, wakeMs: choice.untilMs };
    const { offsets } = choice;
    const flight = state.nextFlight;
    batches.push({ kind: "dispatch", flight, offsets });
    const chosen = new Set(offsets);
    state = {
      ...state,
      nextFlight: flight + 1,
      open: state.open.map((one) => (chosen.has(one.offset) ? { ...one, flight } : one)),
      givenOffset: Math.max(state.givenOffset, (offsets.at(-1) ?? 0) + 1),
    };
  }
  return { state, batches, wakeMs: [] };
}

function readOn(
  state: ConsumerState,
  nowMs: number,
): { readonly state: ConsumerState; readonly effects: readonly ConsumerEffect[] } {
  const { isPaused, isReading, readOffset, endOffset, open } = state;
  const messagesMax = LIMITS.topicOpenMessagesMax - open.length;
  const bytes = open.reduce((sum, one) => sum + one.bytes, 0);
  const isIdle = isPaused || isReading || state.readDueMs > nowMs || readOffset >= endOffset;
  // Twice what is given out next is enough.
  const isFed = messagesMax <= 0 || bytes >= OPEN_BYTES_MAX || hasPlenty(state);
  if (isIdle || isFed) return { state, effects: [] };
  const read = { kind: "read", from: readOffset, messagesMax, bytesMax: READ_BYTES } as const;
  return { state: { ...state, isReading: true }, effects: [read] };
}

/** Messages behind a key that is out or tried again do not count: they must not starve others. */
function hasPlenty({ open, settings }: ConsumerState): boolean {
  const held = new Set<string | null>();
  let waiting = 0;
  for (const { key, flight, attempts, suspects } of open) {
    const isFresh = flight === null && attempts === 0 && suspects === 0;
    if (!isFresh) held.add(key);
    else if (key === null || !held.has(key)) waiting += 1;
  }
  return waiting >= 2 * settings.batchMessages * settings.batchesAtOnce;
}

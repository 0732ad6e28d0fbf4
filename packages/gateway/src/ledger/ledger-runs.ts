/**
 * Makes the attempts that control gives to this gateway: each is an invocation of its function,
 * through the same limits, router and record as a call. One that cannot begin is told as what
 * prevented it, never dropped; control tries it again.
 */
import { type Clock, type FunctionId, PlatformError, parseTraceparent } from "@skerry/base";
import {
  failFunction,
  HOST_SUFFIX,
  isCallSource,
  LIMITS,
  type Outcome,
  type RunPiece,
} from "@skerry/contracts";
import type {
  AttemptEnd,
  AttemptListener,
  RunAttempt,
  RunningAttempt,
} from "@skerry/ledger-client";
import { tracedHeaders } from "@skerry/requests";
import {
  type AliasTally,
  BodyHold,
  type BodyBudget,
  enter,
  noRoom,
  type Callee,
  Invocation,
  type InvocationRequest,
  type Recipient,
} from "@skerry/live-invocations";
import { Job } from "./job.ts";
import { LedgerRecipient, wireErrorOf } from "./ledger-recipient.ts";

export interface LedgerRunsDeps {
  readonly clock: Clock;
  readonly bodies: BodyBudget;
  /** Of results that come in parts. */
  readonly results: BodyBudget;
  readonly calleeOf: CalleeOf;
  readonly tallyFor: TallyFor;
}

/**
 * Undefined when there is no such function here, or not yet; throws QUALIFIER_NOT_FOUND for one
 * that has no such version or alias.
 */
export type CalleeOf = (id: FunctionId, qualifier: string | undefined) => LedgerCallee | undefined;

/** What counts the calls by a qualifier that led to a function; undefined unless it is an alias. */
export type TallyFor = (id: FunctionId, qualifier: string) => AliasTally | undefined;

/** A function, and how busy it is; its shell fits. */
export interface LedgerCallee extends Callee {
  readonly counts: { readonly waiting: number };
  /** Why a request that came now would be turned away. Counts nothing, and promises nothing. */
  look(): PlatformError | undefined;
  /** A request was turned away by a look. */
  turnedAway(refusal: PlatformError): void;
}

/** The other half of a function's queue is for those whose callers wait. */
const WAITING_MAX = LIMITS.queueLengthMax / 2;

/** How the ledger's attempts are made. */
export function createRunAttempt(deps: LedgerRunsDeps): RunAttempt {
  return (piece, payload, { ended, reported }) => {
    const callee = findCallee(deps, piece);
    if (PlatformError.is(callee)) {
      ended(refused("unavailable", callee));
      return undefined;
    }
    if (callee.counts.waiting >= WAITING_MAX) {
      ended(refused("throttled", tooManyWait(callee)));
      return undefined;
    }
    const gathered = new BodyHold(deps.results);
    const isCall = isCallSource(piece.src);
    const alias = piece.q === undefined ? undefined : deps.tallyFor(piece.f, piece.q);
    const request = { ...requestOf(piece, callee, deps.clock), alias };
    const begin: Begin = {
      ...{ callee, payload, gathered, reported, request },
      recipientOf: (invocation, over) => {
        const outcome = (): Outcome => invocation().outcome;
        const onEnd = (end: AttemptEnd): void => {
          over();
          ended(end);
        };
        return new LedgerRecipient({ outcome, ended: onEnd, hold: gathered, isCall });
      },
    };
    const begun = beginRun(deps, begin);
    if (!PlatformError.is(begun)) return begun;
    ended(refused("throttled", begun));
    return undefined;
  };
}

function findCallee(
  { calleeOf }: Pick<LedgerRunsDeps, "calleeOf">,
  { f, q }: RunPiece,
): LedgerCallee | PlatformError {
  try {
    return calleeOf(f, q) ?? failFunction("FUNCTION_NOT_FOUND", { function: f });
  } catch (error) {
    return PlatformError.from(error);
  }
}

/** What is to run, and where its answer goes. */
export interface Begin {
  readonly callee: Callee;
  readonly request: InvocationRequest;
  readonly payload: Uint8Array;
  /** Given back when it is given up. */
  readonly gathered: BodyHold;
  readonly reported: AttemptListener["reported"];
  /** `over` is to be called at its end. */
  readonly recipientOf: (invocation: () => Invocation, over: () => void) => Recipient;
}

/** Lets it in, or says why not. */
export function beginRun(
  deps: Pick<LedgerRunsDeps, "bodies" | "clock">,
  begin: Begin,
): RunningAttempt | PlatformError {
  const { callee, payload, gathered, reported, recipientOf } = begin;
  const hold = new BodyHold(deps.bodies);
  const refusal = hold.take(payload.length) ? callee.admit() : noRoom(callee.entry);
  if (refusal !== undefined) {
    hold.release();
    return refusal;
  }
  const get = (): Invocation => invocation;
  const job = new Job({ clock: deps.clock, owner: callee, invocation: get, reported });
  const recipient = recipientOf(get, () => job.ended());
  const invocation = new Invocation(callee, { ...begin.request, side: job }, recipient);
  invocation.bodyHold = hold;
  enter(callee, invocation, payload);
  return {
    get hasBegun() {
      return invocation.isLive;
    },
    stop: () => job.stop(),
    cancel: () => {
      // Nobody hears of its end, but it may not run on for hours.
      if (invocation.isLive) return job.stop();
      invocation.clientLeft();
      gathered.release();
    },
  };
}

function tooManyWait({ entry }: Callee): PlatformError {
  const why = "as many accepted invocations wait for a slot as may";
  return failFunction("FUNCTION_THROTTLED", { function: `${entry.app}/${entry.name}`, why });
}

function refused(outcome: AttemptEnd["outcome"], error: PlatformError): AttemptEnd {
  return { outcome, status: error.httpStatus, error: wireErrorOf(error) };
}

/** An attempt as a request: of a call the one that was made, else of an event. */
export function requestOf(piece: RunPiece, { entry }: Callee, clock: Clock): InvocationRequest {
  const context = piece.tp === undefined ? undefined : parseTraceparent(piece.tp);
  const trace = context === undefined ? undefined : { ...context, state: undefined };
  const { ct, rq } = piece;
  const said = rq?.h ?? (ct === undefined ? [] : ["content-type", ct]);
  return {
    id: piece.r,
    method: rq?.m ?? "EVENT",
    url: rq?.u ?? "/",
    authority: rq?.a ?? `${entry.name}.${entry.app}${HOST_SUFFIX}`,
    headers: trace === undefined ? said : tracedHeaders(said, trace, piece.r),
    arrivedMs: clock.monotonicMs(),
    startWallMs: clock.wallMs(),
    showsAnatomy: false,
    trace,
    clientContext: piece.cc,
    action: piece.ac,
    attempt: { id: piece.id, n: piece.n },
    isCall: isCallSource(piece.src),
    // Its caller may be gone: it has its function's own time.
    ...(rq?.c && { call: { parentId: rq.c.p, depth: rq.c.d, deadlineMs: Infinity } }),
  };
}

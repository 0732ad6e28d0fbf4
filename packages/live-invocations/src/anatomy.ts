/**
 * Where the time of one request went. Stages of a start count only as far as this request waited
 * for them: one that came when the code was half loaded is shown the other half. The handler's time
 * is measured here; what the instance says of it is believed only to tell a resume from the
 * handler.
 */
import type { ColdReason, InstanceGrant, StartKind } from "@skerry/contracts";

export interface Anatomy {
  readonly coldReason: ColdReason;
  readonly startKind: StartKind;
  readonly queueUs: number;
  readonly placeUs: number;
  /** Start of the sandbox, or resume of a resting one. */
  readonly bootUs: number;
  readonly codeUs: number;
  readonly initUs: number;
  readonly handlerUs: number;
}

/** How an instance was reached by one request. */
export interface Passage {
  readonly queuedMs: number;
  readonly dispatchedMs: number;
  readonly endedMs: number;
  readonly coldReason: ColdReason;
  readonly resumed: boolean;
  readonly grant: InstanceGrant;
  readonly readyMs: number;
  /** Microseconds until the answer, as the instance told; undefined when it told nothing. */
  readonly toldUs: number | undefined;
  /** Microseconds until the answer's head arrived here. */
  readonly headUs: number | undefined;
}

/** A resume that took longer counts as the handler's time. */
const RESUME_US_MAX = 10_000;

export function anatomyOf(passage: Passage): Anatomy {
  const waitedUs = (passage.dispatchedMs - passage.queuedMs) * 1000;
  const spentUs = (passage.endedMs - passage.dispatchedMs) * 1000;
  const resumeUs = resumeUsOf(passage);
  const handlerUs = spentUs - resumeUs;
  if (passage.coldReason === "warm") {
    const startKind = passage.resumed ? "resumed" : "warm";
    const none = { placeUs: 0, bootUs: resumeUs, codeUs: 0, initUs: 0 };
    return { coldReason: "warm", startKind, queueUs: waitedUs, ...none, handlerUs };
  }
  const { grant, coldReason } = passage;
  let leftUs = Math.max(0, (passage.readyMs - passage.queuedMs) * 1000);
  const share = (stageUs: number): number => {
    const sharedUs = Math.min(leftUs, Math.max(0, stageUs));
    leftUs -= sharedUs;
    return sharedUs;
  };
  const initUs = share(grant.initUs);
  const codeUs = share(grant.codeUs);
  const bootUs = share(grant.bootUs);
  const placeUs = share(grant.placeUs);
  const queueUs = Math.max(0, waitedUs - initUs - codeUs - bootUs - placeUs);
  const { startKind } = grant;
  return { coldReason, startKind, queueUs, placeUs, bootUs, codeUs, initUs, handlerUs };
}

/** A request that reached no instance. */
export interface VainWait {
  readonly waitedUs: number;
  /** Why it waited for a start; `warm` when it waited for none. */
  readonly coldReason: ColdReason;
  /** What the failed start took, as the agent told; undefined when it told nothing. */
  readonly initUs: number | undefined;
}

/** All its time was waiting, as far as it is not known to be a start that failed. */
export function anatomyOfWait({ waitedUs, coldReason, initUs = 0 }: VainWait): Anatomy {
  const isWarm = coldReason === "warm";
  const sharedUs = isWarm ? 0 : Math.min(waitedUs, initUs);
  const none = { placeUs: 0, bootUs: 0, codeUs: 0, handlerUs: 0 };
  const startKind = isWarm ? "warm" : "none";
  return { coldReason, startKind, queueUs: waitedUs - sharedUs, ...none, initUs: sharedUs };
}

function resumeUsOf({ resumed, toldUs, headUs }: Passage): number {
  if (!resumed || toldUs === undefined || headUs === undefined) return 0;
  return Math.min(RESUME_US_MAX, Math.max(0, headUs - toldUs));
}

/** Whole milliseconds, rounded up, of the handler's time. */
export function billedUsOf(anatomy: Anatomy): number {
  return Math.ceil(anatomy.handlerUs / 1000) * 1000;
}

/** The value of `Server-Timing`. */
export function serverTiming(anatomy: Anatomy): string {
  const { coldReason, startKind, queueUs, placeUs, bootUs, codeUs, initUs, handlerUs } = anatomy;
  const boot = startKind === "resumed" ? "resume" : "boot";
  const stages = [
    ["queue", queueUs],
    ["place", placeUs],
    [boot, bootUs],
    ["code", codeUs],
    ["init", initUs],
    ["handler", handlerUs],
  ] as const;
  const timed = stages.map(([name, us]) => `${name};dur=${(us / 1000).toFixed(3)}`).join(", ");
  return `${timed}, reason;desc="${coldReason}", start;desc="${startKind}"`;
}

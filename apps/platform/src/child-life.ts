/**
 * The life of one role's process as the supervisor sees it: started, ready, asked to leave, ended,
 * started again with growing pauses while it keeps failing. Pure; the supervisor performs.
 */
export type ChildLife =
  | { readonly kind: "starting"; readonly failures: number }
  | { readonly kind: "up"; readonly sinceMs: number; readonly failures: number }
  | { readonly kind: "draining" }
  | { readonly kind: "ended" };

export type ChildEvent =
  | { readonly kind: "ready" }
  | { readonly kind: "drainAsked" }
  | { readonly kind: "exited" };

/** What follows: nothing, or a replacement after a pause. */
export type ChildEffect = {
  readonly kind: "replace";
  readonly afterMs: number;
  readonly failures: number;
};

/** Longest pause before a role that cannot even start is tried again. */
const RESTART_MS_MAX = 5_000;
/** The pause after one that was up: people wait for it. */
const RESTART_UP_MS = 250;
/** One that was up is replaced at once so often, though it ended soon each time. */
const RESTARTS_AT_ONCE = 3;
/** A process that was up this long has not failed at once. */
const HEALTHY_AFTER_MS = 10_000;

export function decideChild(
  life: ChildLife,
  event: ChildEvent,
  nowMs: number,
): { readonly life: ChildLife; readonly effects: readonly ChildEffect[] } {
  switch (event.kind) {
    case "ready":
      return life.kind === "starting"
        ? { life: { kind: "up", sinceMs: nowMs, failures: life.failures }, effects: [] }
        : { life, effects: [] };
    case "drainAsked":
      return life.kind === "ended"
        ? { life, effects: [] }
        : { life: { kind: "draining" }, effects: [] };
    case "exited":
      return { life: { kind: "ended" }, effects: afterExit(life, nowMs) };
  }
}

/** A process that was told to leave is not replaced by its own end. */
function afterExit(life: ChildLife, nowMs: number): readonly ChildEffect[] {
  if (life.kind === "draining" || life.kind === "ended") return [];
  const wasUp = life.kind === "up";
  const healthy = wasUp && nowMs - life.sinceMs >= HEALTHY_AFTER_MS;
  const failures = healthy ? 0 : life.failures + 1;
  return [{ kind: "replace", afterMs: pauseMs(wasUp, failures), failures }];
}

function pauseMs(wasUp: boolean, failures: number): number {
  if (wasUp) return failures <= RESTARTS_AT_ONCE ? 0 : RESTART_UP_MS;
  return failures <= 1 ? 0 : Math.min(RESTART_MS_MAX, 50 * 2 ** failures);
}

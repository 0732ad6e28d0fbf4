export { decideAlias, type AliasAsk } from "./qualifying/alias.ts";
export { overlaid, overlaidId, OverlaidIds, overlayOf } from "./qualifying/overlay.ts";
export { AliasPatterns, compilePattern, patternProblems } from "./qualifying/patterns.ts";
export { decideRoute } from "./routing/router.ts";
export { isQueueFull } from "./routing/waiting.ts";
export {
  countRoute,
  createRouteState,
  routePolicyOf,
  type RejectWhy,
  type RouteCounts,
  type RouteEffect,
  type RouteEvent,
  type RoutePolicy,
  type RouteState,
} from "./routing/state.ts";
export { AccountBook } from "./limiting/account-book.ts";
export { CallLimits, type LimitsDeps, type ThrottleCount } from "./limiting/call-limits.ts";
export {
  createAccountUse,
  createFunctionUse,
  decideAdmission,
  endAdmitted,
  type AccountUse,
  type Admission,
  type FunctionUse,
} from "./limiting/admission.ts";
export {
  createAccountVolume,
  createFunctionVolume,
  decideLine,
  type AccountVolume,
  type FunctionVolume,
} from "./limiting/log-volume.ts";
export {
  createBreaker,
  forgottenAtMs,
  heldUntilMs,
  judgeEnd,
  signOf,
  type Breaker,
  type Sign,
  type Verdict,
} from "./limiting/breaker.ts";
export { boundsOfLimits, boundsOfQuotas } from "./limiting/share.ts";
export { provisionByAliases, type AliasProvision } from "./placing/alias-provision.ts";
export {
  countInstances,
  hasSchedules,
  kindOfInstance,
  missingProvisioned,
  provisionRetryMs,
  type ProvisionFailures,
  type RevisionRef,
} from "./placing/provisioning.ts";
export { provisionAt, untilNextMinuteMs, type Provision } from "./placing/schedule.ts";
export {
  decidePlacing,
  type Lease,
  type PlacedFunction,
  type LeasesByNode,
  type PlacingNode,
} from "./placing/placing.ts";

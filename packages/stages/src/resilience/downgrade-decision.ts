/**
 * When another than the target answers. The target goes on beside what is tried in its place, and
 * answers after all if it is the first. What it answered badly is held until something better is
 * found, and is the answer when nothing is. Pure.
 */
import type { DowngradePolicy, DowngradeReason } from "@skerry/contracts";

export type DowngradeState =
  /** Nothing but the target is asked. */
  | { readonly at: "asked" }
  | {
      readonly at: "trying";
      readonly reason: DowngradeReason;
      /** Place in the policy's list. */
      readonly option: number;
      /** The target has answered badly. */
      readonly isHeld: boolean;
    }
  /** Nothing in its place could answer; it is waited for. */
  | { readonly at: "waiting" }
  | { readonly at: "settled" };

export type DowngradeEvent =
  /** It would have to start, and takes longer than is waited for. */
  | { readonly kind: "cold" }
  /** The target answers as it should. */
  | { readonly kind: "answered" }
  /** It answers badly; undefined: as the request deserves. */
  | { readonly kind: "failed"; readonly reason: DowngradeReason | undefined }
  /** What is tried in its place answers, or has nothing. */
  | { readonly kind: "optionAnswered" }
  | { readonly kind: "optionRefused" };

export type DowngradeEffect =
  /** The target's answer goes on, good or bad. */
  | { readonly kind: "target" }
  | { readonly kind: "try"; readonly option: number; readonly reason: DowngradeReason }
  /** The answer of what is tried goes on, and the target is left. */
  | { readonly kind: "option"; readonly option: number; readonly reason: DowngradeReason }
  | { readonly kind: "nothing" };

export interface Downgraded {
  readonly state: DowngradeState;
  readonly effect: DowngradeEffect;
}

const SETTLED: DowngradeState = { at: "settled" };
const NOTHING: DowngradeEffect = { kind: "nothing" };

export function decideDowngrade(
  policy: Pick<DowngradePolicy, "on" | "to">,
  state: DowngradeState,
  event: DowngradeEvent,
): Downgraded {
  if (state.at === "settled") return { state, effect: NOTHING };
  switch (event.kind) {
    case "answered":
      return { state: SETTLED, effect: { kind: "target" } };
    case "cold":
    case "failed":
      return leave(policy, state, event);
    case "optionAnswered":
    case "optionRefused":
      if (state.at !== "trying") return { state, effect: NOTHING };
      return event.kind === "optionRefused" ? next(policy, state) : taken(state);
  }
}

type Trying = Extract<DowngradeState, { readonly at: "trying" }>;

function leave(
  { on }: Pick<DowngradePolicy, "on">,
  state: Exclude<DowngradeState, { readonly at: "settled" }>,
  event: Extract<DowngradeEvent, { readonly kind: "cold" | "failed" }>,
): Downgraded {
  const isHeld = event.kind === "failed";
  const reason = event.kind === "failed" ? event.reason : "cold";
  if (state.at === "trying") {
    return { state: isHeld ? { ...state, isHeld } : state, effect: NOTHING };
  }
  if (state.at === "asked" && reason !== undefined && on.includes(reason)) {
    const effect = { kind: "try", option: 0, reason } as const;
    return { state: { at: "trying", option: 0, reason, isHeld }, effect };
  }
  return isHeld ? { state: SETTLED, effect: { kind: "target" } } : { state, effect: NOTHING };
}

function taken({ option, reason }: Trying): Downgraded {
  return { state: SETTLED, effect: { kind: "option", option, reason } };
}

function next({ to }: Pick<DowngradePolicy, "to">, state: Trying): Downgraded {
  const option = state.option + 1;
  if (option < to.length) {
    return { state: { ...state, option }, effect: { kind: "try", option, reason: state.reason } };
  }
  if (state.isHeld) return { state: SETTLED, effect: { kind: "target" } };
  return { state: { at: "waiting" }, effect: NOTHING };
}

/** A request of a route that another may answer when its target is cold, failing or overloaded. */
import { PlatformError, type Cancel, type Clock } from "@skerry/base";
import {
  GATEWAY_HEADERS,
  type DowngradePolicy,
  type DowngradeReason,
  type RouteTarget,
} from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";
import type { RoutedCall } from "../ports.ts";
import {
  decideDowngrade,
  type DowngradeEffect,
  type DowngradeEvent,
  type DowngradeState,
} from "./downgrade-decision.ts";
import { failureOf, isFailing } from "./failures.ts";
import { Gate, type FirstSign } from "./gate.ts";

export type DowngradeOption = DowngradePolicy["to"][number];

export interface DowngradeInit {
  readonly policy: DowngradePolicy;
  readonly to: AnswerSink;
  /** The target would have to start. */
  readonly isCold: boolean;
  /** Asks the target; throws why it is refused before it waits for anything. */
  readonly ask: (to: AnswerSink) => RoutedCall;
  /**
   * Asks what stands in its place. Throws, or resolves to false, when that has nothing for this
   * request.
   */
  readonly askOption: (option: DowngradeOption, to: AnswerSink) => RoutedCall | Promise<boolean>;
  /** Something else than the target answers. */
  readonly onDowngrade: (reason: DowngradeReason) => void;
}

export class Downgrade implements RoutedCall {
  readonly #init: DowngradeInit;
  readonly #target: Gate;
  #state: DowngradeState = { at: "asked" };
  readonly #call: RoutedCall | undefined;
  readonly #cancelCold: Cancel | undefined;
  #isLate = false;
  #option: { readonly gate: Gate; call?: RoutedCall } | undefined;

  constructor(clock: Clock, init: DowngradeInit) {
    const { policy, isCold, ask } = init;
    this.#init = init;
    this.#target = new Gate(init.to, (sign) => this.#tell(targetEvent(sign)));
    if (isCold && policy.on.includes("cold"))
      this.#cancelCold = clock.schedule(policy.coldMs, () => this.#tell({ kind: "cold" }));
    try {
      this.#call = ask(this.#target);
    } catch (error) {
      this.#target.fail(PlatformError.from(error));
    }
  }

  abandon(): void {
    this.#state = { at: "settled" };
    this.#cancelCold?.();
    // Whoever waits to write more is told, even where it is not ours to give up.
    this.#target.drop();
    this.#call?.abandon();
    this.#leaveOption();
  }

  /**
   * The time of what is asked is over. The target has answered with this, unless it had before;
   * what is asked in its place has nothing, when it had as much time. True: nothing is asked any
   * more.
   */
  expire(error: PlatformError): boolean {
    if (!this.#isLate) {
      this.#isLate = true;
      // One that answered badly was in time: what is held of it may be the answer yet, to its end.
      if (this.#target.hasSign) return false;
      this.#target.fail(error);
      this.#call?.abandon();
    } else if (this.#state.at === "trying") {
      this.#tellOf(this.#state.option, { kind: "optionRefused" });
    }
    return this.#state.at === "settled";
  }

  #tell(event: DowngradeEvent): void {
    const { state, effect } = decideDowngrade(this.#init.policy, this.#state, event);
    this.#state = state;
    this.#perform(effect);
  }

  #perform(effect: DowngradeEffect): void {
    if (effect.kind === "nothing") return;
    if (effect.kind === "try") return this.#try(effect.option);
    this.#cancelCold?.();
    if (effect.kind === "target") {
      this.#leaveOption();
      return this.#target.open();
    }
    this.#target.drop();
    this.#call?.abandon();
    const { policy, onDowngrade } = this.#init;
    const { option, reason } = effect;
    onDowngrade(reason);
    const what = `${reason}; ${describe(policy.to[option])}`;
    this.#option?.gate.open([GATEWAY_HEADERS.downgrade, what]);
  }

  #try(place: number): void {
    this.#leaveOption();
    const option = this.#init.policy.to[place];
    const refuse = (): void => this.#tellOf(place, { kind: "optionRefused" });
    if (option === undefined) return refuse();
    const gate = new Gate(this.#init.to, (sign) => this.#tellOf(place, optionEvent(option, sign)));
    const tried: { readonly gate: Gate; call?: RoutedCall } = { gate };
    this.#option = tried;
    try {
      const asked = this.#init.askOption(option, gate);
      if (!(asked instanceof Promise)) tried.call = asked;
      else asked.then((isThere) => (isThere ? undefined : refuse())).catch(refuse);
    } catch {
      refuse();
    }
  }

  /** What an option says that was left meanwhile is nobody's. */
  #tellOf(place: number, event: DowngradeEvent): void {
    if (this.#state.at === "trying" && this.#state.option === place) this.#tell(event);
  }

  #leaveOption(): void {
    this.#option?.gate.drop();
    this.#option?.call?.abandon();
    this.#option = undefined;
  }
}

function targetEvent(sign: FirstSign): DowngradeEvent {
  if ("error" in sign) return { kind: "failed", reason: failureOf(sign.error) };
  return isFailing(sign.head.status) ? { kind: "failed", reason: "failing" } : { kind: "answered" };
}

function optionEvent(option: DowngradeOption, sign: FirstSign): DowngradeEvent {
  // A fixed answer is meant, whatever its status is.
  const isMeant = option !== "stale" && "answer" in option;
  const isBad = "error" in sign || (isFailing(sign.head.status) && !isMeant);
  return { kind: isBad ? "optionRefused" : "optionAnswered" };
}

function describe(option: DowngradeOption | undefined): string {
  if (option === undefined || option === "stale") return "stale";
  return whatOf(option);
}

function whatOf(target: RouteTarget): string {
  if ("function" in target) return `function ${target.function}`;
  if ("files" in target) return `files of ${target.files}`;
  if ("redirect" in target) return "redirect";
  return "answer" in target ? "answer" : "upstream";
}

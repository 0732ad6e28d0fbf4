/**
 * The ledger's own account of itself: sums for the page of metrics, read a moment after something
 * happened and at most as often, and a check of the books now and then. A check counts what is
 * open, which takes as long as there is much of it: it is made so rarely that it takes a fixed part
 * of the time at most.
 */
import type { Cancel } from "@skerry/base";
import type { RoleValue } from "@skerry/contracts";
import type { LedgerBalance, LedgerSums } from "@skerry/invocations";
import type { Admission } from "./admission.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { DISPATCH_LIMITS } from "./limits.ts";
import type { DispatchDeps } from "./ports.ts";
import { storeModule } from "./store-module.ts";

const STATES = ["accepted", "succeeded", "failed", "expired", "cancelled"] as const;

export class Books {
  readonly #deps: DispatchDeps;
  readonly #dispatcher: Dispatcher;
  readonly #admission: Pick<Admission, "refused">;
  #sums: LedgerSums | undefined;
  #cancelReading: Cancel | undefined;
  #balance: LedgerBalance | undefined;
  #work: Promise<void> = Promise.resolve();
  #cancel: Cancel | undefined;
  #isClosed = false;

  constructor(deps: DispatchDeps, dispatcher: Dispatcher, admission: Pick<Admission, "refused">) {
    this.#deps = deps;
    this.#dispatcher = dispatcher;
    this.#admission = admission;
  }

  /** Checks the books from now on. */
  start(): void {
    this.#work = this.#check();
  }

  /** Something has happened: the sums are read again soon. */
  touch(): void {
    if (this.#cancelReading !== undefined || this.#isClosed) return;
    const { sumsEveryMs } = DISPATCH_LIMITS;
    const read = (): void => {
      this.#cancelReading = undefined;
      this.#add(this.#readSums());
    };
    this.#cancelReading = this.#deps.clock.schedule(sumsEveryMs, read, { background: true });
  }

  /** For the page of metrics. */
  values(): readonly RoleValue[] {
    const { starts, startWaitMs, lanes, out, breakersOpen, breakersOpened } =
      this.#dispatcher.figures;
    const balance = this.#balance;
    const sums = this.#sums;
    return [
      ...(sums === undefined
        ? []
        : STATES.map((state): RoleValue => ({
            ...{ name: "ledger_invocations_total", label: state, value: sums[state] },
          }))),
      ...(sums === undefined ? [] : deliveriesOf(sums)),
      ...(sums === undefined ? [] : [value("ledger_open", openOf(sums))]),
      ...(balance === undefined ? [] : [value("ledger_difference", differenceOf(balance))]),
      value("ledger_lanes", lanes),
      value("ledger_attempts_out", out),
      ...Array.from(this.#admission.refused, ([label, count]): RoleValue => ({
        ...{ name: "ledger_refused_total", label, value: count },
      })),
      value("ledger_breakers_open", breakersOpen),
      value("ledger_breakers_opened_total", breakersOpened),
      value("ledger_starts_total", starts),
      value("ledger_start_wait_ms_total", startWaitMs),
    ];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    this.#cancelReading?.();
    await this.#work;
  }

  async #readSums(): Promise<void> {
    const { store, log } = this.#deps;
    try {
      this.#sums = await store.call(storeModule, "readSums", null);
    } catch (error) {
      log.debug("the ledger's sums could not be read", { error });
    }
  }

  #add(work: Promise<void>): void {
    this.#work = Promise.all([this.#work, work]).then(() => undefined);
  }

  async #check(): Promise<void> {
    const { clock, store, log } = this.#deps;
    const fromMs = clock.monotonicMs();
    try {
      const balance = await store.call(storeModule, "readBalance", null);
      this.#balance = balance;
      this.#sums = balance.sums;
      const { sums, ready, held, blocked, difference, openDifference, deliveries } = balance;
      if (differenceOf(balance) !== 0) {
        log.error("the ledger's books do not balance", {
          ...{ difference, openDifference, ...sums, ready, held, blocked, deliveries },
        });
      }
    } catch (error) {
      log.warn("the ledger's books could not be checked", { error });
    }
    if (this.#isClosed) return;
    const tookMs = clock.monotonicMs() - fromMs;
    const { balanceEveryMs, balanceShareMax } = DISPATCH_LIMITS;
    const waitMs = Math.max(balanceEveryMs, tookMs / balanceShareMax);
    const again = (): void => this.#add(this.#check());
    this.#cancel = clock.schedule(waitMs, again, { background: true });
  }
}

function differenceOf({ difference, openDifference, deliveries }: LedgerBalance): number {
  return Math.abs(difference) + Math.abs(openDifference) + Math.abs(deliveries.difference);
}

function deliveriesOf({ owed, delivered, undelivered }: LedgerSums): readonly RoleValue[] {
  const name = "ledger_deliveries_total";
  return [
    { name, label: "owed", value: owed },
    { name, label: "delivered", value: delivered },
    { name, label: "failed", value: undelivered },
  ];
}

function openOf(sums: LedgerSums): number {
  const { accepted, succeeded, failed, expired, cancelled } = sums;
  return Math.max(0, accepted - succeeded - failed - expired - cancelled);
}

function value(name: RoleValue["name"], amount: number): RoleValue {
  return { name, value: amount };
}

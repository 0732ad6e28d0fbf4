/**
 * Holds the log volume of this node's functions, by the pure decision of `@skerry/functions`. Lines
 * are dropped before they are spooled, so a flood costs no disk; bounds may change while instances
 * run.
 */
import type { AccountId, Clock, FunctionId } from "@skerry/base";
import type { FunctionEntry, RoleValue } from "@skerry/contracts";
import {
  createAccountVolume,
  createFunctionVolume,
  decideLine,
  type AccountVolume,
  type FunctionVolume,
} from "@skerry/functions";
import type { ConfigView } from "./ports.ts";

const MINUTE_MS = 60_000;
const KIB = 1_024;
/** Counters of functions that have not written for longest go first. */
const FUNCTIONS_MAX = 10_000;

export type DroppedBy = "function" | "account";

/** What is to be done with one line, and what the log is to say before it. */
export interface LineVerdict {
  readonly isKept: boolean;
  readonly remarks: readonly string[];
}

/** Decides the lines of one function. */
export type LineGate = (bytes: number) => LineVerdict;

const KEPT: LineVerdict = { isKept: true, remarks: [] };

/** What of the configuration bounds log lines. */
type Bounded = Pick<ConfigView, "functionById" | "quotasOf">;

export class LogVolumes {
  readonly #deps: { readonly clock: Clock; readonly config: Bounded };
  readonly #functions = new Map<FunctionId, FunctionVolume>();
  readonly #accounts = new Map<AccountId, AccountVolume>();
  readonly #dropped: Record<DroppedBy, number> = { function: 0, account: 0 };

  constructor(deps: { readonly clock: Clock; readonly config: Bounded }) {
    this.#deps = deps;
  }

  /** The gate of a function. */
  gateOf({ id, accountId }: Pick<FunctionEntry, "id" | "accountId">): LineGate {
    return (bytes) => this.#decide({ id, accountId, bytes });
  }

  /** Lines dropped since the process began. */
  get values(): readonly RoleValue[] {
    return (["function", "account"] as const).map((label) => ({
      name: "log_lines_dropped_total",
      label,
      value: this.#dropped[label],
    }));
  }

  #decide(line: {
    readonly id: FunctionId;
    readonly accountId: AccountId;
    readonly bytes: number;
  }): LineVerdict {
    const { id, accountId, bytes } = line;
    const { config, clock } = this.#deps;
    const own = config.functionById(id)?.latest.config.limits?.logKbPerMinute;
    const quota = config.quotasOf(accountId).logKbPerMinute;
    const bounds = {
      fn: own === undefined ? undefined : own * KIB,
      account: quota === null ? undefined : quota * KIB,
    };
    const minute = Math.floor(clock.monotonicMs() / MINUTE_MS);
    const fn = this.#functionOf(id);
    const said = decideLine(fn, this.#accountOf(accountId), { bytes, minute, bounds });
    if (said.kind === "kept" && said.droppedBefore === 0) return KEPT;
    const remarks: string[] = [];
    if (said.droppedBefore > 0) {
      remarks.push(`${said.droppedBefore} log lines were dropped at the limit of log volume.`);
    }
    if (said.kind === "kept") return { isKept: true, remarks };
    this.#dropped[said.by] += 1;
    if (said.isFirst) remarks.push(textOf(said.by, { own, quota }));
    return { isKept: false, remarks };
  }

  #functionOf(id: FunctionId): FunctionVolume {
    const known = this.#functions.get(id) ?? createFunctionVolume();
    this.#functions.delete(id);
    this.#functions.set(id, known);
    const oldest = this.#functions.keys().next().value;
    if (this.#functions.size > FUNCTIONS_MAX && oldest !== undefined) {
      this.#functions.delete(oldest);
    }
    return known;
  }

  #accountOf(id: AccountId): AccountVolume {
    const known = this.#accounts.get(id) ?? createAccountVolume();
    this.#accounts.set(id, known);
    return known;
  }
}

function textOf(
  by: DroppedBy,
  { own, quota }: { readonly own: number | undefined; readonly quota: number | null },
): string {
  const rest = "Lines are dropped until the minute is over";
  return by === "function"
    ? `${rest}: the function keeps ${own} KiB of log in a minute (limits.logKbPerMinute).`
    : `${rest}: the account keeps ${quota} KiB of log in a minute (skerry quotas set --log-kb-per-minute N).`;
}

/** A ledger over each store, with a clock that is told the time. */
import {
  createIdSource,
  seededRandom,
  silentLog,
  systemClock,
  type AccountId,
  type FunctionId,
} from "@skerry/base";
import { ASYNC_POLICY, type AsyncPolicy, type AttemptOutcome } from "@skerry/contracts";
import { openMemoryStore, openPostgresStore, type Store } from "@skerry/store";
import { casesOnBothStores } from "@skerry/testkit";
import type { Accepted, NewInvocation } from "../src/ledger/accept.ts";
import type { ClaimedRun } from "../src/ledger/claim.ts";
import type { Destinations, DestinationsByFunction } from "../src/ledger/destinations.ts";
import { packInvocations, unpackAnswers } from "../src/ledger/packed.ts";
import type { AttemptEnd, ReleaseArgs } from "../src/ledger/settle.ts";
import { ledgerSource, storeModule as ledgerModule } from "./ledger-module.ts";

const random = seededRandom(5);
export const ids = createIdSource({ clock: systemClock(), random });
export const HOUR_MS = 3_600_000;
const DEPS = { clock: systemClock(), log: silentLog(), random };
const MODULES = [ledgerSource];

export class LedgerWorld {
  readonly store: Store;
  readonly accountId: AccountId = ids.id("acct");
  nowMs = 1_000_000;
  #seq = 0;

  constructor(store: Store) {
    this.store = store;
  }

  function(): FunctionId {
    return ids.id("fn");
  }

  invocation(functionId: FunctionId, more: Partial<NewInvocation> = {}): NewInvocation {
    this.#seq += 1;
    return {
      ...{ seq: this.#seq, id: ids.requestId(), accountId: this.accountId, functionId },
      ...{ app: "shop", fn: "work", source: "url", sourceId: null },
      ...{ acceptedMs: this.nowMs, dueMs: this.nowMs, expiresMs: this.nowMs + HOUR_MS },
      ...{ orderingKey: null, idempotency: null, event: {}, payload: Buffer.from("1") },
      ...more,
    };
  }

  /** As control does it. */
  async accept(...items: readonly NewInvocation[]): Promise<readonly Accepted[]> {
    const packed = packInvocations(items);
    const args = { items: packed, slot: this.#slot() };
    return unpackAnswers(packed, await this.store.call(ledgerModule, "acceptPacked", args));
  }

  /** The transaction itself. */
  acceptAsTold(...items: readonly NewInvocation[]) {
    return this.store.call(ledgerModule, "accept", { items, slot: this.#slot() });
  }

  claim(
    functionId: FunctionId,
    more: { holder?: string; max?: number; destinations?: Destinations | undefined } = {},
  ) {
    const { holder = "one", max = 10, destinations } = more;
    const requestIds = Array.from({ length: max }, () => ids.requestId());
    const args = { functionId, holder, nowMs: this.nowMs, requestIds, slot: this.#slot() };
    return this.store.call(ledgerModule, "claim", { ...args, destinations });
  }

  /** Ends attempts, all the same way. */
  settle(
    runs: readonly Pick<ClaimedRun, "id" | "attempt">[],
    outcome: AttemptOutcome,
    more: {
      holder?: string;
      policy?: AsyncPolicy;
      end?: Partial<AttemptEnd>;
      destinations?: DestinationsByFunction;
    } = {},
  ) {
    const { holder = "one", policy = ASYNC_POLICY, end, destinations = {} } = more;
    const items = runs.map(({ id, attempt }): AttemptEnd => ({
      ...{ id, attempt, outcome, policy, chance: 1, startedMs: this.nowMs, endedMs: this.nowMs },
      ...end,
    }));
    const args = { holder, items, destinations, nowMs: this.nowMs, slot: this.#slot() };
    return this.store.call(ledgerModule, "settle", args);
  }

  /** Its platform says that it is there. */
  note(holder: string, nowMs: number) {
    return this.store.call(ledgerModule, "beat", { holders: [holder], nowMs, goneMs: 0 });
  }

  release(
    holder: string,
    kept: readonly ClaimedRun[] | null,
    more: Partial<Pick<ReleaseArgs, "rowsMax" | "seenMs" | "givingUp">> = {},
  ) {
    const args = {
      ...{ holder, kept, rowsMax: 100, ...more, policy: ASYNC_POLICY, chance: 0 },
      ...{ nowMs: this.nowMs, slot: this.#slot() },
    };
    return this.store.call(ledgerModule, "release", args);
  }

  cancel(id: NewInvocation["id"]) {
    const args = { id, nowMs: this.nowMs, slot: this.#slot() };
    return this.store.call(ledgerModule, "cancel", args);
  }

  balance() {
    return this.store.call(ledgerModule, "readBalance", null);
  }

  #slot(): number {
    return Math.floor(random.float() * 1_000);
  }
}

/** Titles, and what is shown of an empty ledger. */
export type LedgerCases = Readonly<Record<string, (world: LedgerWorld) => Promise<void>>>;

/** Runs each case on SQLite and, where it is installed, on PostgreSQL. */
export function onBothStores(title: string, cases: LedgerCases): void {
  casesOnBothStores(title, cases, {
    name: "ledger",
    inMemory: () => openMemoryStore(DEPS, { modules: MODULES }),
    onPostgres: (at) => openPostgresStore(DEPS, { ...at, modules: MODULES, poolMax: 4 }),
    worldOf: (store) => new LedgerWorld(store),
  });
}

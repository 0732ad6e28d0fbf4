/**
 * How many accepted invocations are open, of each function and account, as far as this process
 * knows: what the store's books said, and what was accepted and ended here since. What is on its
 * way into the store is counted with it, so that a bound holds for what comes at once. Others who
 * share the database are seen when the books are read again, at most a second later: until then a
 * bound is passed by what they accept meanwhile.
 */
import type { AccountId, Cancel, Clock, FunctionId, Log } from "@skerry/base";
import type { OpenCount } from "@skerry/invocations";

export interface OpenBookDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly read: () => Promise<readonly OpenCount[]>;
  /** Undefined for a function that is gone: it counts for no account. */
  readonly accountOf: (id: FunctionId) => AccountId | undefined;
}

interface FunctionCount {
  readonly accountId: AccountId | undefined;
  open: number;
  /** On their way into the store. */
  coming: number;
}

/** What is open of an account. */
export interface AccountCount {
  all: number;
  /** Functions of which something is. */
  functions: number;
}

const READ_EVERY_MS = 1_000;
/** Of a store of its own what was read while something changed is not believed, but for so long. */
const BELIEVE_AFTER_MS = 10_000;
const NONE: AccountCount = { all: 0, functions: 0 };

export class OpenBook {
  readonly #deps: OpenBookDeps;
  readonly #isShared: boolean;
  #functions = new Map<FunctionId, FunctionCount>();
  #accounts = new Map<AccountId, AccountCount>();
  #coming = 0;
  /** Changes since a reading began. */
  #since: Map<FunctionId, number> | undefined;
  #version = 0;
  #doubtedAtMs: number | undefined;
  #cancelRead: Cancel | undefined;
  #reading: Promise<void> | undefined;
  #isClosed = false;

  constructor(deps: OpenBookDeps, isShared: boolean) {
    this.#deps = deps;
    this.#isShared = isShared;
  }

  /** Rejects with the store's reasons. */
  async start(): Promise<void> {
    await this.#read(true);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRead?.();
    await this.#reading;
  }

  of(id: FunctionId): number {
    const count = this.#functions.get(id);
    return count === undefined ? 0 : Math.max(0, count.open) + count.coming;
  }

  ofAccount(id: AccountId): AccountCount {
    return this.#accounts.get(id) ?? NONE;
  }

  /** One is on its way. */
  coming(id: FunctionId): void {
    this.#coming += 1;
    this.#change(id, { open: 0, coming: 1 });
  }

  /** It has come, or it was not accepted. */
  came(id: FunctionId, isOpen: boolean): void {
    this.#coming -= 1;
    this.#change(id, { open: isOpen ? 1 : 0, coming: -1 });
  }

  /** So many more are open. */
  add(id: FunctionId, open: number): void {
    if (open !== 0) this.#change(id, { open, coming: 0 });
  }

  /** Something was changed that is not known here: the books are read again soon. */
  doubt(): void {
    this.#version += 1;
    this.#doubtedAtMs ??= this.#deps.clock.monotonicMs();
    if (this.#cancelRead !== undefined || this.#isClosed) return;
    const read = (): void => {
      this.#cancelRead = undefined;
      this.#reading = this.#readAgain();
    };
    const options = { background: true };
    this.#cancelRead = this.#deps.clock.schedule(READ_EVERY_MS, read, options);
  }

  #change(id: FunctionId, by: { readonly open: number; readonly coming: number }): void {
    if (by.open !== 0) this.#since?.set(id, (this.#since.get(id) ?? 0) + by.open);
    this.#put(id, by);
    this.doubt();
  }

  #put(id: FunctionId, by: { readonly open: number; readonly coming: number }): void {
    let count = this.#functions.get(id);
    if (count === undefined) {
      count = { accountId: this.#deps.accountOf(id), open: 0, coming: 0 };
      this.#functions.set(id, count);
    }
    const before = Math.max(0, count.open) + count.coming;
    count.open += by.open;
    count.coming += by.coming;
    const after = Math.max(0, count.open) + count.coming;
    if (count.open === 0 && count.coming === 0) this.#functions.delete(id);
    this.#putAccount(count.accountId, before, after);
  }

  #putAccount(id: AccountId | undefined, before: number, after: number): void {
    if (id === undefined) return;
    const account = this.#accounts.get(id) ?? { ...NONE };
    account.all += after - before;
    account.functions += (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
    if (account.functions === 0) this.#accounts.delete(id);
    else this.#accounts.set(id, account);
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#read(this.#isShared);
    } catch (error) {
      this.#deps.log.debug("what is open could not be read", { error });
    }
    if (this.#doubtedAtMs !== undefined) this.doubt();
  }

  async #read(isBelieved: boolean): Promise<void> {
    const { clock, read } = this.#deps;
    const before = { version: this.#version, coming: this.#coming };
    this.#since = new Map();
    const rows = await read();
    const since = this.#since;
    this.#since = undefined;
    const isQuiet = before.coming === 0 && this.#version === before.version;
    const doubtedMs = clock.monotonicMs() - (this.#doubtedAtMs ?? Infinity);
    if (!isQuiet && !isBelieved && doubtedMs < BELIEVE_AFTER_MS) return;
    if (isQuiet) this.#doubtedAtMs = undefined;
    else this.#doubtedAtMs = clock.monotonicMs();
    this.#believe(rows, since);
  }

  #believe(rows: readonly OpenCount[], since: ReadonlyMap<FunctionId, number>): void {
    const coming = [...this.#functions].filter(([, count]) => count.coming !== 0);
    this.#functions = new Map();
    this.#accounts = new Map();
    for (const { functionId, open } of rows) this.#put(functionId, { open, coming: 0 });
    for (const [id, open] of since) this.#put(id, { open, coming: 0 });
    for (const [id, count] of coming) this.#put(id, { open: 0, coming: count.coming });
  }
}

/**
 * Which log lines are kept when functions print more than they may: so many bytes in each minute,
 * of a function and of its account. Pure but for the counters that it keeps in place. A fifth of
 * the account's is for functions that have written little, so that one that floods the log does not
 * silence the others.
 */

/** Bytes kept in a minute; undefined is no bound. */
export interface VolumeBounds {
  readonly fn: number | undefined;
  readonly account: number | undefined;
}

export interface AccountVolume {
  minute: number;
  bytes: number;
  /** Functions that wrote in this minute. */
  writers: number;
}

export interface FunctionVolume {
  minute: number;
  bytes: number;
  dropped: number;
}

export type LineDecision =
  /** `droppedBefore` lines of an earlier minute are to be told of first, when there are any. */
  | { readonly kind: "kept"; readonly droppedBefore: number }
  /** `isFirst` in this minute: the log is to say so, once. */
  | {
      readonly kind: "dropped";
      readonly by: "function" | "account";
      readonly isFirst: boolean;
      readonly droppedBefore: number;
    };

const RESERVE = 0.2;

export function createAccountVolume(): AccountVolume {
  return { minute: -1, bytes: 0, writers: 0 };
}

export function createFunctionVolume(): FunctionVolume {
  return { minute: -1, bytes: 0, dropped: 0 };
}

/** Decides one line of `bytes` in a minute; minutes never go back. */
export function decideLine(
  fn: FunctionVolume,
  account: AccountVolume,
  line: { readonly bytes: number; readonly minute: number; readonly bounds: VolumeBounds },
): LineDecision {
  const { bytes, minute } = line;
  const droppedBefore = begin(fn, account, minute);
  const by = overBound(fn, account, line);
  if (by === undefined) {
    fn.bytes += bytes;
    account.bytes += bytes;
    return { kind: "kept", droppedBefore };
  }
  fn.dropped += 1;
  return { kind: "dropped", by, isFirst: fn.dropped === 1, droppedBefore };
}

/** Begins the minute; how many lines of an earlier one were dropped. */
function begin(fn: FunctionVolume, account: AccountVolume, minute: number): number {
  if (account.minute !== minute) Object.assign(account, { minute, bytes: 0, writers: 0 });
  if (fn.minute === minute) return 0;
  const { dropped } = fn;
  Object.assign(fn, { minute, bytes: 0, dropped: 0 });
  account.writers += 1;
  return dropped;
}

function overBound(
  fn: FunctionVolume,
  account: AccountVolume,
  { bytes, bounds }: { readonly bytes: number; readonly bounds: VolumeBounds },
): "function" | "account" | undefined {
  if (bounds.fn !== undefined && fn.bytes + bytes > bounds.fn) return "function";
  if (bounds.account === undefined) return undefined;
  const reserve = bounds.account * RESERVE;
  const hasLittle = fn.bytes + bytes <= reserve / Math.max(1, account.writers);
  const bound = hasLittle ? bounds.account : bounds.account - reserve;
  return account.bytes + bytes > bound ? "account" : undefined;
}

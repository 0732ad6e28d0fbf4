/** Which messages a partition's consumer gives out next. */
import type { ConsumerState, OpenMessage } from "./consumer-state.ts";

export type BatchChoice =
  | { readonly kind: "batch"; readonly offsets: readonly number[] }
  /** Nothing now; look again at the earliest of these, if there is any. */
  | { readonly kind: "wait"; readonly untilMs: readonly number[] };

/**
 * The oldest messages whose keys are free. Suspects, which failed together, come among themselves
 * and in smaller batches, the others in full ones, or when the oldest has waited long enough.
 */
export function chooseBatch(state: ConsumerState, nowMs: number): BatchChoice {
  const { settings } = state;
  const { chosen, isFull, dueMs } = collect(state, nowMs);
  const [first] = chosen;
  if (first === undefined) return { kind: "wait", untilMs: dueMs };
  const readyMs = first.atMs + settings.batchWaitMs;
  const isRetry = chosen.some(({ attempts, suspects }) => attempts > 0 || suspects > 0);
  if (isRetry || isFull || readyMs <= nowMs) {
    return { kind: "batch", offsets: chosen.map(({ offset }) => offset) };
  }
  return { kind: "wait", untilMs: [...dueMs, readyMs] };
}

interface Collected {
  readonly chosen: readonly OpenMessage[];
  readonly isFull: boolean;
  /** When messages that are held back may come. */
  readonly dueMs: readonly number[];
}

function collect({ open, settings }: ConsumerState, nowMs: number): Collected {
  /** Keys of which an earlier message is out, or stays behind. */
  const held = new Set(open.flatMap(({ flight, key }) => (flight === null ? [] : [key])));
  const chosen: OpenMessage[] = [];
  const dueMs: number[] = [];
  let bytes = 0;
  for (const one of open) {
    if (one.flight !== null || (one.key !== null && held.has(one.key))) continue;
    const isDue = one.dueMs <= nowMs;
    if (!isDue) dueMs.push(one.dueMs);
    if (!isDue || !fitsKind(chosen[0], one)) {
      held.add(one.key);
      continue;
    }
    const messagesMax = sizeOf(chosen[0] ?? one, settings.batchMessages);
    const isTooLarge = chosen.length > 0 && bytes + one.bytes > settings.batchBytes;
    if (isTooLarge) return { chosen, isFull: true, dueMs };
    chosen.push(one);
    bytes += one.bytes;
    if (chosen.length >= messagesMax) return { chosen, isFull: true, dueMs };
  }
  return { chosen, isFull: false, dueMs };
}

function fitsKind(first: OpenMessage | undefined, one: OpenMessage): boolean {
  return first === undefined || first.suspects === one.suspects;
}

function sizeOf({ suspects }: OpenMessage, batchMessages: number): number {
  return suspects === 0 ? batchMessages : Math.min(suspects, batchMessages);
}

/**
 * What the consumer of one partition knows, and what of it is written down. Whatever has been given
 * out is written before it is given out; whatever was only read is read again after a death.
 */
import type { GroupSettings } from "@skerry/api-schema";

/** What is known of a message without its content. */
export interface MessageHead {
  readonly offset: number;
  readonly key: string | null;
  readonly bytes: number;
  /** When it was appended. */
  readonly atMs: number;
}

/** A message that was read and is not settled, as it is written down. */
export interface StoredMessage {
  readonly offset: number;
  /** How often it failed, alone or by name. */
  readonly attempts: number;
  /** Not before then. */
  readonly dueMs: number;
  /** It failed with others: the batches that it comes in hold this many at most; 0 for any. */
  readonly suspects: number;
  /** The batch that it is in now. */
  readonly flight: number | null;
}

export interface OpenMessage extends MessageHead, StoredMessage {}

export interface ConsumerState {
  readonly settings: GroupSettings;
  /** Ascending by offset. What is before its first is settled. */
  readonly open: readonly OpenMessage[];
  /** Where to read on, and the end as far as it is known. */
  readonly readOffset: number;
  readonly endOffset: number;
  /** After everything that was ever given out. */
  readonly givenOffset: number;
  /** Names the next batch; grows for ever. */
  readonly nextFlight: number;
  /** Ends in a row by fault of the platform. */
  readonly faults: number;
  readonly isReading: boolean;
  readonly isPaused: boolean;
  /** Not before then, after a read that failed. */
  readonly readDueMs: number;
  /** Messages that were open and are gone, until a save has counted them. */
  readonly lost: number;
  /** Of these, those that were out: the end of their batch may name them. */
  readonly gone: ReadonlySet<number>;
}

/** The durable part, and what was counted since the last one. */
export interface SavedPosition {
  readonly position: number;
  readonly readOffset: number;
  readonly open: readonly StoredMessage[];
  readonly nextFlight: number;
  readonly settled: number;
  readonly expired: number;
}

/** What a consumer begins with: the row, and the heads of the messages that are open in it. */
export interface ConsumerStart {
  readonly settings: GroupSettings;
  readonly position: number;
  readonly readOffset: number;
  readonly open: readonly StoredMessage[];
  readonly nextFlight: number;
  readonly isPaused: boolean;
  readonly endOffset: number;
  /** Those that retention took are absent. */
  readonly heads: readonly MessageHead[];
}

export function startConsumer(start: ConsumerStart): ConsumerState {
  const { settings, readOffset, endOffset, nextFlight, isPaused } = start;
  const heads = new Map(start.heads.map((head) => [head.offset, head]));
  const open = start.open.flatMap((stored) => {
    const head = heads.get(stored.offset);
    return head === undefined ? [] : [{ ...stored, ...head }];
  });
  return {
    ...{ settings, open, readOffset, endOffset, givenOffset: readOffset, nextFlight },
    ...{ faults: 0, isReading: false, isPaused, readDueMs: 0 },
    lost: start.open.length - open.length,
    gone: new Set(
      start.open.flatMap(({ offset, flight }) => {
        return flight === null || heads.has(offset) ? [] : [offset];
      }),
    ),
  };
}

/** Everything before it is settled. */
export function positionOf({ open, readOffset }: ConsumerState): number {
  return open[0]?.offset ?? readOffset;
}

/** The batches that are out. */
export function flightsOf({ open }: ConsumerState): ReadonlySet<number> {
  return new Set(open.flatMap(({ flight }) => (flight === null ? [] : [flight])));
}

/** What has to be on disk for this state to be gone on with. */
export function durablePart(
  state: ConsumerState,
  counted: { readonly settled: number; readonly expired: number },
): SavedPosition {
  const position = positionOf(state);
  const readOffset = Math.max(state.givenOffset, position);
  const open = state.open
    .filter(({ offset }) => offset < readOffset)
    .map(({ offset, attempts, dueMs, suspects, flight }) => ({
      ...{ offset, attempts, dueMs, suspects, flight },
    }));
  return { position, readOffset, open, nextFlight: state.nextFlight, ...counted };
}

/** As text of a row. */
export function formatOpen(open: readonly StoredMessage[]): string {
  return JSON.stringify(
    open.map(({ offset, attempts, dueMs, suspects, flight }) => [
      ...[offset, attempts, dueMs, suspects, flight],
    ]),
  );
}

export function parseOpen(text: string): readonly StoredMessage[] {
  const rows = JSON.parse(text) as [number, number, number, number, number | null][];
  return rows.map(([offset, attempts, dueMs, suspects, flight]) => ({
    ...{ offset, attempts, dueMs, suspects, flight },
  }));
}

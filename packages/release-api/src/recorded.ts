/** What every transaction of this room is handed to be recorded with, and what it answers. */
import type { AuditRecord } from "@skerry/accounts";
import type { ChangeStamp } from "@skerry/api-serving";
import type { Tx, TxStep } from "@skerry/store";

/** What the audit is told of a change. */
export type Told = Pick<AuditRecord, "action" | "resource" | "details">;

/** Writes what belongs to every change: its audit record, and the answer that its key keeps. */
export type RecordChange = (
  tx: Tx,
  stamp: ChangeStamp,
  change: Told & { readonly answer?: () => unknown },
) => TxStep<void>;

/** What a change is answered, and the number of the config log from which on it is in force. */
export interface Done {
  readonly answer: object | null;
  readonly seq: number;
}

export interface Stamped {
  readonly stamp: ChangeStamp;
}

/** Changes of which each is written with its record in its transaction, but for those left out. */
export function recordedBy<C extends Stamped>(
  record: RecordChange,
  isLeftOut: (args: C) => boolean = () => false,
) {
  return <A extends C>(make: (tx: Tx, args: A) => TxStep<Done & Told>) =>
    function* (tx: Tx, args: A): TxStep<Done> {
      const { answer, seq, ...told } = yield* make(tx, args);
      if (isLeftOut(args)) return { answer, seq };
      yield* record(tx, args.stamp, { ...told, ...(answer && { answer: () => answer }) });
      return { answer, seq };
    };
}

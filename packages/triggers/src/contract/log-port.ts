/**
 * What a log has to offer so that `createLogSource` makes a trigger of it: lanes that are read by
 * offset, one position each that refuses a holder which was taken over. Built-in topics are one;
 * Kafka's partitions and NATS' streams are of the same shape. A queue without offsets implements
 * `TriggerSource` itself.
 */
import type { GivenUp } from "../topics/consumer.ts";
import type { ConsumerStart, MessageHead, SavedPosition } from "../topics/consumer-state.ts";
import type { SeekTarget } from "./trigger.ts";

/** A lane that this holder has for now. Of two leases of a lane, `name` and `token` differ. */
export interface LaneLease {
  readonly lane: string;
  readonly token: number;
  /** The offset after the newest message, as far as the log says. */
  readonly endOffset: number;
  readonly isPaused: boolean;
  /** Another holder should have it. */
  readonly isUnwanted: boolean;
}

export interface LogMessage extends MessageHead {
  readonly contentType: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeMs: number | null;
  readonly value: Uint8Array;
}

export interface LogRead {
  readonly messages: readonly LogMessage[];
  readonly nextOffset: number;
  readonly endOffset: number;
}

export interface LaneStart extends Omit<ConsumerStart, "heads"> {
  /** Those of `open` that are still there. */
  readonly messages: readonly LogMessage[];
}

export interface LaneSave {
  readonly saved: SavedPosition;
  readonly dead: readonly (GivenUp & { readonly message: LogMessage })[];
}

/** All of it may fail at any time; whoever calls it begins again with `open`. */
export interface LogPort {
  /** Renews what is held and takes what is free. Lanes that are absent are lost. */
  leases(): Promise<readonly LaneLease[]>;
  /** Undefined when the lease is somebody else's by now. */
  open(lease: LaneLease): Promise<LaneStart | undefined>;
  read(
    lease: LaneLease,
    want: { readonly from: number; readonly messagesMax: number; readonly bytesMax: number },
  ): Promise<LogRead>;
  /** Durable when it resolves. `fenced`: nothing was written, the lane is somebody else's. */
  save(lease: LaneLease, save: LaneSave): Promise<"saved" | "fenced" | "full">;
  release(lease: LaneLease): Promise<void>;
  setPaused(isPaused: boolean): Promise<void>;
  seek(to: SeekTarget): Promise<void>;
  lag(): Promise<number>;
}

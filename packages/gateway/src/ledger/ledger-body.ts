/** Reads the body of a request that is written into the ledger, where it is bounded. */
import type { IncomingMessage } from "node:http";
import { PlatformError, type Clock } from "@skerry/base";
import { failFunction, type FunctionEntry } from "@skerry/contracts";
import { readBody } from "@skerry/http";
import { type BodyHold, noRoom } from "@skerry/live-invocations";

export interface LedgerBodyOptions {
  readonly clock: Clock;
  readonly entry: FunctionEntry;
  /** What it has of the gateway's memory; the caller gives it back. */
  readonly hold: BodyHold;
  readonly bytesMax: number;
  /** Its name to whoever sends too much. */
  readonly what: string;
}

/** Longest upload. */
const BODY_DEADLINE_MS = 60_000;

/** Whole. Throws FUNCTION_PAYLOAD_TOO_LARGE, FUNCTION_THROTTLED and http's reasons. */
export async function readLedgerBody(
  sent: IncomingMessage | Uint8Array,
  { clock, entry, hold, bytesMax, what }: LedgerBodyOptions,
): Promise<Uint8Array> {
  const details = { function: `${entry.app}/${entry.name}`, what, bytesMax };
  if (sent instanceof Uint8Array) {
    if (sent.length > bytesMax) throw failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details);
    if (!hold.take(sent.length)) throw noRoom(entry);
    return sent;
  }
  const admit = (bytes: number): PlatformError | undefined =>
    hold.take(bytes) ? undefined : noRoom(entry);
  try {
    return await readBody(sent, { bytesMax, deadlineMs: BODY_DEADLINE_MS, clock, admit });
  } catch (error) {
    if (PlatformError.from(error).reason !== "BODY_TOO_LARGE") throw error;
    throw failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details, error);
  }
}

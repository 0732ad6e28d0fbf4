/** What the runtime needs from the process around it; the bootstrap supplies it. */
import type { Clock } from "@skerry/base";
import type { LogLevel } from "./log-lines.ts";
import type { OpenStream } from "./outgoing-call.ts";

export interface Surroundings {
  readonly clock: Clock;
  /** Writes one log entry, with the request it belongs to where that is known. */
  readonly log: (level: LogLevel, message: string, requestId?: string) => void;
  /** Runs `work` so that everything it starts is known to belong to `owner`. */
  readonly runAs: (owner: { readonly id: string }, work: () => void) => void;
  /** Calls `run` at the end of the current turn of the event loop. */
  readonly atTurnEnd: (run: () => void) => void;
  /** Opens a stream to whoever holds the link's other end. */
  readonly openStream: OpenStream;
  /** Asks the live request of that id, if there is one, to end by itself. */
  readonly askToEnd: (requestId: string) => void;
}

/** Puts the gateway's part of the ledger together: the way in, and the attempts made here. */
import type { Clock, IdSource, Log, Random } from "@skerry/base";
import { LedgerClient, type OpenStream } from "@skerry/ledger-client";
import { BodyBudget } from "@skerry/live-invocations";
import { AcceptLimits } from "./accept-limits.ts";
import { AsyncDoor } from "./async-door.ts";
import { CallDoor } from "./call-door.ts";
import { EventsDoor } from "./events-door.ts";
import { createRunAttempt, type CalleeOf, type TallyFor } from "./ledger-runs.ts";

export interface LedgerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Log;
  readonly bodies: BodyBudget;
  /** How many gateways share every limit. */
  readonly gateways: number;
  /** The client's own when undefined. */
  readonly acceptWaitMs: number | undefined;
  /** 256 MiB when undefined. */
  readonly gatheredBytesMax: number | undefined;
  readonly open: OpenStream;
  /** What was opened leaves at once. */
  readonly flush: () => void;
  /** Undefined when there is no such function; throws QUALIFIER_NOT_FOUND. */
  readonly calleeOf: CalleeOf;
  readonly tallyFor: TallyFor;
}

/** Of streamed results of all attempts that run. */
const GATHERED_BYTES_MAX = 256 << 20;

export class Ledger {
  readonly client: LedgerClient;
  readonly limits: AcceptLimits;
  readonly door: AsyncDoor;
  readonly eventsDoor: EventsDoor;
  readonly callDoor: CallDoor;

  constructor(deps: LedgerDeps) {
    const { clock, random, log, bodies, acceptWaitMs, open, calleeOf, tallyFor } = deps;
    const scheduleFlush = (gathered: () => void): void => void setImmediate(atTurnEnd, gathered);
    const atTurnEnd = (gathered: () => void): void => {
      gathered();
      // The turn is over: the link would wait for the end of the next one.
      deps.flush();
    };
    const results = new BodyBudget(deps.gatheredBytesMax ?? GATHERED_BYTES_MAX);
    this.client = new LedgerClient(
      {
        ...{ clock, random, log, open, scheduleFlush },
        run: createRunAttempt({ clock, bodies, results, calleeOf, tallyFor }),
      },
      acceptWaitMs === undefined ? {} : { acceptWaitMs },
    );
    this.limits = new AcceptLimits(clock, deps.gateways);
    const accept: LedgerClient["accept"] = (piece, payload) => this.client.accept(piece, payload);
    this.door = new AsyncDoor({ clock, bodies, limits: this.limits, accept });
    this.callDoor = new CallDoor({
      ...{ clock, bodies, results, limits: this.limits, client: this.client },
      writeWaitMs: acceptWaitMs,
    });
    this.eventsDoor = new EventsDoor({
      ...{ clock, ids: deps.ids, bodies, limits: this.limits },
      accept: (pieces) => this.client.acceptAll(pieces),
    });
  }
}

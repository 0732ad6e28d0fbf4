/** What dispatching needs from the rooms around it. */
import type {
  Clock,
  FunctionId,
  IdSource,
  Log,
  PlatformError,
  Random,
  RequestId,
} from "@skerry/base";
import type { AcceptPiece, LedgerEvent, LedgerSource, SecretEntry } from "@skerry/contracts";
import type { ConfigLog } from "@skerry/control-links";
import type { Store } from "@skerry/store";
import type { WebhookNetwork } from "./webhooks/send.ts";

export interface DispatchDeps {
  /** Must have been opened with `ledgerSources`. */
  readonly store: Pick<Store, "call">;
  readonly configLog: ConfigLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Log;
  readonly webhooks: {
    readonly network: WebhookNetwork;
    /** The value of a secret. Rejects with the reasons of where its key is kept. */
    open(secret: SecretEntry): Promise<string>;
  };
}

/** One invocation to write down, whoever asks for it. */
export interface Acceptance {
  /** Also its name for ever: told twice, it is written once. */
  readonly id: RequestId;
  readonly functionId: FunctionId;
  readonly source: LedgerSource;
  /** Which timer, topic or invocation it came from. */
  readonly sourceId?: string;
  /** Wall milliseconds at which it was asked for. */
  readonly atMs: number;
  /** Not before this wall time; at once when absent. */
  readonly dueMs?: number;
  readonly orderingKey?: string;
  readonly idempotency?: NonNullable<AcceptPiece["ik"]>;
  readonly event: LedgerEvent;
  readonly payload: Uint8Array;
  /** Whoever asks lets it in no more: it is refused so, unless its key stands for something. */
  readonly refusal?: PlatformError;
}

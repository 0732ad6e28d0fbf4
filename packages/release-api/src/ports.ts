import type { GatewayApiId, ReleaseId } from "@skerry/base";
import type { SealedValue } from "@skerry/contracts";
import type { SealIdentity } from "@skerry/secrets";
import type { Store, StoreModule } from "@skerry/store";
import type { ReleaseChanges } from "./procedures.ts";
import type { ReleaseReads } from "./reads.ts";

/** What the handlers work with. */
export interface ReleaseApiDeps {
  readonly store: Pick<Store, "call">;
  /** The module that has this room's transactions. */
  readonly module: StoreModule & { readonly procedures: ReleaseReads & ReleaseChanges };
  readonly gatewayUrl: string;
  readonly gatewayApis: { freshId(): GatewayApiId };
  nowMs(): number;
  /** Seals a value and has it written before the master key turns. */
  putSealed<T>(
    identity: SealIdentity,
    value: string,
    write: (sealed: SealedValue) => Promise<T>,
  ): Promise<T>;
  readonly releases: {
    freshId(): ReleaseId;
    /** One was made, or turned. */
    wake(): void;
  };
  /**
   * Resolves, within a bound, when the write with that number of the config log is in force, to the
   * ids of gateways and agents that did not confirm it.
   */
  applied(seq: number, signal: AbortSignal): Promise<readonly string[]>;
}

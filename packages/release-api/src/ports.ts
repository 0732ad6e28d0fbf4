import type { GatewayApiId, ReleaseId } from "@skerry/base";
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

/** What owners have by name within an app: rules of the bus, and timers. */
import type { AccountId } from "@skerry/base";

export interface OfApp {
  readonly accountId: AccountId;
  readonly app: string;
}

export interface Named extends OfApp {
  readonly name: string;
}

export interface Change extends Named {
  /** Null: whatever its version; 0: of none. */
  readonly ifVersion: number | null;
}

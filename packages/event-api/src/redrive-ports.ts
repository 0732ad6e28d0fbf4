/** What the API needs of redrives. The composition root supplies it. */
import type { RedriveId, TopicGroupId } from "@skerry/base";
import type { RedriveResource } from "@skerry/api-schema";
import type { LedgerFilter, LedgerScope } from "./ledger-ports.ts";

/** Dead letters of a topic trigger, and what they go to. */
export interface Letters {
  readonly groupId: TopicGroupId;
  readonly to: string | null;
}

/** Dead letters, and the function of the trigger's app that is to run them. */
export interface AddressedLetters {
  readonly letters: Letters;
  readonly fn: string;
}

export interface RedriveName extends LedgerScope {
  readonly id: RedriveId;
}

/** Redrives. What is not within the scope is as if it were not there: undefined. */
export interface RedriveBook {
  /**
   * Makes one; the same `once` again answers the one that it made. Rejects with
   * REDRIVES_OPEN_LIMITED.
   */
  create(
    args: Omit<LedgerFilter, "state"> & {
      readonly state?: "failed" | "expired" | undefined;
      readonly limit?: number | undefined;
      readonly ratePerSecond?: number | undefined;
      /** Version that runs them; undefined: what each was accepted for. */
      readonly qualifier?: string | undefined;
      readonly dryRun: boolean;
      /** Dead letters that are meant instead of invocations, as `TopicBook` names them. */
      readonly letters?: Letters | undefined;
      /** As it was asked for, to be shown. */
      readonly asked: {
        readonly app?: string | undefined;
        readonly function?: string | undefined;
        readonly trigger?: string | undefined;
        readonly target?: string | undefined;
        readonly from?: string | undefined;
        readonly to?: string | undefined;
      };
      readonly once?: string | undefined;
    },
  ): Promise<RedriveResource>;
  /** Newest first; a page may be short. A cursor that was never given out is `INPUT_INVALID`. */
  list(
    args: LedgerScope & { readonly cursor?: string | undefined; readonly limit: number },
  ): Promise<{ readonly items: readonly RedriveResource[]; readonly nextCursor: string | null }>;
  get(name: RedriveName): Promise<RedriveResource | undefined>;
  /**
   * As it stands then; one that has ended stays as it is. Rejects with REDRIVES_OPEN_LIMITED when
   * one that had failed is to go on.
   */
  turn(
    name: RedriveName & { readonly turn: "pause" | "resume" | "cancel" },
  ): Promise<RedriveResource | undefined>;
}

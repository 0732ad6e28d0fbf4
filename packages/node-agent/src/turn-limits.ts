/** How much of what this node does at once, and who waits meanwhile. */
import { availableParallelism } from "node:os";
import type { TurnLimits } from "@skerry/base";
import { fail } from "./errors.ts";

/** Of accounts. */
export const BUILD_TURNS: TurnLimits = {
  atOnce: 4,
  atOncePerOwner: 3,
  waitingMax: 200,
  waitingPerOwnerMax: 100,
  waitMsMax: 180_000,
  refuse: (why) => fail("BUILDS_EXHAUSTED", { why }),
};

const BOOTS_AT_ONCE = 2 * Math.max(2, availableParallelism());

/**
 * Of functions. A boot is mostly computing: more at once than there are processors end no sooner,
 * and the first of them later.
 */
export const BOOT_TURNS: TurnLimits = {
  ...{ atOnce: BOOTS_AT_ONCE, atOncePerOwner: BOOTS_AT_ONCE - 1 },
  ...{ waitingMax: 10_000, waitingPerOwnerMax: 5_000, waitMsMax: 60_000 },
  refuse: (why) => fail("INSTANCE_START_FAILED", { why }),
};

/** Who made what runs a function without a caller, so that a deployment removes only its own. */
import { z } from "zod";

/** Makers of timers and triggers other than a hand. */
export const MAKERS = ["manifest", "action"] as const;
export type Maker = (typeof MAKERS)[number];

/** What a request may say of it. */
export const madeBy = z
  .literal("manifest")
  .optional()
  .describe("`manifest`: a deployment may remove it. Made by hand when absent.");

/** Null: by hand. */
export const makerOf = z.enum(MAKERS).nullable();

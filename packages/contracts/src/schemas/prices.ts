/** What calls cost: set in the platform's configuration, shown beside what was used. */
import { z } from "zod";

export const consolePrices = z.object({
  currency: z.string(),
  /** One gibibyte of memory for one second of billed time. */
  gbSecond: z.number(),
  millionCalls: z.number(),
  /** One gibibyte of a machine that is always on, for one hour. */
  alwaysOnGbHour: z.number(),
});
export type Prices = z.infer<typeof consolePrices>;

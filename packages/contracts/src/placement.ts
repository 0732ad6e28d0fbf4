import { z } from "zod";

/** Where a thing is: every node, instance and record carries these. */
export const placement = z.strictObject({
  site: z.string().default("local"),
  zone: z.string().default("local"),
  set: z.string().default("local"),
});
export type Placement = z.infer<typeof placement>;

export const LOCAL_PLACEMENT: Placement = { site: "local", zone: "local", set: "local" };

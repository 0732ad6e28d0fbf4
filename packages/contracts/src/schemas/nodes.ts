/** Where a node is, and what it says of its sandboxes after they were attacked from inside. */
import { z } from "zod";
import { LOCAL_PLACEMENT } from "../placement.ts";

export const placement = z.strictObject({
  site: z.string().default(LOCAL_PLACEMENT.site),
  zone: z.string().default(LOCAL_PLACEMENT.zone),
  set: z.string().default(LOCAL_PLACEMENT.set),
});

/**
 * `held`: the wall stood. `open`: it did not, and this level does not promise it. `broken`: it did
 * not, although this level promises it. `untried`: nothing was asked.
 */
export const PROBE_STATES = ["held", "open", "broken", "untried"] as const;

export const probeResult = z.object({
  id: z.string().describe("Stable name of the probe."),
  area: z.string(),
  title: z.string().describe("What holds when the wall stands."),
  wall: z.string().describe("What makes it hold here."),
  state: z.enum(PROBE_STATES),
  saw: z.string().nullable().describe("What was seen of a wall that did not stand, or why not."),
});
export type ProbeResult = z.infer<typeof probeResult>;

export const probeReport = z.object({
  node: z.string(),
  sandbox: z.object({
    rung: z.string(),
    label: z.string(),
    enforcement: z.record(z.string(), z.string()),
    raise: z.string().nullable(),
  }),
  tookMs: z.number(),
  probes: z.array(probeResult),
});
export type ProbeReport = z.infer<typeof probeReport>;

/**
 * What the start page shows and sends, beside the resources that everyone uses: who is signed in,
 * live traffic, calls through control, bursts and saved events.
 */
import { consolePrices } from "@skerry/contracts/schemas";
import { z } from "zod";

const time = z.string().describe("ISO 8601, UTC.");

/** Who is signed in at the start page. */
export const consoleSessionResource = z.object({
  id: z.string(),
  keyId: z.string(),
  createdAt: time,
  expiresAt: time,
});
export type ConsoleSessionResource = z.infer<typeof consoleSessionResource>;

/** The only answer that ever carries the link; it signs in once. */
export const signInLinkResource = z.object({ url: z.string(), expiresAt: time });
export type SignInLinkResource = z.infer<typeof signInLinkResource>;

/** Traffic of one function within the window. */
export const functionTraffic = z.object({
  app: z.string(),
  function: z.string(),
  calls: z.int(),
  /** Calls whose outcome was not ok. */
  errors: z.int(),
  /** Calls that waited for an instance to start. */
  cold: z.int(),
  /** From acceptance to answer; null without calls. */
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  billedMs: z.number(),
  /** Calls in equal parts of the window, oldest first. */
  series: z.array(z.int()),
});
export type FunctionTraffic = z.infer<typeof functionTraffic>;

export const trafficResource = z.object({
  /** What is covered: shorter than asked for when there were more calls than are looked at. */
  windowMs: z.number(),
  functions: z.array(functionTraffic),
  prices: consolePrices,
});
export type TrafficResource = z.infer<typeof trafficResource>;

/** A call that control makes through the gateway, and its whole answer. */
export const callRequest = z.strictObject({ event: z.unknown() });
export const callResource = z.object({
  status: z.int(),
  requestId: z.string(),
  /** The reason of an error that the platform made; null when the function answered. */
  errorReason: z.string().nullable(),
  /** JSON when the answer is JSON, text otherwise; null when empty. */
  result: z.unknown(),
  tookMs: z.number(),
});
export type CallResource = z.infer<typeof callResource>;

export const burstRequest = z.strictObject({
  event: z.unknown(),
  callers: z.int().min(1).max(200).default(200).describe("Callers at once."),
  callsEach: z.int().min(1).max(50).default(5).describe("Calls of each, one after another."),
});

/** One look at a burst. The last line of a burst is `settled`. */
export const burstLine = z.object({
  /** `calling`: calls are under way. `resting`: instances come to rest. `settled`: the end. */
  phase: z.enum(["calling", "resting", "settled"]),
  atMs: z.number(),
  calls: z.int(),
  errors: z.int(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  /** As far as records were taken in; whole once it has settled. */
  billedMs: z.number(),
  memoryMb: z.int(),
  instances: z.object({ starting: z.int(), ready: z.int(), resting: z.int() }),
});
export type BurstLine = z.infer<typeof burstLine>;

export const savedEventName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, "Lower-case letters, digits and dashes.");
export const savedEventRequest = z.strictObject({ event: z.unknown() });
/** An event kept with a function, to call it with again. */
export const savedEventResource = z.object({
  name: z.string(),
  event: z.unknown(),
  updatedAt: time,
});
export type SavedEventResource = z.infer<typeof savedEventResource>;

/** The bus as the API has it: events that are put, and rules that they are matched against. */
import { LIMITS } from "@skerry/contracts";
import { functionName, topicName } from "@skerry/contracts/schemas";
import { z } from "zod";
import { EVENT_FORMATS } from "./event-formats.ts";
import { madeBy, makerOf } from "./made-by.ts";
import { page } from "./page-query.ts";

const time = z.string().describe("ISO 8601, UTC.");

export const ruleName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/,
    "A rule's name is 1–100 letters, digits, hyphens and underscores, not led by a hyphen.",
  );

/** CloudEvents 1.0; what is more than these are extension attributes. */
const cloudEvent = z.looseObject({
  specversion: z.literal("1.0").default("1.0"),
  type: z.string().describe("What happened, such as `order.placed`."),
  source: z.string().describe("Where it happened: a URI reference, such as `/shop`."),
  id: z
    .string()
    .optional()
    .describe("With `source` it names the event: put again, it is there once. Fresh if absent."),
  subject: z.string().nullish().describe("What of the source it is about."),
  time: z.string().nullish().describe("When it happened, RFC 3339; when it is put, if absent."),
  datacontenttype: z.string().nullish().describe("JSON when absent."),
  data: z.unknown().optional(),
  data_base64: z.string().optional().describe("Bytes instead of `data`."),
});
export type PutEvent = z.input<typeof cloudEvent>;

/** One event, or a batch of them, as CloudEvents has both. */
export const putEventsRequest = z.union([
  z.array(cloudEvent).min(1).max(LIMITS.eventsPerPutMax),
  cloudEvent,
]);
export type PutEventsRequest = z.infer<typeof putEventsRequest>;

export const putEventsAnswer = z.object({
  events: z
    .array(z.object({ id: z.string(), repeated: z.boolean() }))
    .describe("In the order in which they were sent; `repeated`: it was there already."),
});
export type PutEventsAnswer = z.infer<typeof putEventsAnswer>;

export const eventsQuery = z.strictObject({
  ...page,
  from: z
    .union([z.literal(["earliest", "latest"]), z.iso.datetime({ offset: true })])
    .default("earliest")
    .describe("`earliest`, `latest`, or a time: the first one put then or later."),
});
const keptEvent = z.object({ putAt: time, event: z.looseObject({}).describe("The CloudEvent.") });
export type KeptEventResource = z.infer<typeof keptEvent>;
/** There is always a cursor: whoever follows the bus asks again with it. */
export const eventsPage = z.object({ items: z.array(keptEvent), nextCursor: z.string() });

/** Its lists and matchers are read by the bus, which says what is wrong with which. */
const pattern = z
  .record(z.string(), z.unknown())
  .describe(
    "Fields of the event, each with a list of what its value may be: values, `prefix`, " +
      "`suffix`, `equals-ignore-case`, `numeric`, `exists`, `anything-but`. All fields must " +
      "match; `$or` takes alternatives.",
  );

interface RuleTarget {
  readonly function?: unknown;
  readonly topic?: unknown;
  readonly eventFormat: string;
}

/** Of a rule's settings: what it runs, or where it publishes. */
export function checkTarget({
  value: { function: fn, topic, eventFormat },
  issues,
}: z.core.ParsePayload<RuleTarget>): void {
  const problem = (path: string, message: string) =>
    issues.push({ code: "custom", input: eventFormat, path: [path], message });
  if ((fn === undefined) === (topic === undefined))
    problem("function", "Give either function or topic.");
  if (topic !== undefined && eventFormat !== "cloudevents")
    problem("eventFormat", "A topic keeps CloudEvents; its triggers have formats of their own.");
}

export const ruleEventFormat = z
  .enum(EVENT_FORMATS)
  .describe(
    "What the function gets: the CloudEvent as it is, or the shape in which the event buses of " +
      "SCF, FC and Lambda hand on events.",
  );

/** What a rule is set to. */
export const ruleSettings = z.strictObject({
  pattern,
  function: functionName
    .optional()
    .describe("Function of the same app that runs with each event. Either this or `topic`."),
  topic: topicName.optional().describe("Topic of the account that each event is published to."),
  eventFormat: ruleEventFormat.default("cloudevents"),
  enabled: z.boolean().default(true).describe("A rule that is not enabled hears of nothing."),
});

export const ruleRequest = ruleSettings.extend({ madeBy }).check(checkTarget);
export type RuleRequest = z.infer<typeof ruleRequest>;

export const ruleResource = z.object({
  id: z.string(),
  app: z.string(),
  name: z.string(),
  pattern: z.record(z.string(), z.unknown()),
  function: z.string().nullable(),
  topic: z.string().nullable(),
  eventFormat: z.enum(EVENT_FORMATS),
  enabled: z.boolean(),
  /** Why the platform paused it; null when it did not. */
  pausedBecause: z.enum(["function_removed"]).nullable(),
  madeBy: makerOf,
  matched: z.int().describe("Events that it has matched."),
  lastMatchedAt: time.nullable(),
  refused: z.int().describe("Of these, those that its topic did not take."),
  refusedBecause: z.string().nullable().describe("Why the last of them was not taken."),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type RuleResource = z.infer<typeof ruleResource>;

export const testPatternRequest = z.strictObject({
  pattern,
  event: cloudEvent.describe("It is put nowhere."),
});
export const testPatternAnswer = z.object({ matches: z.boolean() });

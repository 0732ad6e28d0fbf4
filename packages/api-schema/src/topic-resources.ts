/** Topics, their messages and their triggers, as the API has them. */
import { LIMITS } from "@skerry/contracts";
import { functionName, topicName } from "@skerry/contracts/schemas";
import { z } from "zod";
import { madeBy, makerOf } from "./made-by.ts";
import { page } from "./page-query.ts";
import { groupSettings } from "./topics.ts";

const time = z.string().describe("ISO 8601, UTC.");
const instant = z.iso.datetime({ offset: true });
const offsets = z.string().regex(/^\d{1,3}:\d{1,15}(?:,\d{1,3}:\d{1,15})*$/);
const PLACES = "a time such as 2027-01-01T08:00:00Z, or offsets such as 0:7,1:12";
const startAt = z
  .union([z.literal(["earliest", "latest"]), instant, offsets], {
    error: `Give \`earliest\`, \`latest\`, ${PLACES}.`,
  })
  .describe(
    "`earliest`, `latest`, a time, which is the first message written then or later, or " +
      "`PARTITION:OFFSET`, several with commas between. An offset that is no longer kept is the oldest.",
  );

const message = z.strictObject({
  key: z
    .string()
    .min(1)
    .optional()
    .describe("Messages of one key keep their order; those without have none to keep."),
  data: z.unknown().optional().describe("JSON; or text, where `contentType` begins with text/."),
  base64: z.base64().optional().describe("Bytes instead of `data`."),
  contentType: z.string().min(1).max(255).optional().describe("Default application/json."),
  time: instant.optional().describe("When it happened; when it is published, if absent."),
  headers: z
    .record(
      z.string().regex(/^[a-z0-9]{1,20}$/, "Use 1–20 lower-case letters and digits."),
      z.string(),
    )
    .optional()
    .describe("Attributes of its CloudEvent, such as `type` and `subject`."),
});
export type PublishedMessage = z.infer<typeof message>;

export const publishRequest = z.strictObject({
  messages: z.array(message).min(1).max(LIMITS.topicPublishMessagesMax),
  idempotencyKey: z
    .string()
    .min(1)
    .max(LIMITS.asyncKeyCharsMax)
    .regex(/^[\x20-\x7e]+$/, "A key is ASCII.")
    .optional()
    .describe("The same key with the same messages publishes once, and answers what it did then."),
});
const place = { partition: z.int(), offset: z.int() };
export const publishAnswer = z.object({ messages: z.array(z.object(place)) });

/** What is kept of a message. `data_base64` stands for `data` that is neither JSON nor text. */
const keptMessage = z.object({
  ...place,
  key: z.string().nullable(),
  contentType: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  time: time.describe("When it happened."),
  publishedAt: time,
  data: z.unknown().optional(),
  data_base64: z.string().optional(),
});
export type TopicMessageResource = z.infer<typeof keptMessage>;

export const topicMessagesQuery = z.strictObject({
  ...page,
  from: startAt.default("earliest"),
});
export const topicFollowQuery = z.strictObject({
  from: startAt.default("latest"),
  cursor: page.cursor.describe("Go on behind the message, or the page, that gave it."),
});
export const followedMessage = keptMessage.extend({
  cursor: z.string().describe("Goes on behind this message."),
});
export type FollowedMessage = z.infer<typeof followedMessage>;

/** There is always a cursor: whoever follows a topic asks again with it. */
export const topicMessagesPage = z.object({
  items: z.array(keptMessage),
  nextCursor: z.string(),
});

export const topicResource = z.object({
  name: z.string(),
  partitions: z.int(),
  retentionMs: z.int(),
  retentionBytes: z.int().nullable(),
  messages: z.int().describe("Those that are kept."),
  bytes: z.int().describe("What they take."),
  createdAt: time,
  triggers: z.array(z.object({ app: z.string(), name: z.string(), lag: z.int() })),
});
export type TopicResource = z.infer<typeof topicResource>;

/** What a trigger is set to, as `skerry.yaml` says it too. */
export const topicTriggerSettings = z.strictObject({
  topic: topicName,
  function: functionName.describe("Function of the same app."),
  from: startAt
    .default("latest")
    .describe(
      "Where a new trigger begins: as `to` of a seek. Partitions that it does not name begin with " +
        "the oldest.",
    ),
  enabled: z.boolean().default(true).describe("A trigger that is not enabled runs nothing."),
  settings: groupSettings.prefault({}),
});

export const topicTriggerRequest = topicTriggerSettings.extend({ madeBy });
export type TopicTriggerRequest = z.infer<typeof topicTriggerRequest>;

export const topicTriggerResource = z.object({
  app: z.string(),
  name: z.string(),
  topic: z.string(),
  function: z.string(),
  enabled: z.boolean(),
  settings: groupSettings,
  madeBy: makerOf,
  lag: z.int().describe("Messages that are kept and not settled."),
  settled: z.int(),
  deadLetters: z.int().describe("Messages that were given up."),
  expired: z.int().describe("Messages that went before they were run."),
  deadLettersKept: z.int().describe("Dead letters that there are now."),
  redriving: z.int().describe("Of these, those that are being put through again."),
  batchesRunning: z.int().describe("Batches that are out."),
  oldestAt: time.nullable().describe("When the oldest message that is not settled was published."),
});
export type TopicTriggerResource = z.infer<typeof topicTriggerResource>;

export const seekRequest = z.strictObject({
  to: startAt.describe(
    "`earliest`, `latest`, a time, which is the first message written then or later, or " +
      "`PARTITION:OFFSET`, several with commas between: other partitions stay where they are.",
  ),
});

export const discardTriggerAnswer = z.object({ discarded: z.int() });

export const topicDeadLetter = keptMessage.extend({
  attempts: z.int(),
  reason: z.string(),
  deadAt: time,
});
export type TopicDeadLetter = z.infer<typeof topicDeadLetter>;

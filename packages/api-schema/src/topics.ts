/** Topics and the groups that read them: names, retention, and how a group's batches are made. */
import { LIMITS } from "@skerry/contracts";
import { z } from "zod";
import { EVENT_FORMATS } from "./event-formats.ts";

const DAY_MS = 86_400_000;

/** What a topic is made with. */
export const topicOptions = z.strictObject({
  partitions: z
    .int()
    .min(1)
    .max(LIMITS.topicPartitionsMax)
    .default(4)
    .describe("Messages of one key go to one partition; more can be added later."),
  retentionMs: z
    .int()
    .min(60_000)
    .max(3_650 * DAY_MS)
    .default(7 * DAY_MS)
    .describe("Messages that are older are removed, read or not."),
  retentionBytes: z
    .int()
    .min(1 << 20)
    .optional()
    .describe("Beyond it the oldest messages are removed, read or not; no bound when absent."),
});
export type TopicOptions = z.infer<typeof topicOptions>;

/** How one group takes messages and what becomes of those that fail. */
export const groupSettings = z.strictObject({
  batchMessages: z
    .int()
    .min(1)
    .max(LIMITS.topicBatchMessagesMax)
    .default(100)
    .describe("Most messages of one batch."),
  batchBytes: z
    .int()
    .min(1)
    .max(LIMITS.topicBatchBytesMax)
    .default(256 << 10)
    .describe("Most bytes of one batch; a message that is larger comes alone."),
  batchWaitMs: z
    .int()
    .min(0)
    .max(300_000)
    .default(0)
    .describe("How old the oldest message may become before a batch that is not full is run."),
  batchesAtOnce: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe("Batches of one partition at once at most; never two with the same key."),
  attempts: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      "How often a message may fail, alone or named by the function, before it is a dead letter.",
    ),
  retryDelayMs: z
    .int()
    .min(10)
    .max(3_600_000)
    .default(1_000)
    .describe("Wait before the second attempt; doubles for each one after, with jitter."),
  retryDelayMsMax: z
    .int()
    .min(10)
    .max(DAY_MS)
    .default(60_000)
    .describe("Longest wait between two attempts."),
  maxAgeMs: z
    .int()
    .min(1)
    .optional()
    .describe("Messages that are older are skipped and counted; none when absent."),
  eventFormat: z
    .enum(EVENT_FORMATS)
    .optional()
    .describe(
      "What the function gets: CloudEvents (when absent), or the shape of CKafka in SCF, Kafka in " +
        "FC, SQS in Lambda.",
    ),
});
export type GroupSettings = z.infer<typeof groupSettings>;

/**
 * What functions publish, as gateways hand it on: many of them at once, each with an answer of its
 * own. Which account's function it is, and that it may, the gateway has seen to.
 */
import { publishRequest } from "@skerry/api-schema";
import type { PublishResult } from "@skerry/contracts";
import { parseInput } from "@skerry/contracts/schemas";
import { jsonOf, refusedPublish, type FunctionPublish } from "../function-publish.ts";
import type { Publisher } from "./publisher.ts";
import { readPublished } from "./published.ts";

/** One result for each, in order, after the commit. Never rejects. */
export async function publishAll(
  publisher: Publisher,
  items: readonly FunctionPublish[],
): Promise<readonly PublishResult[]> {
  return await Promise.all(items.map((item) => publishOne(publisher, item)));
}

async function publishOne(
  publisher: Publisher,
  { head, bytes }: FunctionPublish,
): Promise<PublishResult> {
  try {
    const { messages, idempotencyKey } = parseInput(publishRequest, jsonOf(bytes), "body");
    const topic = { accountId: head.a, name: head.t };
    const places = await publisher.publish(topic, readPublished(messages), idempotencyKey);
    return { ok: true, places: places.map(({ partition, offset }) => [partition, offset]) };
  } catch (thrown) {
    return refusedPublish(thrown);
  }
}

/**
 * What ended as a message of a topic. Its header tells how many ends told one another, so that
 * functions and topics that are each other's destination come to an end.
 */
import { LIMITS } from "@skerry/contracts";
import type { ClaimedDelivery } from "@skerry/invocations";
import type { TopicMessage } from "@skerry/triggers";

/** How many ends told one another; nobody who publishes may say it, only the platform does. */
export const DEPTH_HEADER = "skerrydepth";
const TYPE_HEADER = "type";
/** Of a message beside its value: key, headers and content type. */
const BESIDE_BYTES = 4 << 10;

/** What its value may take. */
export const ENDED_BYTES_MAX = LIMITS.topicMessageBytesMax - BESIDE_BYTES;

/** Its key is the invocation's ordering key, where that can be one. */
export function endedMessage(
  ended: Pick<ClaimedDelivery, "end" | "endedMs" | "orderingKey" | "depth" | "body">,
): TopicMessage {
  const { end, endedMs, orderingKey, depth, body } = ended;
  const isKey = orderingKey !== null && Buffer.byteLength(orderingKey) <= LIMITS.topicKeyBytesMax;
  return {
    ...{ key: isKey ? orderingKey : null, contentType: "application/json", timeMs: endedMs },
    headers: [
      [TYPE_HEADER, `invocation.${end}`],
      [DEPTH_HEADER, String(depth + 1)],
    ],
    value: body,
  };
}

/** How many ends told one another until this message, as far as it says. */
export function depthOf({ headers }: Pick<TopicMessage, "headers">): number {
  const [, said = ""] = headers.find(([name]) => name === DEPTH_HEADER) ?? [];
  return /^\d{1,2}$/.test(said) ? Math.min(Number(said), LIMITS.destinationDepthMax) : 0;
}

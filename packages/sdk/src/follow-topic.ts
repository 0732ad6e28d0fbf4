/** Following a topic: it never ends by itself. */
import { assert } from "@skerry/base";
import type { FollowedMessage } from "@skerry/api-schema";
import { follow, type FollowSettings } from "./follow.ts";
import type { Client } from "./types.ts";

export interface FollowTopicOptions extends FollowSettings {
  readonly topic: string;
}

/**
 * Messages as they come, from the next one on or behind a cursor; over restarts of the platform
 * none is left out. Never ends by itself: it throws the signal's reason, or what the platform
 * answers.
 */
export async function* followTopic(
  client: Pick<Client, "followTopicMessages" | "listTopicMessages">,
  options: FollowTopicOptions,
): AsyncGenerator<FollowedMessage, never, void> {
  const { topic, signal } = options;
  let { cursor: start } = options;
  if (start === undefined) {
    // A connection that breaks before the first message must not lose what came meanwhile.
    const query = { from: "latest", limit: 1 };
    const page = await client.listTopicMessages({ params: { topic }, query, signal });
    for (const item of page.items) yield { ...item, cursor: page.nextCursor };
    start = page.nextCursor;
  }
  const lines = (cursor: string | undefined): AsyncIterable<FollowedMessage> => {
    return client.followTopicMessages({ params: { topic }, query: { cursor }, signal });
  };
  yield* follow({ lines }, { ...options, cursor: start });
  assert(false, "a topic is never complete");
}

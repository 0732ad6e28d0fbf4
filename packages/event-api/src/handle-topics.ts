/** Topics and their triggers. As with timers, a change is recorded before it is made. */
import {
  assertMay,
  idempotencyKeyOf,
  json,
  type Answer,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import { OPERATIONS, TOPIC_OPERATIONS } from "@skerry/api-schema";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange } from "./recorded-change.ts";
import type { FollowedTopic, TopicCall, TopicOperation } from "./topic-ports.ts";

export function topicHandlers(deps: EventApiDeps): Pick<OperationHandlers, TopicOperation> {
  const names = Object.keys(TOPIC_OPERATIONS) as TopicOperation[];
  const handlers = names.map((name) => [name, (call: Called) => handle(deps, name, call)]);
  return Object.fromEntries(handlers) as Pick<OperationHandlers, TopicOperation>;
}

type Called = OperationCall<TopicOperation>;
type Asked = TopicCall<TopicOperation>;
type Operations = Readonly<Record<TopicOperation, (asked: Asked) => Promise<unknown>>>;

async function handle(deps: EventApiDeps, name: TopicOperation, call: Called): Promise<Answer> {
  const { params, principal, query, body, signal } = call;
  const asked: Asked = { accountId: principal.accountId, params, query, body, signal };
  const topics = deps.topics as unknown as Pick<EventApiDeps["topics"], "check"> & Operations;
  if (name === "followTopicMessages") {
    const { cursor, lines } = (await topics[name](asked)) as FollowedTopic;
    return { kind: "lines", cursor, lines: call.isHead ? ReadableStream.from([]) : lines };
  }
  if (name === "publishMessages") return json(await deps.topics[name](keyed(asked, call)));
  if (!OPERATIONS[name].mutates) return json(await topics[name](asked));
  // Topics are the account's: a key that is confined to apps may not let one of them read there.
  if (name === "putTopicTrigger") assertMay(principal, "topics.read");
  await topics.check(name, asked);
  const { app, trigger, topic } = params;
  const subject = app === "" ? `topic/${topic}` : `app/${app}/topic-trigger/${trigger}`;
  const told = { action: "topics.write", subject, details: { operation: name }, stamp: call.stamp };
  return await recordedChange(deps, told, () => topics[name](asked));
}

/** Its key may stand in a header, too. */
function keyed(asked: Asked, { req }: Called): TopicCall<"publishMessages"> {
  const publish = asked as unknown as TopicCall<"publishMessages">;
  const { idempotencyKey = idempotencyKeyOf(req) } = publish.body;
  return { ...publish, body: { ...publish.body, idempotencyKey } };
}

/** Operations on topics and their triggers: rows of the one table like all others. */
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";
import { timerEnabledRequest } from "./timers.ts";
import {
  discardTriggerAnswer,
  followedMessage,
  publishAnswer,
  publishRequest,
  seekRequest,
  topicDeadLetter,
  topicFollowQuery,
  topicMessagesPage,
  topicMessagesQuery,
  topicResource,
  topicTriggerRequest,
  topicTriggerResource,
} from "./topic-resources.ts";
import { topicOptions } from "./topics.ts";

const TOPIC = "/v1/topics/{topic}";
const TRIGGERS = "/v1/apps/{app}/topic-triggers";
const TRIGGER = `${TRIGGERS}/{trigger}`;

const READ = { method: "GET", action: "topics.read", status: 200, mutates: false } as const;
const CHANGE = { method: "PUT", action: "topics.write", status: 200, mutates: true } as const;
const REMOVE = { ...CHANGE, method: "DELETE", answer: null, status: 204 } as const;

/** Rows for `OPERATIONS`. */
export const TOPIC_OPERATIONS = {
  listTopics: {
    ...READ,
    path: "/v1/topics",
    summary: "Topics, by name",
    query: pageQuery,
    answer: pageOf(topicResource),
  },
  getTopic: { ...READ, path: TOPIC, summary: "One topic", answer: topicResource },
  putTopic: {
    ...CHANGE,
    path: TOPIC,
    summary: "Make a topic, or change how long it keeps and in how many partitions",
    about: "Partitions can only become more. Order of keys holds while they do.",
    body: topicOptions,
    answer: topicResource,
  },
  deleteTopic: {
    ...REMOVE,
    path: TOPIC,
    summary: "Remove a topic with its messages and its triggers",
  },
  publishMessages: {
    method: "POST",
    path: `${TOPIC}/messages`,
    action: "topics.publish",
    summary: "Publish messages to a topic",
    about:
      "Answered is on disk, all of them or none. It has no audit record, like a call; its own " +
      "`idempotencyKey`, or the header `Idempotency-Key`, makes it safe to send again.",
    body: publishRequest,
    answer: publishAnswer,
    status: 200,
    mutates: false,
    once: "unless keyed",
  },
  listTopicMessages: {
    ...READ,
    path: `${TOPIC}/messages`,
    summary: "Messages of a topic, in the order of each partition",
    about: "To follow it, ask again with the last `nextCursor`. Reading moves nobody's position.",
    query: topicMessagesQuery,
    answer: topicMessagesPage,
  },
  followTopicMessages: {
    ...READ,
    path: `${TOPIC}/messages/live`,
    summary: "Messages of a topic as they come",
    about:
      "It is open until the client leaves, the topic goes or the platform stops; go on with the " +
      "last `cursor` then, and nothing is left out.",
    query: topicFollowQuery,
    answer: "lines",
    line: followedMessage,
  },
  listTopicTriggers: {
    ...READ,
    path: TRIGGERS,
    summary: "Topic triggers of an app, by name",
    query: pageQuery,
    answer: pageOf(topicTriggerResource),
  },
  getTopicTrigger: {
    ...READ,
    path: TRIGGER,
    summary: "One topic trigger",
    answer: topicTriggerResource,
  },
  putTopicTrigger: {
    ...CHANGE,
    path: TRIGGER,
    summary: "Let a topic's messages run a function",
    about: "One that is there keeps its positions; `from` is where a new one begins.",
    body: topicTriggerRequest,
    answer: topicTriggerResource,
  },
  deleteTopicTrigger: {
    ...REMOVE,
    path: TRIGGER,
    summary: "Remove a topic trigger with its positions and dead letters",
  },
  setTopicTriggerEnabled: {
    ...CHANGE,
    path: `${TRIGGER}/enabled`,
    summary: "Pause a topic trigger or let it go on",
    about: "It goes on where it stood; what runs is still settled.",
    body: timerEnabledRequest,
    answer: topicTriggerResource,
  },
  seekTopicTrigger: {
    ...CHANGE,
    path: `${TRIGGER}/position`,
    summary: "Move a topic trigger to another place in its topic",
    about: "Moved back, everything from there is run again.",
    body: seekRequest,
    answer: topicTriggerResource,
  },
  listTopicDeadLetters: {
    ...READ,
    path: `${TRIGGER}/dead-letters`,
    summary: "Messages that a topic trigger has given up",
    query: pageQuery,
    answer: pageOf(topicDeadLetter),
  },
  discardTopicDeadLetters: {
    ...CHANGE,
    method: "DELETE",
    path: `${TRIGGER}/dead-letters`,
    summary: "Forget the dead letters of a topic trigger",
    about: "But those that are being put through again.",
    answer: discardTriggerAnswer,
  },
} as const;

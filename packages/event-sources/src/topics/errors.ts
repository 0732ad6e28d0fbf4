import { defineReasons } from "@skerry/base";

/** The topics' only error constructor. */
export const failTopic = defineReasons({
  TOPIC_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "There is no topic {topic}.",
    hint: "List them with `skerry topics ls`; make one with `skerry topics create {topic}`.",
    retryable: false,
    audience: "user",
  },
  TOPICS_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "An account has at most {topicsMax} topics.",
    hint: "Remove those that are no longer used.",
    retryable: false,
    audience: "user",
  },
  TOPIC_PARTITIONS: {
    code: "FAILED_PRECONDITION",
    message: "The topic {topic} has {partitions} partitions; they can only become more.",
    hint: "Ask for as many or more, or make another topic.",
    retryable: false,
    audience: "user",
  },
  TOPIC_FULL: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 507,
    message: "Partition {partition} of the topic {topic} holds as much as it may.",
    hint: "Nothing was published. Shorten the topic's retention, or add partitions.",
    retryable: true,
    audience: "user",
  },
  TOPIC_TRIGGER_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "The app {app} has no topic trigger {trigger}.",
    hint: "List them with `skerry triggers ls --app {app}`.",
    retryable: false,
    audience: "user",
  },
  TOPIC_TRIGGER_MOVED: {
    code: "FAILED_PRECONDITION",
    message: "The trigger {trigger} reads the topic {topic}, and its positions are of that one.",
    hint: "Remove it first, or give the new one another name.",
    retryable: false,
    audience: "user",
  },
  TOPIC_TRIGGERS_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "A topic has at most {triggersMax} triggers.",
    hint: "Remove those that are no longer used.",
    retryable: false,
    audience: "user",
  },
});

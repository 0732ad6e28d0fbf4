/** What the API needs of topics. The composition root supplies it. */
import type { OperationCall } from "@skerry/api-serving";
import type { AccountId } from "@skerry/base";
import type { TOPIC_OPERATIONS } from "@skerry/api-schema";
import type { AddressedLetters } from "./redrive-ports.ts";
import type { TimerBook } from "./timer-ports.ts";

export type TopicOperation = keyof typeof TOPIC_OPERATIONS;

/** What an operation is asked, by whom. */
export type TopicCall<N extends TopicOperation> = Pick<
  OperationCall<N>,
  "params" | "query" | "body" | "signal"
> & { readonly accountId: AccountId };

/** What `followTopicMessages` answers. */
export interface FollowedTopic {
  /** Before the first line. */
  readonly cursor: string;
  readonly lines: AsyncIterable<unknown>;
}

/** Each answers its operation, or rejects with the reasons of topics; undefined is an empty one. */
export type TopicBook = {
  readonly [N in TopicOperation]: (call: TopicCall<N>) => Promise<unknown>;
} & Pick<TimerBook, "appRemoved"> & {
    /** Rejects with why an operation that changes something would be refused. */
    readonly check: (operation: TopicOperation, call: TopicCall<TopicOperation>) => Promise<void>;
    /**
     * They go to `fn`, or to the trigger's function without. Rejects when there is no such trigger,
     * or no such `fn`.
     */
    readonly lettersOf: (of: {
      readonly accountId: AccountId;
      readonly app: string;
      readonly trigger: string;
      readonly fn: string | undefined;
      readonly qualifier: string | undefined;
    }) => Promise<AddressedLetters>;
  };

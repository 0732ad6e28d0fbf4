export { createClient, type ClientOptions } from "./client.ts";
export { followInvocation, type FollowInvocationOptions } from "./follow-invocation.ts";
export {
  decideDeclared,
  declaredBy,
  performDeclared,
  planDeclared,
  type Declared,
  type DeclaredChange,
} from "./declared.ts";
export { followDeploymentLog, type FollowDeploymentOptions } from "./follow-deployment-log.ts";
export { followTopic, type FollowTopicOptions } from "./follow-topic.ts";
export { followLogs, type FollowOptions } from "./follow-logs.ts";
export type { Fetch, FetchedAnswer } from "./http.ts";
export { everyItem } from "./pages.ts";
export type {
  AcceptedAnswer,
  AcceptedList,
  AnswerOf,
  ArgsOf,
  CallOptions,
  Client,
  InvokeAsyncOptions,
  Invoked,
  InvokeOptions,
  InvokeTarget,
  ListedAnswer,
  ListedEvent,
} from "./types.ts";

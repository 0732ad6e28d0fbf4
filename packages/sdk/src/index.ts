export { createClient, type ClientOptions } from "./client.ts";
export { followLogs, type FollowOptions } from "./follow-logs.ts";
export { everyItem } from "./pages.ts";
export type { AnswerOf, ArgsOf, CallOptions, Client, Invoked } from "./types.ts";

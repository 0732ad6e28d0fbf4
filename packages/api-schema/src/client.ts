/** What a program needs to ask the API, without the schemas of what goes in and comes out. */
export { deploymentMark } from "./deployment-mark.ts";
export { EVENT_FORMATS } from "./event-formats.ts";
export { IDEMPOTENCY_HEADERS } from "./idempotency-headers.ts";
export { OPERATION_CALLS, type OperationCall } from "./operation-calls.ts";
export { RELEASE_GUARDS } from "./release-guards.ts";

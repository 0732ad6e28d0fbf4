export {
  EMPTY,
  json,
  tagged,
  type Answer,
  type ChangeStamp,
  type OperationCall,
  type OperationHandler,
  type OperationHandlers,
} from "./call.ts";
export { createDocuments, type Documents } from "./documents.ts";
export { fail as failServing } from "./errors.ts";
export { idempotencyKeyOf } from "./idempotency-key.ts";
export { readJsonBody } from "./json-body.ts";
export { OpenRequests } from "./open-requests.ts";
export { pageOfAll, pageOfRows, readCursor } from "./pages.ts";
export { parseParams, parseQuery, type PathParams } from "./params.ts";
export { assertMay } from "./permission.ts";
export { assertConditions, isKnown, versionOf } from "./preconditions.ts";
export { RateLimit } from "./rate-limit.ts";
export { createRoutes, type Route } from "./routes.ts";

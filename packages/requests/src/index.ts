export { isFunctionHost, TargetReader, type CallTarget } from "./call-target.ts";
export { isKeyHeader, KeyCheck, type Caller, type KeyView } from "./key-check.ts";
export { NonceJournal, type SignedNonce } from "./nonce-journal.ts";
export { NONCE_LIMITS, Nonces, type NonceOwner, type NonceUse } from "./nonces.ts";
export {
  functionHeaders,
  platformHeaders,
  refusalHeaders,
  sendRefusal,
} from "./platform-headers.ts";
export { headerOf, httpParts, noParts } from "./request-parts.ts";
export { isSigned, readTicket, type Ticket } from "./ticket.ts";
export {
  answeredTraceparent,
  readTrace,
  tracedHeaders,
  traceOfCall,
  type RequestTrace,
} from "./trace.ts";

export type { AnswerHead, AnswerSink } from "./answer-sink.ts";
export { assertOwnPage, COOKIE_PATH, cookieNameOf, cookieOf, setCookie } from "./browser.ts";
export { isSameAuthority, parseAuthority, type Authority } from "./authority.ts";
export { admitBody, readBody, type BodyLimits } from "./body.ts";
export { closeFrame, FrameBoundary } from "./frame-boundary.ts";
export { createHeaderPolicy, type HeaderPolicy, type HeaderPolicyOptions } from "./headers.ts";
export {
  prepareMessage,
  sendPrepared,
  takesPrepared,
  type PreparedMessage,
} from "./prepared-message.ts";
export {
  resetConnection,
  sendBytes,
  sendError,
  sendJson,
  type ErrorContext,
  type ResponseHead,
} from "./respond.ts";
export {
  serveHttp,
  type Covered,
  type DrainResult,
  type HttpServer,
  type HttpServerDeps,
  type HttpServerOptions,
  type KnownHandler,
  type ListenTarget,
  type RequestHandler,
  type UpgradeHandler,
} from "./server.ts";
export type { PemIdentity, TlsIdentities, TlsIdentity, TlsOptions } from "./tls/identities.ts";
export { TICKET_KEY_BYTES, TicketKeys } from "./tls/ticket-keys.ts";
export { DEFAULT_LIMITS, type HttpLimits } from "./limits.ts";
export { nodeHttp } from "./node-http.ts";
export type { SwitchedSocket, Upgrade } from "./upgrade.ts";
export { PieceGauge } from "./piece-gauge.ts";
export { openBody, streamTo, type BodyWriter, type StreamHead } from "./stream.ts";
export { parseRequestTarget, TARGET_CHARS_MAX, targetBelow, type ParsedTarget } from "./target.ts";

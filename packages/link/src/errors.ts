import { defineReasons } from "@skerry/base";

const HINT_PEER =
  "Look at the peer's log; a peer of another release must be upgraded or restarted.";

export const fail = defineReasons({
  LINK_CLOSED: {
    code: "UNAVAILABLE",
    message: "The link to the {peer} closed: {why}.",
    hint: "Retry: the platform opens a new link by itself.",
    retryable: true,
    audience: "operator",
  },
  LINK_PROTOCOL_VIOLATION: {
    code: "INTERNAL",
    message: "The {peer} broke the link protocol: {why}.",
    hint: HINT_PEER,
    retryable: false,
    audience: "operator",
  },
  LINK_VERSION_MISMATCH: {
    code: "FAILED_PRECONDITION",
    message: "The {peer} speaks link versions {theirs}, this side {ours}.",
    hint: HINT_PEER,
    retryable: false,
    audience: "operator",
  },
  LINK_HANDLER_FAILED: {
    code: "INTERNAL",
    message: "What the {peer} said could not be handled.",
    hint: "The cause is in the log; the link was closed and nothing else was touched.",
    retryable: false,
    audience: "operator",
  },
  LINK_PEER_SILENT: {
    code: "UNAVAILABLE",
    message: "The {peer} said nothing for {silenceMs} ms.",
    hint: HINT_PEER,
    retryable: true,
    audience: "operator",
  },
  LINK_STREAMS_EXHAUSTED: {
    code: "RESOURCE_EXHAUSTED",
    message: "The link to the {peer} already carries {streamsMax} streams.",
    hint: "Retry when earlier calls have ended.",
    retryable: true,
    audience: "operator",
  },
  LINK_STREAM_CANCELLED: {
    code: "CANCELLED",
    message: "The {peer} cancelled the stream: {why}.",
    hint: "The other side gave up; its own error says why.",
    retryable: false,
    audience: "operator",
  },
});

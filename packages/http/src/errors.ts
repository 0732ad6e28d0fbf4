/**
 * What can go wrong at the HTTP edge. Everything here is the doing of a peer, so the peer is told.
 */
import { defineReasons } from "@skerry/base";

const HINT_PATH =
  "Send the path in one plain spelling; percent-encode only what is not a path character.";
const HINT_FRAMING = "Use a standard HTTP/1.1 client; the connection was closed.";
const HINT_FUNCTION = "Correct the function that made this response.";

const badTarget = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;
const badResponse = {
  code: "INTERNAL",
  retryable: false,
  audience: "user",
  httpStatus: 502,
} as const;

/** Builds every error of this package. */
export const fail = defineReasons({
  TARGET_FORM_REFUSED: {
    ...badTarget,
    message: "The request target is neither a path nor an http(s) URL.",
    hint: "Send a path such as /a/b?c=d.",
  },
  TARGET_TOO_LONG: {
    ...badTarget,
    httpStatus: 414,
    message: "The request target has {length} characters; {lengthMax} are allowed.",
    hint: "Move what is long into the request body.",
  },
  TARGET_CHARACTER_REFUSED: {
    ...badTarget,
    message: "The request target holds a character that may not stand there (position {position}).",
    hint: HINT_PATH,
  },
  TARGET_ENCODING_INVALID: {
    ...badTarget,
    message: "The path segment {segment} is not valid percent-encoded UTF-8.",
    hint: HINT_PATH,
  },
  TARGET_ENCODED_SEPARATOR: {
    ...badTarget,
    message: "The path segment {segment} hides a slash or backslash behind percent-encoding.",
    hint: "Pass values that hold slashes in the query or the body.",
  },
  TARGET_ENCODED_CONTROL: {
    ...badTarget,
    message: "The path segment {segment} holds an encoded control character.",
    hint: HINT_PATH,
  },
  TARGET_DOT_SEGMENT: {
    ...badTarget,
    message: "The path holds a '.' or '..' segment.",
    hint: "Resolve the path before sending it.",
  },
  TARGET_EMPTY_FIRST_SEGMENT: {
    ...badTarget,
    message: "The path begins with '//', which other software reads as the name of a host.",
    hint: "Begin the path with a single slash.",
  },
  HOST_INVALID: {
    ...badTarget,
    message: "The host is missing or not a plain DNS name or IP address with an optional port.",
    hint: "Send one ASCII host name in canonical spelling, such as name.example:8080.",
  },
  HOST_AMBIGUOUS: {
    ...badTarget,
    message: "The request names more than one host.",
    hint: "Send one Host header, equal to the host of the URL.",
  },
  HOST_MISDIRECTED: {
    ...badTarget,
    httpStatus: 421,
    message: "The certificate of this connection does not stand for the host of the request.",
    hint: "Open a connection to that host, and name it in the TLS handshake (SNI).",
  },
  REQUEST_FRAMING_REFUSED: {
    ...badTarget,
    message: "The length or the transfer coding of the request is not supported.",
    hint: HINT_FRAMING,
  },
  REQUEST_METHOD_UNKNOWN: {
    ...badTarget,
    httpStatus: 501,
    message: "The method of the request is none that HTTP/1.1 clients may use here.",
    hint: "Use a registered method, in capital letters; CONNECT is not served.",
  },
  REQUEST_VERSION_REFUSED: {
    ...badTarget,
    httpStatus: 505,
    message: "The request is neither HTTP/1.1 nor HTTP/1.0.",
    hint: HINT_FRAMING,
  },
  REQUEST_HEADERS_TOO_MANY: {
    ...badTarget,
    httpStatus: 431,
    message: "The request has {count} header lines; {countMax} are allowed.",
    hint: "Send fewer headers.",
  },
  REQUEST_MALFORMED: {
    ...badTarget,
    message: "What came is no request of HTTP/1.1.",
    hint: HINT_FRAMING,
  },
  REQUEST_HEADERS_TOO_LARGE: {
    ...badTarget,
    httpStatus: 431,
    message: "The header of the request is larger than allowed.",
    hint: "Send fewer or shorter headers.",
  },
  REQUEST_CHUNKS_TOO_LARGE: {
    ...badTarget,
    httpStatus: 413,
    message: "The chunks of the request's body have longer extensions than allowed.",
    hint: HINT_FRAMING,
  },
  REQUEST_TOO_SLOW: {
    code: "DEADLINE_EXCEEDED",
    httpStatus: 408,
    message: "The request did not arrive in time.",
    hint: "Send again over a faster connection, or send less.",
    retryable: true,
    audience: "user",
  },
  BODY_TOO_LARGE: {
    ...badTarget,
    httpStatus: 413,
    message: "The request body is larger than {bytesMax} bytes.",
    hint: "Send a smaller body.",
  },
  BODY_TOO_SLOW: {
    code: "DEADLINE_EXCEEDED",
    httpStatus: 408,
    message: "The request body did not arrive within {deadlineMs} ms.",
    hint: "Send again over a faster connection, or send less.",
    retryable: true,
    audience: "user",
  },
  BODY_CANCELLED: {
    code: "CANCELLED",
    message: "The client closed the connection before its request was complete.",
    hint: "Nothing to do: the client gave up.",
    retryable: false,
    audience: "user",
  },
  RESPONSE_CANCELLED: {
    code: "CANCELLED",
    message: "The client closed the connection before the response was complete.",
    hint: "Nothing to do: the client gave up.",
    retryable: false,
    audience: "user",
  },
  RESPONSE_STATUS_INVALID: {
    ...badResponse,
    message: "The response has the status {status}; 200 to 599 are allowed.",
    hint: HINT_FUNCTION,
  },
  RESPONSE_HEADER_INVALID: {
    ...badResponse,
    message: "The response header {name} has a name or value that HTTP does not allow.",
    hint: HINT_FUNCTION,
  },
  RESPONSE_LENGTH_WRONG: {
    ...badResponse,
    message: "The response body does not have the {contentLength} bytes that were announced.",
    hint: HINT_FUNCTION,
  },
  LISTEN_FAILED: {
    code: "UNAVAILABLE",
    message: "Cannot listen on {address}: {errno}.",
    hint: "Free the address or choose another one.",
    retryable: false,
    audience: "operator",
  },
  REQUEST_FROM_ELSEWHERE: {
    code: "PERMISSION_DENIED",
    message: "The browser does not say that the start page sent this request.",
    hint: "Use the start page, in a browser that sends Referer to it; or a key instead of a session.",
    retryable: false,
    audience: "user",
  },
});

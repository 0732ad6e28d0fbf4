import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  OTLP_RECEIVER_AWAY: {
    code: "UNAVAILABLE",
    message: "The OTLP receiver {url} does not take anything at the moment: {why}.",
    hint: "Check that it runs and can be reached; what was recorded waits for it, up to a bound.",
    retryable: true,
    audience: "operator",
  },
  OTLP_HEADERS_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The file {path} with headers for the OTLP receiver cannot be used: {why}.",
    hint: "One header a line, as `Name: value`.",
    retryable: false,
    audience: "operator",
  },
});

import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  BUILD_ENTRY_MISSING: {
    code: "INVALID_ARGUMENT",
    message: "The source has no {entry}.",
    hint: "Give the file with the handler one of these names, or set `entry`.",
    retryable: false,
    audience: "user",
  },
  BUILD_FAILED: {
    code: "INVALID_ARGUMENT",
    message: "The code cannot be built: {output}",
    hint: "Correct the code and deploy again; nothing was changed.",
    retryable: false,
    audience: "user",
  },
  BUILD_TIMEOUT: {
    code: "DEADLINE_EXCEEDED",
    message: "The build did not end within {timeoutMs} ms.",
    hint: "Deploy less code, or leave large folders out.",
    retryable: true,
    audience: "user",
  },
  SOURCE_MISSING_ON_NODE: {
    code: "NOT_FOUND",
    message: "This node does not have the source {sourceDigest}.",
    hint: "Deploy the source again.",
    retryable: true,
    audience: "operator",
  },
  INSTANCE_START_FAILED: {
    code: "UNAVAILABLE",
    message: "An instance did not start: {why}.",
    hint: "The agent's log names the cause; `skerry ps` shows what runs.",
    retryable: true,
    audience: "operator",
  },
  RUNTIME_SILENT: {
    code: "DEADLINE_EXCEEDED",
    message: "The runtime gave no answer within {timeoutMs} ms.",
    hint: "The code it loads keeps it busy; see `skerry logs`.",
    retryable: true,
    audience: "operator",
  },
  RUNTIME_MISSING: {
    code: "FAILED_PRECONDITION",
    message: "This machine has no {title} {versionMin} or newer: {why}.",
    hint: "Install it with `{install}`, then deploy again.",
    retryable: true,
    audience: "user",
  },
  NODE_PROBE_FAILED: {
    code: "UNAVAILABLE",
    message: "The probes could not be run: {why}.",
    hint: "The agent's log names the cause; try again when the node is not busy.",
    retryable: true,
    audience: "operator",
  },
  RUNTIME_UNUSABLE: {
    code: "FAILED_PRECONDITION",
    message: "The runtime {runtime} cannot be prepared: {why}.",
    hint: "Check SKERRY_NODE and the space in the platform's home.",
    retryable: false,
    audience: "operator",
  },
});

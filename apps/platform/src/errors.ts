import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  PLATFORM_RUNNING_ALREADY: {
    code: "FAILED_PRECONDITION",
    message: "A platform with the home {home} is running already (process {pid}).",
    hint: "Stop that one, or start this one with another SKERRY_HOME and other ports.",
    retryable: false,
    audience: "user",
  },
  PORT_IN_USE: {
    code: "FAILED_PRECONDITION",
    message: "The {what} cannot listen on {host}:{port}: {why}.",
    hint: "Stop what listens there, or choose another port with {flag}.",
    retryable: false,
    audience: "user",
  },
  HOME_UNUSABLE: {
    code: "FAILED_PRECONDITION",
    message: "The home {home} cannot be used: {why}.",
    hint: "Choose a directory that this user owns with SKERRY_HOME.",
    retryable: false,
    audience: "user",
  },
  HOME_FULL: {
    code: "RESOURCE_EXHAUSTED",
    message: "There is no space left for the home {home}: {why}.",
    hint: "Free some; what could not start is tried again by itself.",
    retryable: true,
    audience: "operator",
  },
  SETTINGS_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The platform cannot start with these settings: {problems}",
    hint: "See `npm start -- --help`.",
    retryable: false,
    audience: "user",
  },
  ORDER_UNKNOWN: {
    code: "INVALID_ARGUMENT",
    message: "The platform does not know the order `{order}`.",
    hint: "Say `restart control`, `restart gateway` or `restart agent`.",
    retryable: false,
    audience: "user",
  },
  SUPERVISOR_UNREACHABLE: {
    code: "UNAVAILABLE",
    message: "No platform with the home {home} can be told `{order}`: {why}.",
    hint: "Start it with `npm start`, or name the home of the one that runs with SKERRY_HOME.",
    retryable: true,
    audience: "user",
  },
  GATEWAY_UNREACHABLE: {
    code: "UNAVAILABLE",
    message: "The gateway did not answer the call: {why}.",
    hint: "Try again; `skerry status` shows whether a gateway is there.",
    retryable: true,
    audience: "user",
  },
  ROLE_FAILED: {
    code: "UNAVAILABLE",
    message: "The role {role} did not become ready: {why}.",
    hint: "Its last words are in {logFile}.",
    retryable: true,
    audience: "operator",
  },
});

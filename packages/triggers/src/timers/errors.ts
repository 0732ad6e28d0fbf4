import { defineReasons } from "@skerry/base";

/** The timers' only error constructor. */
export const failTimer = defineReasons({
  TIMER_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "The app {app} has no timer {timer}.",
    hint: "List them with `skerry timers ls --app {app}`.",
    retryable: false,
    audience: "user",
  },
  TIMER_CHANGED: {
    code: "FAILED_PRECONDITION",
    message: "The timer {timer} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the request still holds.",
    retryable: false,
    audience: "user",
  },
  TIMER_NEVER_TICKS: {
    code: "INVALID_ARGUMENT",
    message: "{cron} in {timezone} has no time that is still to come.",
    hint: "Look at its day, month and year: 30 February never comes, and years end with 2099.",
    retryable: false,
    audience: "user",
  },
  TIMERS_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "An app has at most {timersMax} timers.",
    hint: "Remove those that are no longer used.",
    retryable: false,
    audience: "user",
  },
});

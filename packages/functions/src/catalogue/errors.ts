import { defineReasons } from "@skerry/base";

/**
 * The catalogue's only error constructor. Unknown functions are `FUNCTION_NOT_FOUND` of contracts.
 */
export const failCatalogue = defineReasons({
  APP_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "There is no app {app}.",
    hint: "List what is deployed with `skerry ls`.",
    retryable: false,
    audience: "user",
  },
  APP_FUNCTIONS_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "{app} would have {functions} functions; an app has at most {functionsMax}.",
    hint: "Remove functions that are no longer used, or divide them over several apps.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_CHANGED: {
    code: "FAILED_PRECONDITION",
    message: "{function} was changed since it was read: its tag is {actual}, not {expected}.",
    hint: "Read it again and repeat with the new tag if the request still holds.",
    retryable: false,
    audience: "user",
  },
  SAVED_EVENTS_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "A function keeps at most {eventsMax} events.",
    hint: "Remove one that is no longer used.",
    retryable: false,
    audience: "user",
  },
  SAVED_EVENT_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "The function keeps no event {event}.",
    hint: "List its events.",
    retryable: false,
    audience: "user",
  },
  DEPLOYMENT_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "There is no deployment {deployment} of {app}.",
    hint: "Deployments that ended long ago are forgotten; look at the app with `skerry ls`.",
    retryable: false,
    audience: "user",
  },
  DEPLOYMENT_OVERTAKEN: {
    code: "ABORTED",
    message: "The deployment was given up because {what} was removed while it ran.",
    hint: "Deploy again if it is still wanted.",
    retryable: false,
    audience: "user",
  },
  DEPLOYMENT_FORMAT_NEWER: {
    code: "FAILED_PRECONDITION",
    message:
      "A deployment is recorded in format {found}; this release knows formats up to {known}.",
    hint: "Start the release that wrote it, or a newer one.",
    retryable: false,
    audience: "operator",
  },
});

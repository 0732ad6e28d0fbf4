import { defineReasons } from "@skerry/base";

/** Reasons of releases. */
export const failRelease = defineReasons({
  RELEASE_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "{app} has no release {release}.",
    hint: "List them with `skerry releases ls {app}`; only the last are kept.",
    retryable: false,
    audience: "user",
  },
  RELEASE_OPEN: {
    code: "FAILED_PRECONDITION",
    message: "{app} is being released already: {release} is {state}.",
    hint: "See it with `skerry releases show {app} {release} --follow`, or end it with `skerry releases abort {app} {release}`.",
    retryable: false,
    audience: "user",
  },
  RELEASE_ENDED: {
    code: "FAILED_PRECONDITION",
    message: "The release {release} has ended: it is {state}.",
    hint: "Start another one with `skerry release {app}`.",
    retryable: false,
    audience: "user",
  },
  RELEASE_CHANGED: {
    code: "FAILED_PRECONDITION",
    message: "The release {release} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the request still holds.",
    retryable: false,
    audience: "user",
  },
  RELEASE_NOTHING_NEW: {
    code: "FAILED_PRECONDITION",
    message: "There is nothing to release: {alias} of every function of {app} leads there already.",
    hint: "Deploy what is new first.",
    retryable: false,
    audience: "user",
  },
  RELEASE_ALIAS_DIVIDED: {
    code: "FAILED_PRECONDITION",
    message: "The alias {alias} is divided over several versions.",
    hint: "Have it lead to one with `skerry aliases set {alias} VERSION`, then release.",
    retryable: false,
    audience: "user",
  },
  RELEASE_STAGE_UNKNOWN: {
    code: "INVALID_ARGUMENT",
    message: "{stage} is no stage with one behind it; the stages are {stages}.",
    hint: "Name a stage whose versions are to go on to the next.",
    retryable: false,
    audience: "user",
  },
});

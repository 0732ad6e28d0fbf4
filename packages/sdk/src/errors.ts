import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  PLATFORM_UNREACHABLE: {
    code: "UNAVAILABLE",
    message: "Skerry does not answer at {url}: {why}.",
    hint: "Start it with `npm start`, or name where it is with --api or SKERRY_API.",
    retryable: true,
    audience: "user",
  },
  ANSWER_UNREADABLE: {
    code: "INTERNAL",
    message: "The answer of {url} (status {status}) is not what the API promises.",
    hint: "Check that the address is Skerry's and that client and platform are of one release.",
    retryable: false,
    audience: "user",
  },
  FUNCTION_STATUS: {
    code: "INTERNAL",
    message:
      "The function answered with status {status}, and what it said is no error of the platform.",
    hint: "Look at its log. A web server is sent events by POST to /invoke.",
    retryable: false,
    audience: "user",
  },
  ANSWER_INTERRUPTED: {
    code: "UNAVAILABLE",
    message: "The answer of {url} broke off: {why}.",
    hint: "Ask again; the platform was restarted or is gone.",
    retryable: true,
    audience: "user",
  },
  PATH_PARAMETER_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "`{value}` cannot stand for {name} in an address.",
    hint: "Give the name of something that exists.",
    retryable: false,
    audience: "user",
  },
  IDEMPOTENCY_KEY_MALFORMED: {
    code: "INVALID_ARGUMENT",
    message: "What begins idempotency keys must be 1 to {charsMax} visible ASCII characters.",
    hint: "A UUID, or the id of the pipeline's run, is a good choice.",
    retryable: false,
    audience: "user",
  },
  RESOURCE_ABSENT: {
    code: "NOT_FOUND",
    message: "There is nothing at {url}.",
    hint: "Check the names in the address.",
    retryable: false,
    audience: "user",
  },
  SOURCE_UNREADABLE: {
    code: "INVALID_ARGUMENT",
    message: "The folder {path} cannot be packed: {why}.",
    hint: "Correct the folder, or leave files out with .skerryignore.",
    retryable: false,
    audience: "user",
  },
  SOURCE_TOO_LARGE: {
    code: "INVALID_ARGUMENT",
    message: "The folder {path} has more than {max} {unit}.",
    hint: "Leave out with .skerryignore what the code does not need.",
    retryable: false,
    audience: "user",
  },
});

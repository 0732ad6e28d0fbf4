import { defineReasons } from "@skerry/base";

/** The reasons this package fails for. */
export const fail = defineReasons({
  SANDBOX_SPEC_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The sandbox cannot be started as asked: {problem}.",
    hint: "This is a fault of the platform's own configuration; report it with the instance id.",
    retryable: false,
    audience: "operator",
  },
  SANDBOX_ID_TAKEN: {
    code: "ALREADY_EXISTS",
    message: "A sandbox named {id} is running already.",
    hint: "Use a fresh id for each sandbox.",
    retryable: false,
    audience: "operator",
  },
  SANDBOX_UIDS_EXHAUSTED: {
    code: "RESOURCE_EXHAUSTED",
    message: "All {count} user ids of the sandbox range are in use or still own files.",
    hint: "Widen the uid range, or remove directories of ended instances.",
    retryable: true,
    audience: "operator",
  },
  SANDBOX_START_FAILED: {
    code: "UNAVAILABLE",
    message: "The sandbox {id} could not be started: {problem}.",
    hint: "Look at memory, process and descriptor limits of this machine, then try again.",
    retryable: true,
    audience: "operator",
  },
  SANDBOX_DRIVER_CLOSED: {
    code: "UNAVAILABLE",
    message: "The sandbox driver is closed.",
    hint: "The platform is stopping; try again when it runs.",
    retryable: true,
    audience: "operator",
  },
  SANDBOX_RUNG_UNAVAILABLE: {
    code: "FAILED_PRECONDITION",
    message: "The sandbox rung {rung} cannot be used here: {problem}.",
    hint: "To mend it: {advice}.",
    retryable: false,
    audience: "operator",
  },
  SANDBOX_HOME_UNREACHABLE: {
    code: "FAILED_PRECONDITION",
    message:
      "Sandboxes run as other users and cannot reach {path}, which only its owner may enter.",
    hint: "chmod o+x {path}, or choose a home directory such as /var/lib/skerry.",
    retryable: false,
    audience: "operator",
  },
});

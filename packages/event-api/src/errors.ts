import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;

/** The package's only error constructor. */
export const fail = defineReasons({
  ACCEPTED_INVOCATION_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no accepted invocation {id}.",
    hint: "List them with `skerry invocations ls`; those that ended are kept for `ledgerDays`.",
  },
  ACTION_NOT_MANUAL: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The action {action} of {app} is not run by hand: its drives do not name `manual`.",
    hint: "Set `manual: true` in its drives, and deploy.",
  },
  ACCEPTED_RESULT_MISSING: {
    ...user,
    code: "NOT_FOUND",
    message: "The invocation {id} has no result: it is {state}.",
    hint: "Only what has succeeded has one; a result that is too large is not kept.",
  },
  REDRIVE_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no redrive {id}.",
    hint: "List them with `skerry redrives ls`; those that ended are kept for `ledgerDays`.",
  },
  REDRIVE_ENDED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The redrive {id} is {state}: there is nothing to pause or to resume.",
    hint: "Make another one; it leaves out what was redriven before.",
  },
});

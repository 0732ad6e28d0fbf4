import { defineReasons } from "@skerry/base";

/** The package's only error constructor. */
export const failAccounts = defineReasons({
  KEY_NOT_FOUND: {
    code: "NOT_FOUND",
    message: "There is no key {key}.",
    hint: "List the keys with `skerry keys ls`.",
    retryable: false,
    audience: "user",
  },
  KEY_LIMIT: {
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "The account has {keysMax} keys, which is its limit.",
    hint: "Revoke keys that are no longer used.",
    retryable: false,
    audience: "user",
  },
  KEY_LAST_ADMIN: {
    code: "FAILED_PRECONDITION",
    message:
      "{key} is the account's last unconfined admin key; without one nobody could make keys.",
    hint: "Make another admin key first.",
    retryable: false,
    audience: "user",
  },
});

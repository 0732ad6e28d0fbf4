import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  SPOOL_UNWRITABLE: {
    code: "UNAVAILABLE",
    message: "The spool {directory} cannot be written: {why}.",
    hint: "Check the disk's space and the directory's owner; records are kept in memory meanwhile.",
    retryable: true,
    audience: "operator",
  },
});

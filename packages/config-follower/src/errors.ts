import { defineReasons } from "@skerry/base";

export const fail = defineReasons({
  CONFIG_FORMAT_NEWER: {
    code: "FAILED_PRECONDITION",
    message: "The configuration snapshot {path} has format {found}; this release knows {known}.",
    hint: "Start the newer release, or remove the file and let control send the configuration anew.",
    retryable: false,
    audience: "operator",
  },
});

import { defineReasons } from "@skerry/base";

const usage = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;
const user = { retryable: false, audience: "user" } as const;

/** Reasons of these commands; all others come over the wire, from the sdk or the terminal. */
export const fail = defineReasons({
  QUOTA_UNNAMED: {
    ...usage,
    message: "No quota is named that should change.",
    hint: "Name one or more: {flags}.",
  },
  INPUT_FILE_UNREADABLE: {
    ...usage,
    message: "{path} cannot be read: {why}.",
    hint: "Give JSON itself, @FILE, or - for the standard input.",
  },
  SECRET_SOURCE_UNCLEAR: {
    ...usage,
    message: "A secret's value comes from one place: --from-file FILE, or --value-stdin.",
    hint: "Never write a value on the command line: it stays in histories and process lists.",
  },
  CONFIG_NOT_TEXT: {
    ...usage,
    message: "{config} is not text, so that it is not printed.",
    hint: "Write it to a file with --out FILE.",
  },
  INPUT_NOT_JSON: {
    ...usage,
    message: "{source} is not JSON: {why}.",
    hint: `Text needs quotes of its own, as in --data '"text"'; the shell takes one pair away.`,
  },
  DEPLOYMENT_MISSING: {
    ...user,
    code: "NOT_FOUND",
    message: "Nothing was deployed to {app}, or not for a while.",
    hint: "List apps with `skerry ls`.",
  },
});

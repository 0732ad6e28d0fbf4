import { defineReasons } from "@skerry/base";

const usage = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;
const user = { retryable: false, audience: "user" } as const;

/** The command line's own reasons; all others come over the wire or from the sdk. */
export const fail = defineReasons({
  COMMAND_UNKNOWN: {
    ...usage,
    message: "There is no command `{command}`.",
    hint: "{suggestion}`skerry help` lists all commands.",
  },
  COMMAND_INCOMPLETE: {
    ...usage,
    message: "`skerry {command}` needs one more word: {words}.",
    hint: "`skerry help {command}` shows each of them.",
  },
  COMMAND_FLAG_UNKNOWN: {
    ...usage,
    message: "`skerry {command}` has no flag {flag}.",
    hint: "{suggestion}`skerry help {command}` lists its flags.",
  },
  FLAG_VALUE_MISSING: {
    ...usage,
    message: "{flag} needs a value: {flag} {value}.",
    hint: "`skerry help {command}` shows what it means.",
  },
  FLAG_VALUE_UNEXPECTED: {
    ...usage,
    message: "{flag} takes no value.",
    hint: "Write {flag} alone.",
  },
  FLAG_VALUE_INVALID: {
    ...usage,
    message: "{flag} cannot be {value}: {why}.",
    hint: "`skerry help {command}` shows what it means.",
  },
  ARGUMENT_MISSING: {
    ...usage,
    message: "`skerry {command}` needs {argument}.",
    hint: "Usage: {usage}",
  },
  ARGUMENT_UNEXPECTED: {
    ...usage,
    message: "`skerry {command}` does not know what to do with `{argument}`.",
    hint: "Usage: {usage}",
  },
  ARGUMENT_INVALID: {
    ...usage,
    message: "`{value}` is not {expected}.",
    hint: "{hint}",
  },
  ADDRESS_INVALID: {
    ...usage,
    message: "{source} is not an address: `{value}`.",
    hint: "Write it as http://HOST:PORT.",
  },
  KEY_FILE_MISSING: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "There is no key: {path} does not exist.",
    hint:
      "Start the platform with `npm start`, or name its home with SKERRY_HOME, " +
      "or give a key with --key or SKERRY_KEY.",
  },
  KEY_FILE_UNREADABLE: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The key in {path} cannot be read: {why}.",
    hint: "Run this as the user who started the platform, or give a key with --key or SKERRY_KEY.",
  },
  KEY_MALFORMED: {
    ...user,
    code: "UNAUTHENTICATED",
    message: "The key from {source} is not the text of a key.",
    hint: "A key is one line that begins with sk_; `skerry keys create` makes one.",
  },
  PROJECT_EMPTY: {
    ...usage,
    message: "{path} is nothing to deploy: it has neither skerry.yaml nor {entries}.",
    hint: "Name the folder of a function, or of an app with skerry.yaml.",
  },
  PROJECT_UNREADABLE: {
    ...usage,
    message: "{path} cannot be read: {why}.",
    hint: "Correct it and deploy again; nothing was changed.",
  },
  PROJECT_NAME_UNUSABLE: {
    ...usage,
    message: "The folder's name {folder} gives no function name.",
    hint: "Give one with --name.",
  },
  PROJECT_FUNCTION_UNKNOWN: {
    ...usage,
    message: "{path} has no function {function}.",
    hint: "{suggestion}It has {functions}.",
  },
  PLATFORM_NOT_STARTED: {
    ...user,
    code: "UNAVAILABLE",
    message: "The platform did not start: {why}.",
    hint: "Start it with `npm start`, which says more.",
  },
  TEMPLATE_UNKNOWN: {
    ...usage,
    message: "There is no template {template}.",
    hint: "{suggestion}There are {templates}.",
  },
  FILES_PRESENT: {
    ...usage,
    message: "{folder} has {files} already.",
    hint: "Name another folder; nothing was written.",
  },
  INPUT_FILE_UNREADABLE: {
    ...usage,
    message: "{path} cannot be read: {why}.",
    hint: "Give JSON itself, @FILE, or - for the standard input.",
  },
  INPUT_NOT_JSON: {
    ...usage,
    message: "{source} is not JSON: {why}.",
    hint: `Text needs quotes of its own, as in --data '"text"'; the shell takes one pair away.`,
  },
  CONFIRMATION_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "{what} was not confirmed, and nothing was removed.",
    hint: "Repeat with --yes; without a terminal there is nobody to ask.",
  },
});

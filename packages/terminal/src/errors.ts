import { defineReasons } from "@skerry/base";

const usage = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;

/** What is wrong with a command line itself, whatever its commands do. */
export const failCommand = defineReasons({
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
  FILE_UNREADABLE: {
    ...usage,
    message: "{path} cannot be read: {why}.",
    hint: "Name a file that you can read; nothing was changed.",
  },
  FILE_UNWRITABLE: {
    ...usage,
    message: "{path} cannot be written: {why}.",
    hint: "Name a file that you can write.",
  },
  CONFIRMATION_MISSING: {
    ...usage,
    code: "FAILED_PRECONDITION",
    message: "{what} was not confirmed, and nothing was removed.",
    hint: "Repeat with --yes; without a terminal there is nobody to ask.",
  },
});

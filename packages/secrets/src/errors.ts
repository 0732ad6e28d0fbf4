import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;
const operator = { retryable: false, audience: "operator" } as const;

/** The package's only error constructor. No detail of any reason may hold a value or a key. */
export const failSecrets = defineReasons({
  SECRET_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no secret {secret} {scope}.",
    hint: "`skerry secrets ls` lists their names; secrets of an app need --app.",
  },
  SECRET_CHANGED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The secret {secret} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the request still holds.",
  },
  SECRET_RACED: {
    code: "ABORTED",
    message: "The secret {secret} was changed at the same moment.",
    hint: "Send it again.",
    retryable: true,
    audience: "user",
  },
  SECRET_LIMIT: {
    ...user,
    code: "RESOURCE_EXHAUSTED",
    httpStatus: 422,
    message: "There are {secretsMax} secrets {scope}, which is the limit.",
    hint: "Remove those that are no longer used.",
  },
  SECRET_UNREADABLE: {
    ...operator,
    code: "FAILED_PRECONDITION",
    message: "The secret {secret} cannot be opened: {why}.",
    hint: "Its master key is missing, or its row was changed; set the secret again.",
  },
  SECRETS_KEY_UNUSABLE: {
    ...operator,
    code: "FAILED_PRECONDITION",
    message: "The file of the secrets' master key, {path}, cannot be used: {why}.",
    hint: "It belongs to the platform's user alone: `chown` and `chmod 600` it, or put a copy back.",
  },
  SECRETS_KEY_COMMAND_FAILED: {
    code: "UNAVAILABLE",
    message: "The command that keeps the secrets' master key did not {operation} a key: {why}.",
    hint: "See `secretsKeyCommand` in docs/secrets.md for what it reads and answers.",
    retryable: true,
    audience: "operator",
  },
});

import { defineReasons } from "@skerry/base";

const usage = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;
const user = { retryable: false, audience: "user" } as const;

/** The command line's own reasons; all others come over the wire or from the sdk. */
export const fail = defineReasons({
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
  PROJECT_LAYER_UNKNOWN: {
    ...usage,
    message: "{path} has no layer {layer}.",
    hint: "Name its folder under `layers`. It has: {layers}.",
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
});

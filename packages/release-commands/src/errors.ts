import { defineReasons } from "@skerry/base";

const usage = { code: "INVALID_ARGUMENT", retryable: false, audience: "user" } as const;
const user = { retryable: false, audience: "user" } as const;

/** Reasons of these commands; all others come over the wire, from the sdk or the terminal. */
export const fail = defineReasons({
  INPUT_NOT_YAML: {
    ...usage,
    message: "{source} is not YAML: {why}.",
    hint: "It has routes as `apis:` of skerry.yaml has them; JSON is YAML, too.",
  },
  PUBLICATION_NONE_BEFORE: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "{stage} has served nothing before.",
    hint: "`skerry apis history APP/API --stage {stage}` shows what it served; --to names one.",
  },
});

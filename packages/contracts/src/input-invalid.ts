/** The one error for what is not as it should be, by whomever it is found; it knows no schemas. */
import { defineReasons, type PlatformError } from "@skerry/base";

export const failInput = defineReasons({
  INPUT_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "The {what} is not valid: {problems}",
    hint: "Correct what is named and send it again; nothing was changed.",
    retryable: false,
    audience: "user",
  },
});

/** Problems and unknown keys that one error lists; the rest is counted. */
export const PROBLEMS_MAX = 20;

/** INPUT_INVALID for findings that no schema can express. */
export function invalid(what: string, problems: readonly string[]): PlatformError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return failInput("INPUT_INVALID", { what, problems: shown.join(" · "), problemList: shown });
}

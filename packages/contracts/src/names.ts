import { invalid } from "./input-invalid.ts";

/**
 * Lower-case DNS labels, because `FN.APP.localhost` is a URL of the function. RFC 1123 section 2.1.
 */
export const LABEL = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

const LABEL_RULE =
  "use 1–40 lower-case letters, digits and hyphens, begin with a letter, end with a letter or digit";
/** What is said of a name that is none. */
export const APP_NAME_RULE = `An app name must ${LABEL_RULE}.`;
export const FUNCTION_NAME_RULE = `A function name must ${LABEL_RULE}.`;

/** Checks an app's name without the library of schemas. Throws INPUT_INVALID. */
export function readAppName(text: string): string {
  if (LABEL.test(text)) return text;
  throw invalid("app", [APP_NAME_RULE]);
}

/** The same for a function's, and for an alias's, which is one. Throws INPUT_INVALID. */
export function readFunctionName(text: string, what = "function name"): string {
  if (LABEL.test(text)) return text;
  throw invalid(what, [FUNCTION_NAME_RULE]);
}

/** `APP/FN` as users write it; undefined when it is not of that form. */
export function parseFunctionPath(text: string): { app: string; fn: string } | undefined {
  const [app, fn, ...rest] = text.split("/");
  if (app === undefined || fn === undefined || rest.length > 0) return undefined;
  return LABEL.test(app) && LABEL.test(fn) ? { app, fn } : undefined;
}

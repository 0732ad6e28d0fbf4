/**
 * Lower-case DNS labels, because `FN.APP.localhost` is a URL of the function. RFC 1123 section 2.1.
 */
export const LABEL = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** `APP/FN` as users write it; undefined when it is not of that form. */
export function parseFunctionPath(text: string): { app: string; fn: string } | undefined {
  const [app, fn, ...rest] = text.split("/");
  if (app === undefined || fn === undefined || rest.length > 0) return undefined;
  return LABEL.test(app) && LABEL.test(fn) ? { app, fn } : undefined;
}

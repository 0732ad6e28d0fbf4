/** Paths with `{parameter}` segments, as routes of the gateway write them. */

export type PathParams = Readonly<Record<string, string>>;

const PARAMETER = /^\{(\w+)\}$/;

/** The parameters of `pathname` by `pattern`; undefined when it does not fit. */
export function matchPath(pattern: string, pathname: string): PathParams | undefined {
  const wanted = pattern.split("/");
  const given = pathname.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, segment] of wanted.entries()) {
    const value = decoded(given[i] ?? "");
    const name = PARAMETER.exec(segment)?.[1];
    if (name === undefined ? value !== segment : value === undefined || value === "")
      return undefined;
    if (name !== undefined) params[name] = value ?? "";
  }
  return params;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * Finds the operation of a request. The table is the contract's; a path is matched on its decoded
 * segments only.
 */
import { type Operation, type OperationName, OPERATIONS } from "@skerry/api-schema";
import { fail } from "./errors.ts";

export interface Route {
  readonly name: OperationName;
  readonly operation: Operation;
  /** Values of the path's parameters, decoded but not yet checked. */
  readonly params: Readonly<Record<string, string>>;
  /** Answer without a body: a HEAD of an operation that is read by GET. */
  readonly isHead: boolean;
}

interface Pattern {
  readonly name: OperationName;
  readonly operation: Operation;
  /** A parameter's name, or the literal it must equal. */
  readonly parts: readonly { readonly text: string; readonly isParameter: boolean }[];
}

/**
 * Creates the lookup. Throws ROUTE_UNKNOWN, or METHOD_NOT_ALLOWED whose `allowed` detail lists what
 * is possible.
 */
export function createRoutes(): (method: string, segments: readonly string[]) => Route {
  const patterns = Object.entries(OPERATIONS).map(([name, operation]): Pattern => ({
    name: name as OperationName,
    operation,
    parts: partsOf(operation.path),
  }));
  return (method, segments) => {
    const matching = patterns.filter((pattern) => fits(pattern, segments));
    if (matching.length === 0) {
      throw fail("ROUTE_UNKNOWN", { path: `/${segments.join("/")}`.slice(0, 200) });
    }
    const exact = matching.find(({ operation }) => operation.method === method);
    const readable = matching.find(({ operation }) => operation.method === "GET");
    const found = exact ?? (method === "HEAD" ? readable : undefined);
    if (found === undefined)
      throw fail("METHOD_NOT_ALLOWED", { method, allowed: allowedOf(matching) });
    const { name, operation } = found;
    return { name, operation, params: paramsOf(found, segments), isHead: method === "HEAD" };
  };
}

function partsOf(path: string): Pattern["parts"] {
  return path
    .split("/")
    .slice(1)
    .map((part) =>
      part.startsWith("{")
        ? { text: part.slice(1, -1), isParameter: true }
        : { text: part, isParameter: false },
    );
}

function fits({ parts }: Pattern, segments: readonly string[]): boolean {
  if (parts.length !== segments.length) return false;
  return parts.every(({ text, isParameter }, i) =>
    isParameter ? segments[i] !== "" : segments[i] === text,
  );
}

function paramsOf(
  { parts }: Pattern,
  segments: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parts.flatMap(({ text, isParameter }, i) => (isParameter ? [[text, segments[i] ?? ""]] : [])),
  );
}

function allowedOf(patterns: readonly Pattern[]): readonly string[] {
  const methods = new Set<string>(patterns.map(({ operation }) => operation.method));
  if (methods.has("GET")) methods.add("HEAD");
  return [...methods].sort();
}

/** Parameters of a path, checked. Each kind of parameter has one rule, wherever it stands. */
import { PATH_PARAMETERS } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import { parseInput } from "@skerry/contracts/schemas";
import { z } from "zod";

/** A parameter that the operation's path does not have is empty; no handler reads one. */
export type PathParams = {
  readonly [K in keyof typeof PATH_PARAMETERS]: z.output<(typeof PATH_PARAMETERS)[K]>;
};

const NO_PARAMS = Object.fromEntries(
  Object.keys(PATH_PARAMETERS).map((name) => [name, ""]),
) as unknown as PathParams;

/** Checks what the path gave. Throws INPUT_INVALID. */
export function parseParams(given: Readonly<Record<string, string>>): PathParams {
  const schema = z.object(
    Object.fromEntries(
      Object.entries(PATH_PARAMETERS).filter(([name]) => Object.hasOwn(given, name)),
    ),
  );
  return { ...NO_PARAMS, ...parseInput(schema, given, "path") };
}

/** Reads a query string for a schema. A name that is given twice is refused. */
export function parseQuery<S extends z.ZodType>(
  schema: S | undefined,
  rawQuery: string,
): z.output<S> {
  const given: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    if (name === "__proto__" || Object.hasOwn(given, name)) {
      throw invalid("query", [`"${name.slice(0, 80)}" is given twice or cannot be a name`]);
    }
    given[name] = value;
  }
  return parseInput(schema ?? z.strictObject({}), { ...given }, "query") as z.output<S>;
}

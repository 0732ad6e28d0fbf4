/** Parameters of a path, checked. Each kind of parameter has one rule, wherever it stands. */
import {
  isId,
  isRequestId,
  type ConsoleSessionId,
  type DeploymentId,
  type InstanceId,
  type KeyId,
  type NodeId,
  type RequestId,
} from "@skerry/base";
import { appName, functionName, invalid, parseInput, savedEventName } from "@skerry/contracts";
import { z } from "zod";

const id = <T extends string>(check: (value: unknown) => boolean, what: string): z.ZodType<T, T> =>
  z.custom<T>(check, `This is not the id of ${what}.`);

const RULES = {
  app: appName,
  fn: functionName,
  digest: z
    .string()
    .regex(/^src_[0-9a-f]{64}$/, "A source digest is src_ and 64 hexadecimal digits."),
  deployment: id<DeploymentId>((value) => isId("dep", value), "a deployment"),
  instance: id<InstanceId>((value) => isId("inst", value), "an instance"),
  node: id<NodeId>((value) => isId("node", value), "a node"),
  key: id<KeyId>((value) => isId("key", value), "a key"),
  request: id<RequestId>(isRequestId, "a request"),
  session: id<ConsoleSessionId>((value) => isId("ses", value), "a console session"),
  event: savedEventName,
} as const;

/** A parameter that the operation's path does not have is empty; no handler reads one. */
export type PathParams = { readonly [K in keyof typeof RULES]: z.output<(typeof RULES)[K]> };

const NO_PARAMS = Object.fromEntries(
  Object.keys(RULES).map((name) => [name, ""]),
) as unknown as PathParams;

/** Checks what the path gave. Throws INPUT_INVALID. */
export function parseParams(given: Readonly<Record<string, string>>): PathParams {
  const schema = z.object(
    Object.fromEntries(Object.entries(RULES).filter(([name]) => Object.hasOwn(given, name))),
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

/**
 * The schemas of the API as components of an OpenAPI document. What is shared gets its own name;
 * whatever else an operation sends or answers is named after the operation, so that a new row of
 * the table needs nothing here. Answers allow further properties: clients must live with additions.
 */
import { sortedEntries } from "@skerry/base";
import type { JsonSchema } from "@skerry/contracts";
import { functionConfig } from "@skerry/contracts/schemas";
import { z } from "zod";
import { acceptedInvocation } from "./ledger-resources.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import {
  appResource,
  auditResource,
  createdKeyResource,
  deploymentPlan,
  deploymentRequest,
  deploymentResource,
  functionResource,
  instanceResource,
  invocationResource,
  keyRequest,
  keyResource,
  logLineResource,
  platformResource,
  principalResource,
  revisionResource,
  wireError,
} from "./resources.ts";

/** The body of every answer that is not a success. */
export const errorAnswer = z.object({ error: wireError });

const ANSWERED: Readonly<Record<string, z.ZodType>> = {
  AcceptedInvocation: acceptedInvocation,
  App: appResource,
  AuditRecord: auditResource,
  CreatedKey: createdKeyResource,
  Deployment: deploymentResource,
  DeploymentPlan: deploymentPlan,
  Error: wireError,
  ErrorAnswer: errorAnswer,
  Function: functionResource,
  FunctionConfig: functionConfig,
  Instance: instanceResource,
  Invocation: invocationResource,
  Key: keyResource,
  LogLine: logLineResource,
  Platform: platformResource,
  Principal: principalResource,
  Revision: revisionResource,
};
const SENT: Readonly<Record<string, z.ZodType>> = {
  DeploymentRequest: deploymentRequest,
  FunctionConfigInput: functionConfig,
  KeyRequest: keyRequest,
};

type Named = z.core.$ZodRegistry<{ id: string }>;

export interface ApiSchemas {
  readonly components: Readonly<Record<string, JsonSchema>>;
  /** `{ $ref }` to what an operation answers. */
  answer(schema: z.ZodType): JsonSchema;
  /** `{ $ref }` to the JSON that an operation takes. */
  body(schema: z.ZodType): JsonSchema;
}

/** Renders every schema of the table of operations. */
export function renderApiSchemas(): ApiSchemas {
  const operations = Object.entries<Operation>(OPERATIONS);
  const answered = namesOf(ANSWERED);
  const sent = namesOf(SENT);
  for (const [name, { answer, line, body }] of operations) {
    const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    if (answer !== null && typeof answer !== "string") addNew(answered, answer, `${title}Answer`);
    if (line !== undefined) addNew(answered, line, `${title}Line`);
    if (body !== undefined && typeof body !== "string") addNew(sent, body, `${title}Request`);
  }
  return {
    components: sorted({ ...render(answered, "output"), ...render(sent, "input") }),
    answer: (schema) => refTo(answered, schema),
    body: (schema) => refTo(sent, schema),
  };
}

/** One schema in place, as a parameter has it. */
export function renderParameter(schema: z.ZodType): JsonSchema {
  return tidy(z.toJSONSchema(schema, { io: "output" }), "input") as JsonSchema;
}

function namesOf(schemas: Readonly<Record<string, z.ZodType>>): Named {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) names.add(schema, { id });
  return names;
}

function addNew(names: Named, schema: z.ZodType, id: string): void {
  if (!names.has(schema)) names.add(schema, { id });
}

function refTo(names: Named, schema: z.ZodType): JsonSchema {
  return { $ref: pathOf(names.get(schema)?.id ?? "") };
}

function pathOf(id: string): string {
  return `#/components/schemas/${id}`;
}

function render(names: Named, io: "input" | "output"): Readonly<Record<string, JsonSchema>> {
  const { schemas } = z.toJSONSchema(names, { io, uri: pathOf });
  return tidy(schemas, io) as Readonly<Record<string, JsonSchema>>;
}

/** What the generator adds and no reader needs: its own address, and the bounds of a double. */
const NOISE: ReadonlySet<string> = new Set(["$schema", "$id", "propertyNames"]);

function tidy(value: unknown, io: "input" | "output"): unknown {
  if (Array.isArray(value)) return value.map((item) => tidy(item, io));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, item]) => {
      if (NOISE.has(key) || Math.abs(Number(item)) === Number.MAX_SAFE_INTEGER) return false;
      return !(io === "output" && key === "additionalProperties" && item === false);
    })
    .map(([key, item]) => [key, tidy(item, io)] as const);
  return Object.fromEntries(entries);
}

function sorted<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(sortedEntries(record));
}

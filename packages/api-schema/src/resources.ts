/** The resources of the control API, as they stand in JSON. Times are ISO 8601 text in UTC. */
import { COLD_REASONS, HANDLER_KINDS, OUTCOMES, START_KINDS } from "@skerry/contracts";
import { appName, functionConfig, functionName, placement, role } from "@skerry/contracts/schemas";
import { z } from "zod";

const time = z.string().describe("ISO 8601, UTC.");
export const sourceDigestText = z
  .string()
  .regex(/^src_[0-9a-f]{64}$/, "A source digest is src_ and 64 hexadecimal digits.");

/** One page of a list; `nextCursor` is null on the last. */
export const pageOf = <T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; nextCursor: z.ZodNullable<z.ZodString> }> =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

export const appResource = z.object({
  id: z.string(),
  name: z.string(),
  functions: z.int(),
  createdAt: time,
});
export type AppResource = z.infer<typeof appResource>;

export const revisionResource = z.object({
  id: z.string(),
  sourceDigest: z.string(),
  artefactKey: z.string(),
  handlerKind: z.enum(HANDLER_KINDS),
  runtimeBuild: z.string(),
  config: functionConfig,
  createdAt: time,
});
export type RevisionResource = z.infer<typeof revisionResource>;

export const functionResource = z.object({
  id: z.string(),
  app: z.string(),
  name: z.string(),
  urls: z.array(z.string()),
  latest: revisionResource,
  /** Instances kept ready now, by schedule until then; not part of the tag. */
  provisioned: z.object({ instances: z.int(), until: time.nullable() }).optional(),
  createdAt: time,
  updatedAt: time,
  /** Changes with every write; send it as `If-Match`. */
  etag: z.string(),
});
export type FunctionResource = z.infer<typeof functionResource>;

export const deploymentRequest = z.strictObject({
  functions: z
    .array(
      z.strictObject({
        name: functionName,
        sourceDigest: sourceDigestText,
        config: functionConfig.prefault({}),
        runtimeLatest: z
          .boolean()
          .optional()
          .describe(
            "Builds the function anew, with the runtime build of now, also when nothing of it changed.",
          ),
      }),
    )
    .min(1)
    .max(200),
});
export type DeploymentRequest = z.infer<typeof deploymentRequest>;

export const deploymentPlan = z.object({
  app: z.string(),
  functions: z.array(
    z.object({
      name: z.string(),
      change: z.enum(["create", "change", "same"]),
      /** Names of what differs: `code`, `runtimeBuild`, or keys of the configuration. */
      changes: z.array(z.string()),
      /** The platform does not have the source yet: upload it first. */
      needsUpload: z.boolean(),
    }),
  ),
  /** Layers that the platform does not have yet: upload them first. */
  layersMissing: z.array(z.string()).default([]),
});
export type DeploymentPlan = z.infer<typeof deploymentPlan>;

export const DEPLOYMENT_STATES = ["building", "activating", "succeeded", "failed"] as const;
export const wireError = z.object({
  code: z.string(),
  reason: z.string(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
  requestId: z.string().optional(),
});

export const deploymentResource = z.object({
  id: z.string(),
  app: z.string(),
  state: z.enum(DEPLOYMENT_STATES),
  functions: z.array(
    z.object({
      name: z.string(),
      change: z.enum(["create", "change", "same"]),
      state: z.enum(["waiting", "building", "built", "active", "failed"]),
      revisionId: z.string().nullable(),
      urls: z.array(z.string()),
      /** Remarks of the build, such as an initialisation that failed. */
      warnings: z.array(z.string()),
    }),
  ),
  error: wireError.nullable(),
  createdAt: time,
  endedAt: time.nullable(),
});
export type DeploymentResource = z.infer<typeof deploymentResource>;

export const deploymentLogLine = z.object({
  at: time,
  function: z.string(),
  text: z.string(),
  /** Position in the deployment's log; larger is later. Opaque but ordered. */
  cursor: z.string(),
});
export type DeploymentLogLine = z.infer<typeof deploymentLogLine>;

export const instanceResource = z
  .object({
    id: z.string(),
    node: z.string(),
    app: z.string(),
    function: z.string(),
    revisionId: z.string(),
    version: z.int().nullable().describe("That it runs as; null for `$LATEST`."),
    state: z.enum(["starting", "ready", "resting", "stopping"]),
    pid: z.int(),
    uid: z.int().nullable(),
    startKind: z.enum(START_KINDS),
    reason: z.string(),
    startedAt: time,
    memoryBytes: z.int(),
    memoryMb: z.int(),
    cpuMs: z.number(),
  })
  .extend(placement.shape);
export type InstanceResource = z.infer<typeof instanceResource>;

export const logLineResource = z.object({
  at: time,
  level: z.enum(["debug", "info", "warn", "error"]),
  stream: z.enum(["console", "stdout", "stderr", "platform"]),
  requestId: z.string().nullable(),
  instanceId: z.string().nullable(),
  revisionId: z.string().nullable(),
  text: z.string(),
  /** Position in the function's log; larger is later. Opaque but ordered. */
  cursor: z.string(),
});
export type LogLineResource = z.infer<typeof logLineResource>;

export const invocationResource = z
  .object({
    requestId: z.string(),
    revisionId: z.string(),
    instanceId: z.string().nullable(),
    outcome: z.enum(OUTCOMES),
    status: z.int(),
    startedAt: time,
    coldReason: z.enum(COLD_REASONS),
    startKind: z.enum(START_KINDS),
    /** Milliseconds with fraction. */
    stagesMs: z.object({
      queue: z.number(),
      place: z.number(),
      boot: z.number(),
      code: z.number(),
      init: z.number(),
      handler: z.number(),
    }),
    billedMs: z.number(),
    memoryMb: z.int(),
    bytesIn: z.int(),
    bytesOut: z.int(),
  })
  .extend(placement.shape);
export type InvocationResource = z.infer<typeof invocationResource>;

export const keyRequest = z.strictObject({
  name: z.string().min(1).max(80),
  role,
  apps: z.array(appName).min(1).max(200).nullable().default(null),
});
export const keyResource = z.object({
  id: z.string(),
  name: z.string(),
  role,
  apps: z.array(z.string()).nullable(),
  createdAt: time,
});
export type KeyResource = z.infer<typeof keyResource>;
/** The only answer that ever carries the secret. */
export const createdKeyResource = keyResource.extend({ key: z.string() });

export const auditResource = z.object({
  id: z.string(),
  at: time,
  keyId: z.string(),
  action: z.string(),
  resource: z.string(),
  requestId: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditResource = z.infer<typeof auditResource>;

export const platformResource = z.object({
  version: z.string(),
  configSeq: z.int(),
  apiUrl: z.string(),
  gatewayUrl: z.string(),
  nodes: z.array(
    z
      .object({
        id: z.string(),
        connected: z.boolean(),
        sandbox: z
          .object({
            rung: z.string(),
            label: z.string(),
            enforcement: z.record(z.string(), z.string()),
            raise: z.string().nullable(),
          })
          .nullable(),
        instances: z.int(),
      })
      .extend(placement.shape),
  ),
  /** Live followers of the config log and the number each has in force. */
  consumers: z.array(z.object({ id: z.string(), role: z.string(), appliedSeq: z.int() })),
});
export type PlatformResource = z.infer<typeof platformResource>;

export const principalResource = z.object({
  keyId: z.string(),
  accountId: z.string(),
  role,
  apps: z.array(z.string()).nullable(),
  /** Null for a key; else who is signed in at the start page. */
  consoleSessionId: z.string().nullable().default(null),
});

/**
 * Reads what agents answer. An agent of another release, or a broken one, must not put anything
 * into the store or an answer that does not have the agreed shape.
 */
import {
  isErrorCode,
  isId,
  type ErrorCode,
  type FunctionId,
  type GatewayId,
  type InstanceId,
  type NodeId,
  type RevisionId,
  type WireError,
} from "@skerry/base";
import {
  COLD_REASONS,
  HANDLER_KINDS,
  INSTANCE_STATES,
  START_KINDS,
  type BuildReply,
  type InstanceView,
  type ListInstancesReply,
  type ProbeReply,
  type StopInstanceReply,
} from "@skerry/contracts";
import { placement, probeResult } from "@skerry/contracts/schemas";
import { z } from "zod";
import { fail } from "./errors.ts";
import type { LinkAnswer } from "./link-call.ts";

const text = z.string().max(65_536);
const amount = z.number().min(0);
const count = z.int().min(0);

const initFailure = z.object({ name: text, message: text });
const detail = z.union([text, z.number(), z.boolean(), z.null(), z.array(text)]);
const wireError = z.object({
  code: z.custom<ErrorCode>(isErrorCode),
  reason: text,
  message: text,
  hint: text,
  retryable: z.boolean(),
  details: z.record(z.string(), detail).optional(),
});

const buildReply = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    artefactKey: text,
    runtimeBuild: text,
    handlerKind: z.enum(HANDLER_KINDS).nullable(),
    initFailure: initFailure.nullable(),
    reused: z.boolean(),
  }),
  z.object({ ok: z.literal(false), error: wireError }),
]);

const instanceView = placement.extend({
  id: z.custom<InstanceId>((value) => isId("inst", value)),
  nodeId: z.custom<NodeId>((value) => isId("node", value)),
  app: text,
  fn: text,
  functionId: z.custom<FunctionId>((value) => isId("fn", value)),
  revisionId: z.custom<RevisionId>((value) => isId("rev", value)),
  version: z.int().positive().optional(),
  gatewayId: z.custom<GatewayId>((value) => isId("gw", value)).nullable(),
  state: z.enum(INSTANCE_STATES),
  pid: count,
  uid: count.nullable(),
  startKind: z.enum(START_KINDS),
  reason: z.enum([...COLD_REASONS, "provisioned"]),
  startedWallMs: amount,
  memoryBytes: amount,
  memoryMb: amount,
  cpuUs: amount,
});

const instancesReply = z.object({
  sandbox: z.object({
    rung: text,
    label: text,
    enforcement: z.record(z.string(), text),
    raise: text.nullable(),
  }),
});

const probeReply = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), tookMs: amount, probes: z.array(probeResult) }),
  z.object({ ok: z.literal(false), error: wireError }),
]);

const stopReply = z.object({ found: z.boolean() });

/** Throws LINK_ANSWER_INVALID, as all of these. */
export function readBuildReply(value: unknown, peer: string): BuildReply {
  const reply = read(buildReply, value, { peer, op: "build" });
  return reply.ok ? reply : { ok: false, error: plainError(reply.error) };
}

function plainError({ details, ...error }: z.output<typeof wireError>): WireError {
  return details === undefined ? error : { ...error, details };
}

export function readInstancesReply(
  { head, body }: LinkAnswer,
  peer: string,
): ListInstancesReply & { readonly instances: readonly InstanceView[] } {
  const context = { peer, op: "instances" };
  const { sandbox } = read(instancesReply, head, context);
  const views = z.array(z.object(instanceView.shape));
  return { sandbox, instances: read(views, parsed(body), context) };
}

export function readStopReply(value: unknown, peer: string): StopInstanceReply {
  return read(stopReply, value, { peer, op: "stop-instance" });
}

export function readProbeReply(body: Buffer, peer: string): ProbeReply {
  const reply = read(probeReply, parsed(body), { peer, op: "probe" });
  return reply.ok ? reply : { ok: false, error: plainError(reply.error) };
}

/** Reads a JSON list of artefact keys. */
export function readArtefacts(body: Buffer, peer: string): readonly string[] {
  return read(z.array(text), parsed(body), { peer, op: "artefacts-in-use" });
}

/** Reads a JSON body of the given shape. Throws LINK_ANSWER_INVALID. */
export function readAnswerBody<S extends z.ZodType>(
  schema: S,
  body: Buffer,
  context: { readonly peer: string; readonly op: string },
): z.output<S> {
  return read(schema, parsed(body), context);
}

/** Undefined for what is no JSON, which no schema accepts. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function read<S extends z.ZodType>(
  schema: S,
  value: unknown,
  context: { readonly peer: string; readonly op: string },
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const why = `${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "unreadable"}`;
  throw fail("LINK_ANSWER_INVALID", { ...context, why });
}

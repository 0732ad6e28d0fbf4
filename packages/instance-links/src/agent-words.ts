/**
 * Reads what agents say: replies to starts, notes, and the grants that come with instances' links.
 * An agent passes on what instances told it, so nothing is believed for its type alone. Total:
 * whatever arrives becomes a valid value or is told to be none, and nothing throws.
 */
import { isId } from "@skerry/base";
import {
  COLD_REASONS,
  isHandlerKind,
  START_KINDS,
  type AgentNote,
  type InstanceExit,
  type InstanceGrant,
  type StartRefusal,
  type StartReply,
} from "@skerry/contracts";

type Fields = Readonly<Record<string, unknown>>;

const TEXT_CHARS_MAX = 4_096;
const REASONS: readonly string[] = [...COLD_REASONS, "provisioned"];

/** The reply to a start; one that makes no sense counts as a refusal. */
export function readStartReply(text: string): StartReply {
  const reply = fieldsOf(parse(text));
  if (reply?.["ok"] === true) {
    const instance = readGrant(reply["instance"]);
    if (instance !== undefined) return { ok: true, instance };
  }
  const refusal = reply?.["ok"] === false ? fieldsOf(reply["refusal"]) : undefined;
  if (refusal !== undefined) return { ok: false, refusal: readRefusal(refusal) };
  const why = "the agent's answer cannot be understood";
  return { ok: false, refusal: { kind: "unavailable", why } };
}

/** A note; undefined when it cannot be understood. */
export function readAgentNote(text: string): AgentNote | undefined {
  const note = fieldsOf(parse(text));
  if (note?.["op"] === "draining") return { op: "draining" };
  if (note?.["op"] === "outdated") return readOutdated(note["instanceIds"]);
  const instanceId = note?.["instanceId"];
  if (note?.["op"] !== "exited" || !isId("inst", instanceId)) return undefined;
  return { op: "exited", instanceId, exit: readExit(fieldsOf(note["exit"])) };
}

function readOutdated(value: unknown): AgentNote | undefined {
  if (!Array.isArray(value)) return undefined;
  const instanceIds = value.filter((id) => isId("inst", id));
  return { op: "outdated", instanceIds };
}

/** A grant whose ids and kinds are known and whose times are numbers; undefined for any other. */
export function readGrant(value: unknown): InstanceGrant | undefined {
  const grant = fieldsOf(value) as Partial<InstanceGrant> | undefined;
  if (grant === undefined) return undefined;
  const { instanceId, nodeId, functionId, revisionId, handlerKind, startKind, reason } = grant;
  if (!isId("inst", instanceId) || !isId("node", nodeId)) return undefined;
  if (!isId("fn", functionId) || !isId("rev", revisionId)) return undefined;
  if (!isHandlerKind(handlerKind)) return undefined;
  if (startKind === undefined || !START_KINDS.includes(startKind)) return undefined;
  if (reason === undefined || !REASONS.includes(reason)) return undefined;
  return {
    ...{ instanceId, nodeId, functionId, revisionId, handlerKind, startKind, reason },
    placeUs: readUs(grant.placeUs),
    bootUs: readUs(grant.bootUs),
    codeUs: readUs(grant.codeUs),
    initUs: readUs(grant.initUs),
    ...(typeof grant.agentId === "string" ? { agentId: textOf(grant.agentId, "") } : {}),
    ...(isVersion(grant.version) ? { version: grant.version } : {}),
    ...(grant.preStop === true ? { preStop: true } : {}),
    ...(grant.loading === true ? { loading: true } : {}),
  };
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function readRefusal({ kind, why, name, message, initUs, ...more }: Fields): StartRefusal {
  if (kind === "init_failed") {
    const said = { name: textOf(name, "Error"), message: textOf(message, "unknown") };
    return { kind, ...said, initUs: readUs(initUs) };
  }
  const said = textOf(why, "the agent did not say why");
  const { quotaMemoryMb, stopped } = more;
  if (kind !== "limit") {
    return { kind: "unavailable", why: said, ...(stopped === true ? { stopped } : {}) };
  }
  const isQuota = typeof quotaMemoryMb === "number" && Number.isFinite(quotaMemoryMb);
  return { kind, why: said, ...(isQuota ? { quotaMemoryMb } : {}) };
}

function readExit(exit: Fields | undefined): InstanceExit {
  const code = exit?.["code"];
  const signal = exit?.["signal"];
  return {
    code: typeof code === "number" && Number.isFinite(code) ? code : null,
    signal: typeof signal === "string" ? signal.slice(0, TEXT_CHARS_MAX) : null,
    outOfMemory: exit?.["outOfMemory"] === true,
    ...(exit?.["stopped"] === true ? { stopped: true } : {}),
  };
}

function readUs(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : otherwise;
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

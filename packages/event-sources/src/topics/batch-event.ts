/**
 * A batch of messages as one invocation: what it is called, and what its answer says of them. An
 * answer names failed messages as Lambda has it: `{"batchItemFailures":[{"itemIdentifier": id}]}`,
 * in the formats that know such answers.
 */
import { createHash } from "node:crypto";
import type { EventFormat } from "@skerry/api-schema";
import { requestIdFromBytes, type RequestId, type TopicGroupId, type TopicId } from "@skerry/base";
import type { EndOfInvocation } from "@skerry/invocations";
import type { BatchEnd } from "@skerry/triggers";
import { placeOfMessageId } from "./event-formats.ts";

const REASON_CHARS_MAX = 500;

/**
 * The id of a batch's invocation: whoever enters it, whenever and how often, it is the same. A
 * UUIDv8, because nothing in a batch's name is a time (RFC 9562).
 */
export function batchId(name: string): RequestId {
  const bytes = createHash("sha256").update(`topic ${name}`).digest().subarray(0, 16);
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return requestIdFromBytes(bytes);
}

/** Whose messages a batch has, and how its function was given them. */
export interface BatchOf {
  readonly groupId: TopicGroupId;
  readonly topicId: TopicId;
  /** CloudEvents when absent. */
  readonly format?: EventFormat | undefined;
}

/** What the end of an invocation means for the messages that it had, which are a group's. */
export function batchEndOf({ end, error, result }: EndOfInvocation, of: BatchOf): BatchEnd {
  if (end === "succeeded") return answered(result, of);
  if (end === "cancelled") return { kind: "failed", reason: "Its invocation was cancelled." };
  // Nobody has run it: it became too old while it waited, or its function was not there.
  if (end === "expired" || error?.reason === "FUNCTION_NOT_FOUND") return { kind: "unavailable" };
  const reason = error === null ? "The function failed." : `${error.reason}: ${error.message}`;
  return { kind: "failed", reason: reason.slice(0, REASON_CHARS_MAX) };
}

function answered(result: Uint8Array | null, of: BatchOf): BatchEnd {
  // Functions of SCF and FC may answer anything: it names no messages.
  if (of.format === "scf" || of.format === "fc") return { kind: "ok" };
  const failures = failuresOf(result);
  if (!Array.isArray(failures) || failures.length === 0) return { kind: "ok" };
  const failed = failures.map((one: unknown) => {
    const id = (one as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier;
    return typeof id === "string" ? placeNamed(id, of) : undefined;
  });
  const named = failed.flatMap((place) => (place === undefined ? [] : [`${of.groupId}/${place}`]));
  // As Lambda has it: an answer that names something else tells nothing of the others either.
  if (named.length === failed.length) {
    const reason = "The function named it in batchItemFailures.";
    return { kind: "partial", failed: named, reason };
  }
  return { kind: "failed", reason: "The function's batchItemFailures name no messages." };
}

/** `PARTITION:OFFSET`; undefined for what names no message. */
function placeNamed(id: string, { topicId, format }: BatchOf): string | undefined {
  if (format !== "lambda") return /^\d+:\d+$/.test(id) ? id : undefined;
  const place = placeOfMessageId(topicId, id);
  return place && `${place.partition}:${place.offset}`;
}

function failuresOf(result: Uint8Array | null): unknown {
  try {
    const answer = JSON.parse(Buffer.from(result ?? []).toString()) as unknown;
    return (answer as { readonly batchItemFailures?: unknown } | null)?.batchItemFailures;
  } catch {
    return undefined;
  }
}

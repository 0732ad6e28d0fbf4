/**
 * What a handler of one operation gets and gives. By then the caller is known, allowed, and the
 * input checked.
 */
import type { IncomingMessage } from "node:http";
import type { AuditStamp } from "@skerry/accounts";
import type { KeyId, RequestId } from "@skerry/base";
import type { OperationName, OPERATIONS } from "@skerry/api-schema";
import type { Principal } from "@skerry/contracts";
import type { AnsweredClaim } from "@skerry/repeats";
import type { z } from "zod";
import type { PathParams } from "./params.ts";

/** What the caller of a change knows before it begins. */
export interface ChangeStamp extends AuditStamp {
  readonly keyId: KeyId;
  /** Null when the client sent no idempotency key. */
  readonly claim: AnsweredClaim | null;
}

type Declared<N extends OperationName> = (typeof OPERATIONS)[N];
type QueryOf<N extends OperationName> =
  Declared<N> extends { readonly query: infer Q extends z.ZodType } ? z.output<Q> : undefined;
type BodyOf<N extends OperationName> =
  Declared<N> extends { readonly body: infer B extends z.ZodType } ? z.output<B> : undefined;

export interface OperationCall<N extends OperationName> {
  readonly principal: Principal;
  readonly requestId: RequestId;
  readonly params: PathParams;
  readonly query: QueryOf<N>;
  readonly body: BodyOf<N>;
  /** For bodies that stream. */
  readonly req: IncomingMessage;
  /** The client asked for the head only. */
  readonly isHead: boolean;
  /** Aborts when the client is gone or control stops. */
  readonly signal: AbortSignal;
  /**
   * For the audit record of this call; a fresh id each time. `answer` is the JSON that its
   * idempotency key keeps; without it, an empty answer.
   */
  stamp(answer?: unknown): ChangeStamp;
}

export type Answer =
  | {
      readonly kind: "json";
      readonly value: unknown;
      readonly headers?: readonly string[];
      /** The tag of what is answered, quoted as HTTP wants it. */
      readonly etag?: string;
    }
  | { readonly kind: "empty" }
  /** Whatever was kept; a browser saves it and runs nothing of it. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "text"; readonly text: string; readonly contentType: string }
  /**
   * JSON lines; the generator may go on until the call's signal aborts. `cursor` stands before the
   * first of them.
   */
  | { readonly kind: "lines"; readonly lines: AsyncIterable<unknown>; readonly cursor?: string };

export type OperationHandler<N extends OperationName> = (call: OperationCall<N>) => Promise<Answer>;

/** A handler for every operation: one that is missing is a type error. */
export type OperationHandlers = { readonly [N in OperationName]: OperationHandler<N> };

export const EMPTY: Answer = { kind: "empty" };

export function json(value: unknown, headers: readonly string[] = []): Answer {
  return { kind: "json", value, headers };
}

/** JSON of a resource that has a tag. */
export function tagged(value: unknown, etag: string): Answer {
  return { kind: "json", value, etag };
}

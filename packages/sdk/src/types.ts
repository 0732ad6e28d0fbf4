/** The types of the client, read off the operations table. */
import type { OperationName, OPERATIONS } from "@skerry/api-schema";
import type { z } from "zod";
import type { RequestBody } from "./http.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Only for what changes something, for which it is made up when absent, and for publishes and
   * acceptances, which then have one only where the client's `idempotencyKey` begins it; null, and
   * they have none.
   */
  readonly idempotencyKey?: string | null;
  /** The `etag` that the resource must still have. */
  readonly ifMatch?: string;
}

export interface InvokeOptions extends CallOptions {
  /**
   * The same key with the same event runs once, and each call with it is given the one answer; a
   * lost answer is asked for again. None when absent.
   */
  readonly idempotencyKey?: string;
  /** What the handler finds as `context.clientContext`: JSON of at most 4 KiB. */
  readonly clientContext?: unknown;
  /** The handler gets the event's JSON as bytes, as functions of FC do. */
  readonly asBytes?: boolean | undefined;
}

/** How an event is accepted that is to run later. */
export interface InvokeAsyncOptions {
  readonly signal?: AbortSignal | undefined;
  /** As with `invoke`. */
  readonly clientContext?: unknown;
  /** As with `invoke`. */
  readonly asBytes?: boolean | undefined;
  /** Not before so many milliseconds from now. */
  readonly delayMs?: number | undefined;
  /** Not before this time, ISO 8601; instead of `delayMs`. */
  readonly notBefore?: string | undefined;
  /** Those of one key run one after another, in the order of acceptance. */
  readonly orderingKey?: string | undefined;
  /** The same key with the same event is accepted once; a lost answer is asked for again. */
  readonly idempotencyKey?: string | undefined;
}

/** What was accepted, and is on disk. */
export interface AcceptedAnswer {
  readonly id: string;
  /** Its idempotency key was used before: this is what it named. */
  readonly repeated: boolean;
}

/** One event of a list, and how it is accepted. */
export interface ListedEvent extends Pick<
  InvokeAsyncOptions,
  "delayMs" | "notBefore" | "orderingKey" | "idempotencyKey"
> {
  readonly event: unknown;
}

/** What became of one event: what was accepted is on disk, and an error means that it was not. */
export type ListedAnswer =
  | AcceptedAnswer
  | { readonly error: { readonly reason: string; readonly message: string } };

/** One item for each event, in order; so many of them were refused. */
export interface AcceptedList {
  readonly items: readonly ListedAnswer[];
  readonly refused: number;
}

type Table = typeof OPERATIONS;

/** Names in braces of a path. */
type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsOf<Rest>
  : never;

type PathPart<O extends { readonly path: string }> = [ParamsOf<O["path"]>] extends [never]
  ? object
  : { readonly params: Readonly<Record<ParamsOf<O["path"]>, string>> };
type QueryPart<O> = O extends { readonly query: infer Q extends z.ZodType }
  ? { readonly query?: z.input<Q> }
  : object;
type BodyPart<O> = O extends { readonly body: infer B }
  ? B extends "zip"
    ? {
        /** As a function it is made anew for each attempt, so that an upload may be repeated. */
        readonly archive: RequestBody | (() => RequestBody);
      }
    : B extends z.ZodType
      ? { readonly body: z.input<B> }
      : object
  : object;

export type ArgsOf<N extends OperationName> = CallOptions &
  PathPart<Table[N]> &
  QueryPart<Table[N]> &
  BodyPart<Table[N]>;

type LineOf<O> = O extends { readonly line: infer L extends z.ZodType } ? z.output<L> : never;

export type AnswerOf<N extends OperationName> = Table[N]["answer"] extends "lines"
  ? AsyncIterable<LineOf<Table[N]>>
  : Table[N]["answer"] extends "text"
    ? Promise<string>
    : Table[N]["answer"] extends "bytes"
      ? Promise<Uint8Array>
      : Table[N]["answer"] extends z.ZodType
        ? Promise<z.output<Table[N]["answer"]>>
        : Promise<undefined>;

/** Operations that need nothing may be called without arguments. */
type Method<N extends OperationName> =
  object extends ArgsOf<N> ? (args?: ArgsOf<N>) => AnswerOf<N> : (args: ArgsOf<N>) => AnswerOf<N>;

export interface Invoked {
  /** JSON, or a Uint8Array of bytes, as the answer's type says; text otherwise; null when empty. */
  readonly result: unknown;
  readonly status: number;
  readonly requestId: string;
  /** The cold-start anatomy as a `Server-Timing` value. */
  readonly serverTiming: string;
  /** Its idempotency key was used before: this is what that call was answered. */
  readonly replayed: boolean;
}

/** A function, and which of it: `$LATEST`, the number of a version, or an alias. */
export interface InvokeTarget {
  readonly app: string;
  readonly fn: string;
  /** Default `$LATEST`. */
  readonly qualifier?: string | undefined;
}

export type Client = { readonly [N in OperationName]: Method<N> } & {
  /**
   * Calls a function with an event. Not repeated by itself unless it has an idempotency key: a
   * function may not be idempotent.
   */
  invoke(target: InvokeTarget, payload: unknown, options?: InvokeOptions): Promise<Invoked>;
  /** Has an event accepted that is to run later; resolves when it is on disk. */
  invokeAsync(
    target: InvokeTarget,
    payload: unknown,
    options?: InvokeAsyncOptions,
  ): Promise<AcceptedAnswer>;
  /**
   * Has a list of events accepted in one commit. Rejects when none of them was. Asked for again
   * after a lost answer only when each has an idempotency key.
   */
  invokeMany(
    target: InvokeTarget,
    events: readonly ListedEvent[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<AcceptedList>;
};

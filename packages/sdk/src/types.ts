/** The types of the client, read off the operations table. */
import type { OPERATIONS, OperationName } from "@skerry/contracts";
import type { z } from "zod";
import type { RequestBody } from "./http.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Only for what changes something; made up when absent. */
  readonly idempotencyKey?: string;
  /** The `etag` that the resource must still have. */
  readonly ifMatch?: string;
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
    : Table[N]["answer"] extends z.ZodType
      ? Promise<z.output<Table[N]["answer"]>>
      : Promise<undefined>;

/** Operations that need nothing may be called without arguments. */
type Method<N extends OperationName> =
  object extends ArgsOf<N> ? (args?: ArgsOf<N>) => AnswerOf<N> : (args: ArgsOf<N>) => AnswerOf<N>;

export interface Invoked {
  /** JSON when the answer is JSON, text otherwise; null when empty. */
  readonly result: unknown;
  readonly status: number;
  readonly requestId: string;
  /** The cold-start anatomy as a `Server-Timing` value. */
  readonly serverTiming: string;
}

export type Client = { readonly [N in OperationName]: Method<N> } & {
  /** Calls a function with an event. Not repeated by itself: a function may not be idempotent. */
  invoke(
    target: { readonly app: string; readonly fn: string },
    payload: unknown,
    options?: CallOptions,
  ): Promise<Invoked>;
};

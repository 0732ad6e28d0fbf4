/** What guards are told, and what they tell. */
import type { Route, StageEntry } from "@skerry/contracts";
import type { BodyLimits } from "@skerry/http";
import type { CameRequest } from "../ports.ts";

/** A route as a stage serves it. One object for each publication and route. */
export interface GuardedRoute {
  readonly stage: Omit<StageEntry, "routes">;
  /** Its name, or what was made of its place. */
  readonly name: string;
  readonly route: Route;
}

/** What is known of a request when its route is. */
export interface RequestFacts {
  /** With the target as the route was matched: below what led to the stage. */
  readonly came: CameRequest;
  /** The client's address as the platform takes it to be. */
  readonly clientIp: string;
  /** Path parameters. */
  readonly params: Readonly<Record<string, string>>;
  /** Reads the whole body, once; rejects with BODY_TOO_LARGE and what else reading ends with. */
  readBody(limits: Pick<BodyLimits, "bytesMax" | "admit">): Promise<Uint8Array>;
}

/** Who calls, as far as the route's `auth` tells. */
export interface Caller {
  /** `key_…`, a token's subject, or as the authorizer says. */
  readonly principal?: string | undefined;
  /** Of the token, or the authorizer's context. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
}

export interface Passed extends Caller {
  /** Of a route with a schema for it; nobody can read it again. */
  readonly body?: Uint8Array | undefined;
  /** To be called when the request is over, once. */
  readonly done?: (() => void) | undefined;
}

/**
 * Routes that a function guards. It is asked with what the route's `by` names of the request; what
 * it says holds for these very credentials, this publication and this version of the function, for
 * as long as the route says, whether it allows or denies. Requests with the same credentials that
 * come meanwhile wait for the one answer. No answer, a late one and one of another form let nobody
 * in, and are kept for nobody.
 */
import { createHash } from "node:crypto";
import type { Log } from "@skerry/base";
import type { AuthorizerAnswer, AuthorizerEvent, AuthorizerPolicy } from "@skerry/contracts";
import type { FoundFunction } from "../ports.ts";
import { askAuthorizer, type CallDeps } from "./authorizer-call.ts";
import { credentialAt, type CredentialPlace } from "./credentials.ts";
import { failGuard } from "./errors.ts";
import type { Caller, GuardedRoute, RequestFacts } from "./facts.ts";

export interface AuthorizerDeps extends CallDeps {
  readonly log: Log;
}

type Credentials = AuthorizerEvent["credentials"];

interface Kept {
  readonly answer: AuthorizerAnswer;
  readonly untilMs: number;
}

const ANSWERS_MAX = 5_000;

export class AuthorizerGuard {
  readonly #deps: AuthorizerDeps;
  /** What was asked for longest ago comes first. */
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, Promise<AuthorizerAnswer>>();

  constructor(deps: AuthorizerDeps) {
    this.#deps = deps;
  }

  /** Answers that are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** Who calls. Throws or rejects when the function does not allow it; synchronous when kept. */
  callerOf(
    of: GuardedRoute,
    policy: AuthorizerPolicy,
    facts: RequestFacts,
  ): Caller | Promise<Caller> {
    const credentials = credentialsOf(policy, facts);
    if (credentials === undefined)
      throw failGuard("ROUTE_CREDENTIALS_REQUIRED", { route: of.name });
    const fn = this.#find(of, policy, facts);
    const key = digestOf(of, fn, credentials);
    const kept = this.#recall(key);
    if (kept !== undefined) return callerBy(of, kept);
    return this.#ask({ of, policy, facts, fn, key, credentials }).then((said) =>
      callerBy(of, said),
    );
  }

  #find(
    { stage, name }: GuardedRoute,
    policy: AuthorizerPolicy,
    facts: RequestFacts,
  ): FoundFunction {
    const { function: fn, qualifier = stage.qualifier } = policy;
    const { appId, app } = stage;
    try {
      return this.#deps.functions.find({ appId, app, fn, qualifier }, facts.came);
    } catch (error) {
      const why = `its authorizer ${fn} is not there`;
      throw failGuard("ROUTE_AUTH_UNAVAILABLE", { route: name, why }, error);
    }
  }

  #recall(key: string): AuthorizerAnswer | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    if (kept.untilMs <= this.#deps.clock.monotonicMs()) return undefined;
    this.#kept.set(key, kept);
    return kept.answer;
  }

  #ask(asked: Asked): Promise<AuthorizerAnswer> {
    const { key, policy } = asked;
    // Each request is to be judged by itself where nothing is kept.
    if (policy.cacheSeconds === 0) return this.#answer(asked);
    const under = this.#asked.get(key);
    if (under !== undefined) return under;
    const answer = this.#answer(asked).finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer;
  }

  async #answer({ of, policy, facts, fn, key, credentials }: Asked): Promise<AuthorizerAnswer> {
    const { clock, log } = this.#deps;
    const named = `${policy.function}.${of.stage.app}`;
    try {
      const event = eventOf(of, facts, credentials);
      const ask = { fn, named, event, timeoutMs: policy.timeoutMs };
      const answer = await askAuthorizer(this.#deps, ask);
      const untilMs = clock.monotonicMs() + policy.cacheSeconds * 1_000;
      if (policy.cacheSeconds > 0) this.#keep(key, { answer, untilMs });
      return answer;
    } catch (error) {
      log.warn("an authorizer failed", { route: of.name, function: named, error: String(error) });
      const why = `its authorizer ${policy.function} failed`;
      throw failGuard("ROUTE_AUTH_UNAVAILABLE", { route: of.name, why }, error);
    }
  }

  #keep(key: string, kept: Kept): void {
    for (const [oldest] of this.#kept) {
      if (this.#kept.size < ANSWERS_MAX) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, kept);
  }
}

interface Asked {
  readonly of: GuardedRoute;
  readonly policy: AuthorizerPolicy;
  readonly facts: RequestFacts;
  readonly fn: FoundFunction;
  readonly key: string;
  readonly credentials: Credentials;
}

function callerBy({ name }: GuardedRoute, { allow, principal, context }: AuthorizerAnswer): Caller {
  if (!allow) throw failGuard("ROUTE_AUTHORIZER_DENIED", { route: name });
  return { principal, claims: context };
}

/** Undefined when the request has none of what the authorizer goes by. */
function credentialsOf(policy: AuthorizerPolicy, facts: RequestFacts): Credentials | undefined {
  const found = policy.by.flatMap((place): [string, string][] => {
    const value = credentialAt(place, facts.came);
    return value === undefined ? [] : [[nameOf(place), value]];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function nameOf(place: CredentialPlace): string {
  const [[kind, name] = ["", ""]] = Object.entries(place);
  return `${kind}.${kind === "header" ? name.toLowerCase() : name}`;
}

/** The credentials themselves are kept nowhere. */
function digestOf({ stage, name }: GuardedRoute, fn: FoundFunction, by: Credentials): string {
  const { apiId, stage: stageName, publication } = stage;
  const { functionId, revisionId, version = null } = fn;
  const all = [apiId, stageName, publication, name, functionId, revisionId, version];
  const text = JSON.stringify([...all, Object.entries(by)]);
  return createHash("sha256").update(text).digest("base64");
}

function eventOf(of: GuardedRoute, facts: RequestFacts, credentials: Credentials): AuthorizerEvent {
  const { app, api, stage } = of.stage;
  const { came, params, clientIp } = facts;
  return {
    type: "skerry.authorize.v1",
    ...{ app, api, stage, route: of.name, method: came.req.method ?? "GET" },
    // Decoded as the router reads it: no segment holds a slash.
    path: `/${came.target.segments.join("/")}`,
    ...{ params, credentials, clientIp, requestId: came.id },
  };
}

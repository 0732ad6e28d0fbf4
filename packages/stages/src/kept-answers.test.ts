/** What of a request says which kept answer fits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PurgesEntry, RouteInput } from "@skerry/contracts";
import type { ResponseCache } from "@skerry/response-cache";
import { GuardWorld } from "../test/guard-world.ts";
import { forwardedHeaders } from "./client-address.ts";
import type { Exchange } from "./exchange.ts";
import type { Passed } from "./guards/facts.ts";
import { KeptAnswers } from "./kept-answers.ts";
import type { OpenTarget } from "./targets/target.ts";

test("what a target may say of its URL is not given to who asked for another one", () => {
  const world = new GuardWorld();
  const kept = new KeptAnswers({} as ResponseCache, {
    stages: () => [],
    purgesOf: () => undefined,
  });
  const guarded = world.route({ auth: "none", cache: { ttl: 60 } });
  const client = { address: "192.0.2.1", peer: "192.0.2.1", isTrusted: false, isEncrypted: false };
  const scopeOf = (isEncrypted: boolean, authority: string, base: string): string | undefined => {
    const headers = forwardedHeaders([], { ...client, isEncrypted }, { authority, base });
    const exchange = {
      ...{ entry: guarded.stage, guarded, passed: {}, method: "GET", url: "/a", headers },
      ...{ address: { hostname: "a.example", authority }, came: world.facts().came },
      hasBody: false,
    };
    return kept.requestOf(exchange as unknown as Exchange, { version: "1" } as OpenTarget)?.scope;
  };
  const plain = scopeOf(false, "a.example", "");
  assert.equal(scopeOf(false, "a.example", ""), plain);
  assert.notEqual(scopeOf(true, "a.example", ""), plain, "a redirect to HTTPS would go in circles");
  assert.notEqual(scopeOf(false, "a.example:81", ""), plain);
  assert.notEqual(scopeOf(false, "a.example", "/~/app/api/test"), plain);
});

test("an answer for whoever passed a guard is nobody else's, though it has no name", () => {
  const world = new GuardWorld();
  const kept = new KeptAnswers({} as ResponseCache, {
    stages: () => [],
    purgesOf: () => undefined,
  });
  const principalOf = (auth: RouteInput["auth"], passed: Passed): string | undefined => {
    const guarded = world.route({ auth, cache: { ttl: 60 } });
    const exchange = {
      ...{ entry: guarded.stage, guarded, passed, method: "GET", url: "/a", headers: [] },
      ...{ address: { hostname: "a.example" }, came: world.facts().came, hasBody: false },
    };
    return kept.requestOf(exchange as unknown as Exchange, { version: "1" } as OpenTarget)
      ?.principal;
  };
  const authorizer = { authorizer: { function: "gate" } };
  assert.equal(principalOf(authorizer, { claims: { plan: "gold" } }), "");
  assert.equal(principalOf(authorizer, { principal: "ann" }), "ann");
  // The control: what everyone may have is kept for everyone.
  assert.equal(principalOf("none", {}), undefined);
});

test("a purge is told what the routes of its stage leave out of URLs", () => {
  const world = new GuardWorld();
  const cache = { ttl: 60, query: ["q"] };
  const { stage, route } = world.route({ cache });
  const routes = [route, route, world.route({ cache: { ttl: 60 } }).route, world.route({}).route];
  const told: unknown[] = [];
  const purge = (...args: unknown[]): Promise<void> => Promise.resolve(void told.push(args));
  let newest: PurgesEntry["newest"] = [];
  const kept = new KeptAnswers({ purge } as unknown as ResponseCache, {
    stages: () => [{ ...stage, routes }],
    purgesOf: () => ({ ...stage, kind: "purges", newest }),
  });
  kept.update();
  newest = [{ number: 1, what: { url: "/a?from=b&q=c" } }];
  kept.update();
  const name = `${stage.apiId}/${stage.stage}`;
  assert.deepEqual(told, [[name, { url: "/a?from=b&q=c" }, [["q"], "all"]]]);
});

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

test("the cache is told purges once, with what the routes leave out of URLs, until the stage goes", () => {
  const world = new GuardWorld();
  const cache = { ttl: 60, query: ["q"] };
  const guarded = world.route({ cache });
  const { stage, route } = guarded;
  const routes = [route, route, world.route({ cache: { ttl: 60 } }).route, world.route({}).route];
  const name = `${stage.apiId}/${stage.stage}`;
  const told: unknown[] = [];
  const note = (...args: unknown[]): Promise<void> => Promise.resolve(void told.push(args));
  let stages = [{ ...stage, routes }];
  let newest: PurgesEntry["newest"] = [{ number: 3, what: { tag: "t" } }];
  const kept = new KeptAnswers(
    { follow: note, drop: note, noteUnsafe: note } as unknown as ResponseCache,
    { stages: () => stages, purgesOf: () => ({ ...stage, kind: "purges", newest }) },
  );
  const post = {
    ...{ entry: stages[0], method: "POST", url: "/a", address: { hostname: "a.example" } },
  } as unknown as Exchange;
  kept.update();
  assert.deepEqual(told.splice(0), [[name, newest, [["q"], "all"]]], "also what was before it");
  newest = [...newest, { number: 4, what: { url: "/a?from=b&q=c" } }];
  kept.update();
  kept.update();
  assert.deepEqual(told.splice(0), [[name, newest.slice(1), [["q"], "all"]]]);
  kept.noteAnswer(post, 200, []);
  assert.equal(told.splice(0).length, 1);
  stages = [];
  kept.update();
  kept.update();
  assert.deepEqual(told.splice(0), [[name]]);
  kept.noteAnswer(post, 200, []);
  assert.deepEqual(told, [], "what is answered after the end of its stage is noted nowhere");
});

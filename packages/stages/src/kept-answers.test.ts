/** What of a request says which kept answer fits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import type { ResponseCache } from "@skerry/response-cache";
import { GuardWorld } from "../test/guard-world.ts";
import type { Exchange } from "./exchange.ts";
import type { Passed } from "./guards/facts.ts";
import { KeptAnswers } from "./kept-answers.ts";
import type { OpenTarget } from "./targets/target.ts";

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

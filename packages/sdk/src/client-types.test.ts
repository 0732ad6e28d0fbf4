/**
 * What must not compile. Each function is checked by the compiler only and never called: an
 * expectation that no longer holds is a type error.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppResource, FunctionResource, LogLineResource } from "@skerry/api-schema";
import { createClient, everyItem, followLogs, type AnswerOf, type Client } from "./index.ts";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function holds<T extends true>(): T | undefined {
  return undefined;
}

function checkArguments(client: Client): unknown {
  return [
    client.listApps(),
    client.getFunction({ params: { app: "a", fn: "b" } }),
    // @ts-expect-error -- an operation of the table is spelt as the table spells it
    "getFunktion" satisfies keyof Client,
    // @ts-expect-error -- path parameters are required
    client.getFunction(),
    // @ts-expect-error -- all of them
    client.getFunction({ params: { app: "a" } }),
    // @ts-expect-error -- and no others
    client.getFunction({ params: { app: "a", fn: "b", version: "1" } }),
    // @ts-expect-error -- a query has known names only
    client.listApps({ query: { limitt: 5 } }),
    // @ts-expect-error -- an operation without a query takes none
    client.getPlatform({ query: {} }),
    // @ts-expect-error -- a body is required where the table has one
    client.createKey({}),
    // @ts-expect-error -- its values are checked
    client.createKey({ body: { name: "ci", role: "king" } }),
    // @ts-expect-error -- an upload is an archive, not a body
    client.putPackage({ params: { app: "a", digest: "d" }, body: {} }),
    // @ts-expect-error -- a function has an app and a name
    client.invoke("a/b", {}),
    // @ts-expect-error -- a client needs to know both addresses
    createClient({ apiUrl: "http://x" }),
  ];
}

function checkDefaults(client: Client): unknown {
  const sourceDigest = "src_";
  return [
    client.createKey({ body: { name: "ci", role: "viewer" } }),
    client.planDeployment({
      params: { app: "a" },
      body: { functions: [{ name: "f", sourceDigest, config: { memoryMb: 256 } }] },
    }),
    client.planDeployment({
      params: { app: "a" },
      // @ts-expect-error -- configuration has known keys only
      body: { functions: [{ name: "f", sourceDigest, config: { memory: 256 } }] },
    }),
  ];
}

async function checkAnswers(client: Client): Promise<unknown> {
  holds<Equal<AnswerOf<"getFunction">, Promise<FunctionResource>>>();
  holds<Equal<AnswerOf<"deleteApp">, Promise<undefined>>>();
  holds<Equal<AnswerOf<"listLogs">, AsyncIterable<LogLineResource>>>();
  for await (const app of everyItem((cursor) => client.listApps({ query: { cursor } }))) {
    holds<Equal<typeof app, AppResource>>();
    // @ts-expect-error -- items have their own type
    app.latest satisfies unknown;
  }
  for await (const line of followLogs(client, { app: "a", fn: "b" })) line.text satisfies string;
  const { result } = await client.invoke({ app: "a", fn: "b" }, {});
  // @ts-expect-error -- what a function answers is unknown until it was looked at
  return result.message;
}

test("the client's types are read off the table of operations", () => {
  for (const check of [checkArguments, checkDefaults, checkAnswers]) {
    assert.equal(typeof check, "function");
  }
});

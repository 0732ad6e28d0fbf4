/**
 * The types that users import, `skerry.d.ts` of the command line's templates, are of what handlers
 * are given. The compiler is the judge; the test only keeps this file among the tests.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
// oxlint-disable-next-line no-restricted-imports -- the file that users copy, which no index has
import type * as published from "@skerry/cli/skerry.d.ts";
import type { HttpEvent, InstanceContext, InvocationContext } from "@skerry/instance-runtime";

/** True when everything that is given is published by its name; else what is not. */
type Covers<Told, Given> = keyof Given extends keyof Told ? true : Exclude<keyof Given, keyof Told>;

/** What `call` resolves to depends on its options, which only the published type says. */
type WithoutCall<Context> = Omit<Context, "call">;

test("what is published is what is given, and all of it", () => {
  const context = (given: WithoutCall<InvocationContext>): WithoutCall<published.Context> => given;
  const instance = (given: InstanceContext): published.InstanceContext => given;
  const event = (given: HttpEvent): published.HttpEvent => given;
  const covers: readonly [
    Covers<published.Context, InvocationContext>,
    Covers<published.InstanceContext, InstanceContext>,
    Covers<published.HttpEvent, HttpEvent>,
  ] = [true, true, true];
  assert.equal([context, instance, event].length, covers.length);
});

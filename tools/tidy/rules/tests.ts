/**
 * Tests prove something every time: none alone, none tried again, none asleep, none against a
 * stand-in of our own.
 */
import { placeOf } from "../house.ts";
import { chainOf, child, children, flag, nameOf, walk, type Node, type Source } from "../syntax.ts";
import { violation, type Rule, type Violation } from "../violation.ts";

const RUNNERS = /^(test|it|describe|suite)$/;
const FOCUSED = /^(test|it|describe|suite|t)\.only$/;

function optionOf(call: Node, name: RegExp): Node | undefined {
  return children(call, "arguments")
    .flatMap((argument) => children(argument, "properties"))
    .find((property) => name.test(nameOf(child(property, "key"))));
}

/** The name of the first parameter of `new Promise(first => …)`'s function. */
function resolverOf(node: Node): { name: string; body: Node } | undefined {
  if (node.type !== "NewExpression" || nameOf(child(node, "callee")) !== "Promise")
    return undefined;
  const body = children(node, "arguments")[0];
  const name = nameOf(children(body, "params")[0]);
  return body === undefined || name === "" ? undefined : { name, body };
}

function callsResolver(callback: Node | undefined, name: string): boolean {
  if (callback === undefined) return false;
  if (nameOf(callback) === name) return true;
  let called = false;
  walk(callback, (node) => {
    called ||= node.type === "CallExpression" && nameOf(child(node, "callee")) === name;
  });
  return called;
}

/** A promise that time alone fulfils. A timer that only rejects is a deadline, which is welcome. */
function isSleep(node: Node): boolean {
  const resolver = resolverOf(node);
  if (resolver === undefined) return false;
  let asleep = false;
  walk(resolver.body, (inner) => {
    if (inner.type !== "CallExpression") return;
    if (!/(^|\.)setTimeout$/.test(chainOf(child(inner, "callee")))) return;
    asleep ||= callsResolver(children(inner, "arguments")[0], resolver.name);
  });
  return asleep;
}

function isRealDelay(node: Node): boolean {
  if (node.type !== "CallExpression" || nameOf(child(node, "callee")) !== "delay") return false;
  return nameOf(child(children(node, "arguments")[0], "callee")) === "systemClock";
}

function problemOf(node: Node): [rule: Rule, message: string] | undefined {
  if (isSleep(node) || isRealDelay(node))
    return ["test-sleep", "wait on a condition with a deadline instead of sleeping"];
  if (node.type !== "CallExpression") return undefined;
  const callee = chainOf(child(node, "callee"));
  if (FOCUSED.test(callee)) return ["test-only", `${callee} leaves the other tests out`];
  if (callee.endsWith("mock.module")) return ["test-mock", "no mocks of modules: replace a port"];
  if (!RUNNERS.test(callee)) return undefined;
  if (flag(child(optionOf(node, /^only$/), "value"), "value"))
    return ["test-only", "{ only } leaves the other tests out"];
  if (optionOf(node, /^(retry|retries)$/) !== undefined)
    return ["test-retry", "a test that needs a second try is a bug"];
  return undefined;
}

function checkSource(source: Source): Violation[] {
  const found: Violation[] = source.imports
    .filter(
      ({ specifier, names }) =>
        specifier === "node:timers/promises" && names.includes("setTimeout"),
    )
    .map(({ start }) => {
      const at = { path: source.path, line: source.lineAt(start) };
      return violation("test-sleep", at, "wait on a condition with a deadline instead of sleeping");
    });
  walk(source.program, (node) => {
    const problem = problemOf(node);
    if (problem === undefined) return;
    found.push(
      violation(problem[0], { path: source.path, line: source.lineAt(node.start) }, problem[1]),
    );
  });
  return found;
}

/** Rules `test-only`, `test-retry`, `test-sleep`, `test-mock`. */
export function checkTests(sources: readonly Source[]): readonly Violation[] {
  return sources.filter(({ path }) => placeOf(path).isTest).flatMap(checkSource);
}

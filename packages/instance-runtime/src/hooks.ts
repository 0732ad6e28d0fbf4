/**
 * What code does once in the life of an instance: `init(context)` before its first request,
 * `preStop(context)` before it is stopped. A function that takes more than one parameter is the
 * code's own affair, whatever its name.
 */
import type { SpecialiseHead } from "@skerry/contracts";

/** What a hook is told: what is the same for all requests. */
export interface InstanceContext {
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  readonly env: Readonly<Record<string, string>>;
}

export type Hook = (context: InstanceContext) => unknown;

export interface Hooks {
  readonly init: Hook | undefined;
  readonly preStop: Hook | undefined;
}

/** Exports by these names; those of a default object win. */
export function findHooks(loaded: unknown): Hooks {
  return { init: findHook(loaded, "init"), preStop: findHook(loaded, "preStop") };
}

export function instanceContextOf(head: SpecialiseHead): InstanceContext {
  const { names, instanceId, memoryMb, env } = head;
  const { app, fn, revision } = names;
  return { app, function: fn, revision, instanceId, memoryMb, env: Object.freeze({ ...env }) };
}

function findHook(loaded: unknown, name: string): Hook | undefined {
  for (const place of [memberOf(loaded, "default"), loaded]) {
    const hook = memberOf(place, name);
    if (typeof hook === "function" && hook.length <= 1) return hook.bind(place) as Hook;
  }
  return undefined;
}

function memberOf(value: unknown, name: string): unknown {
  const isHolder = (typeof value === "object" && value !== null) || typeof value === "function";
  return isHolder ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

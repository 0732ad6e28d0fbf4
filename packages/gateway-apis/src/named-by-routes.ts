/** Templates of routes, and what they need of the stage that serves them. */
import type { Route, RouteTarget } from "@skerry/contracts";

/** A template, and where it stands in its route. */
export interface RouteTemplate {
  readonly text: string;
  readonly at: string;
}

/** Every template of a route. */
export function templatesOf(route: Route): readonly RouteTemplate[] {
  const { to, downgrade, rewrite } = route;
  const downgrades = downgrade?.to ?? [];
  const set = (headers: Readonly<Record<string, string>> | undefined, at: string) =>
    Object.entries(headers ?? {}).map(([name, text]) => ({ text, at: `${at}.${name}` }));
  return [
    ...targetTemplates(to, "to"),
    ...downgrades.flatMap((one, i) =>
      one === "stale" ? [] : targetTemplates(one, `downgrade.to.${i}`),
    ),
    ...(rewrite?.path === undefined ? [] : [{ text: rewrite.path, at: "rewrite.path" }]),
    ...set(rewrite?.request?.set, "rewrite.request.set"),
    ...set(rewrite?.response?.set, "rewrite.response.set"),
  ];
}

function targetTemplates(target: RouteTarget, at: string): readonly RouteTemplate[] {
  if ("redirect" in target) return [{ text: target.redirect, at: `${at}.redirect` }];
  if ("upstream" in target) return [{ text: target.upstream, at: `${at}.upstream` }];
  if (!("answer" in target)) return [];
  return Object.entries(target.answer.headers).map(([name, text]) => {
    return { text, at: `${at}.answer.headers.${name}` };
  });
}

const VARIABLE = /\{\{|\{stage\.([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Every variable of the stage that a template names. Sorted. */
export function variablesOfRoutes(routes: readonly Route[]): readonly string[] {
  const named = routes.flatMap((route) =>
    templatesOf(route).flatMap(({ text }) =>
      [...text.matchAll(VARIABLE)].flatMap(([, name]) => name ?? []),
    ),
  );
  return [...new Set(named)].sort();
}

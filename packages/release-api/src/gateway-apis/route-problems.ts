/**
 * What is wrong with routes that the schema lets pass: templates that name nothing, addresses that
 * a caller could choose, and routes between which nothing decides.
 */
import { calledRoute, duplicateRoutes, templatesOf } from "@skerry/gateway-apis";
import { parsePathPattern, type Route } from "@skerry/contracts";
import { templateProblems } from "@skerry/routes";

const PROBLEMS_MAX = 20;
const UPSTREAM = /^(?:https?:\/\/|\{stage\.)/i;
const REDIRECT = /^(?:https?:\/\/|\/|\{stage\.)/i;
/** Scheme and authority of an absolute address, which may be a variable of the stage. */
const AUTHORITY = /^(?:https?:\/\/|\{stage\.)[^/?#]*/i;
/** What a template has of a request. */
const OF_REQUEST = /\{(?!\{|stage\.)/;

/** Empty when nothing is; else the first of them. */
export function routeProblems(routes: readonly Route[]): readonly string[] {
  const problems = routes.flatMap((route, i) =>
    problemsOf(route).map((problem) => `${calledRoute(route, i)}: ${problem}`),
  );
  return [...problems, ...duplicateRoutes(routes)].slice(0, PROBLEMS_MAX);
}

function problemsOf(route: Route): readonly string[] {
  const segments = parsePathPattern(route.path) ?? [];
  const parameters = new Set(
    segments.flatMap((segment) => (segment.kind === "text" ? [] : [segment.name])),
  );
  return templatesOf(route).flatMap(({ text, at }) => {
    const wrong = [...templateProblems(text, parameters), ...addressProblems(text, at)];
    return wrong.map((problem) => `${at}: ${problem}`);
  });
}

/** A caller must not choose which server the platform asks. */
function addressProblems(text: string, at: string): readonly string[] {
  if (at.endsWith(".redirect")) {
    return REDIRECT.test(text) ? [] : ["Begin with http://, https://, / or {stage.NAME}."];
  }
  if (!at.endsWith(".upstream")) return [];
  if (!UPSTREAM.test(text)) return ["Begin with http://, https:// or {stage.NAME}."];
  const authority = AUTHORITY.exec(text)?.[0] ?? "";
  if (!OF_REQUEST.test(authority)) return [];
  return ["The server's name can hold {stage.NAME}, and nothing of the request."];
}

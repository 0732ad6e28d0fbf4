/**
 * Templates of routes: text with `{parameter}` of the path and a few names of the platform. `{{`
 * stands for a brace. `render.ts` puts the values in.
 */

const SCOPED =
  /^(?:stage\.[A-Za-z_][A-Za-z0-9_]{0,63}|request\.(?:id|host|path|query)|client\.ip)$/;
const PARAMETER = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** `{{`, a name in braces, or a brace that stands alone. */
export const HOLE = /\{\{|\{([^{}]*)\}|[{}]/g;

/** What is wrong with a template of a route that has these parameters; empty when nothing is. */
export function templateProblems(text: string, parameters: ReadonlySet<string>): readonly string[] {
  return [...text.matchAll(HOLE)].flatMap(([found, name]) => {
    if (found === "{{") return [];
    if (name === undefined) return [`${found} stands alone; write {{ for a brace.`];
    if (SCOPED.test(name) || (PARAMETER.test(name) && parameters.has(name))) return [];
    return [`{${name}} is no parameter of the path and no name of the platform.`];
  });
}

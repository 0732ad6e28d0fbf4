/** Comments that promise something: open ends name their issue, silenced rules their reason. */
import type { Source } from "../syntax.ts";
import { LINE_MAX } from "../wrap.ts";
import { violation, type Rule, type Violation } from "../violation.ts";

const OPEN_END = /\b(TODO|FIXME|XXX|HACK)\b/;
const OPEN_END_WITH_ISSUE = /\bTODO\([a-z]*[#-]?\d+\)/;
const SILENCED = /^\s*(oxlint|eslint)-disable/;

function problemOf(comment: string): [rule: Rule, message: string] | undefined {
  if (OPEN_END.test(comment.replaceAll(new RegExp(OPEN_END_WITH_ISSUE, "g"), "")))
    return ["todo", "write TODO(issue-number), or do it"];
  if (SILENCED.test(comment) && !/--\s+\S/.test(comment))
    return ["disable-reason", "say why after --"];
  if (/@ts-(ignore|nocheck)\b/.test(comment))
    return ["disable-reason", "use @ts-expect-error with a reason"];
  if (/@ts-expect-error\s*$/.test(comment))
    return ["disable-reason", "say why after @ts-expect-error"];
  return undefined;
}

/**
 * The formatter keeps code within the line; comments are ours to break. Addresses are never broken.
 */
function checkLineLengths(source: Source): Violation[] {
  return source.comments.flatMap(({ value, start }) => {
    const first = source.lineAt(start);
    return value.split("\n").flatMap((_, index) => {
      const line = source.text.split("\n", first + index)[first + index - 1] ?? "";
      const long = line.length > LINE_MAX && !line.includes("://");
      const at = { path: source.path, line: first + index };
      return long
        ? [violation("line-length", at, `${line.length} characters; ${LINE_MAX} at most`)]
        : [];
    });
  });
}

/** Rules `todo`, `disable-reason`, `line-length`. */
export function checkComments(sources: readonly Source[]): readonly Violation[] {
  return sources.flatMap((source) => [
    ...checkLineLengths(source),
    ...source.comments.flatMap(({ value, start }) => {
      const problem = problemOf(value);
      if (problem === undefined) return [];
      return [violation(problem[0], { path: source.path, line: source.lineAt(start) }, problem[1])];
    }),
  ]);
}

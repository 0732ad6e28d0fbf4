/**
 * `.skerryignore`: one pattern a line, as in .gitignore but for negation: `*`, `**`, `?`, a leading
 * or trailing `/`.
 */

/** Never part of a source, whatever a project says. */
const ALWAYS = [".git/", ".skerry/", ".skerryignore", ".DS_Store"];

/** True for paths to leave out; folders are asked with a trailing `/`. */
export function parseIgnore(text: string): (path: string) => boolean {
  const patterns = [...ALWAYS, ...text.split(/\r?\n/)]
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(patternOf);
  return (path) => patterns.some((pattern) => pattern.test(path));
}

/** Each wildcard becomes a class without overlap, so that matching stays linear in practice. */
function patternOf(line: string): RegExp {
  const anchored = line.replace(/\/$/, "").includes("/");
  const folder = line.endsWith("/");
  const body = line
    .replace(/^\//, "")
    .replace(/\/$/, "")
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => WILDCARDS[part] ?? part.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&"))
    .join("");
  const head = anchored ? "^" : "(?:^|/)";
  return new RegExp(`${head}${body}${folder ? "/" : "(?:/|$)"}`);
}

const WILDCARDS: Readonly<Record<string, string>> = {
  "**/": "(?:[^/]*/)*",
  "**": ".*",
  "*": "[^/]*",
  "?": "[^/]",
};

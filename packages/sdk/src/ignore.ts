/**
 * `.skerryignore`: one pattern a line, as in .gitignore but for negation and classes: `*`, `**`,
 * `?`, a leading or trailing `/`. Matching takes a time that grows with pattern and path, never
 * explodes with them.
 */

/**
 * Never part of a source, whatever a project says. `skerry.yaml` says how to run the code: a change
 * of it is a change of configuration, not of the code beside it.
 */
const ALWAYS = [".git/", ".skerry/", "/.skerryignore", "/skerry.yaml", ".DS_Store"];

/**
 * True for paths to leave out. Folders are asked with a trailing `/`, and before what is in them:
 * the content of a folder that is left out is not asked about.
 */
export function parseIgnore(text: string): (path: string) => boolean {
  const patterns = [...ALWAYS, ...text.split(/\r?\n/)]
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(patternOf);
  return (path) => {
    const isFolder = path.endsWith("/");
    const parts = path.replace(/\/$/, "").split("/");
    return patterns.some((pattern) => (isFolder || !pattern.foldersOnly) && fits(pattern, parts));
  };
}

const never = parseIgnore("");

/** True for what lies where no source may be taken from, by whatever link it was come to. */
export function isNeverPart(path: string): boolean {
  const parts = path.split(/[\\/]/);
  return parts.some((_, i) => never(`${parts.slice(0, i + 1).join("/")}/`)) || never(path);
}

interface Pattern {
  /** Segments, `**` among them for any number of segments. */
  readonly parts: readonly string[];
  readonly foldersOnly: boolean;
}

function patternOf(line: string): Pattern {
  const body = line.replace(/\/$/, "");
  const parts = body.replace(/^\//, "").split("/");
  return { parts: body.includes("/") ? parts : ["**", ...parts], foldersOnly: line !== body };
}

/** Walks the pattern with the set of all places in the path that it may have come to. */
function fits({ parts }: Pattern, path: readonly string[]): boolean {
  let places: readonly number[] = [0];
  for (const [i, part] of parts.entries()) {
    if (part === "**") {
      // At the end it stands for what is inside, which is at least one segment.
      const first = Math.min(...places) + (i === parts.length - 1 ? 1 : 0);
      places = Array.from({ length: Math.max(0, path.length - first + 1) }, (_, at) => first + at);
    } else {
      places = places.flatMap((at) => (fitsSegment(part, path[at]) ? [at + 1] : []));
    }
    if (places.length === 0) return false;
  }
  return places.includes(path.length);
}

/** `*` and `?` within one segment: after a mismatch only the last `*` is widened. */
function fitsSegment(pattern: string, segment: string | undefined): boolean {
  if (segment === undefined) return false;
  let [p, s, star, starred] = [0, 0, -1, 0];
  while (s < segment.length) {
    if (pattern[p] === "*") {
      [star, starred] = [p, s];
      p += 1;
    } else if (pattern[p] === "?" || pattern[p] === segment[s]) {
      p += 1;
      s += 1;
    } else if (star >= 0) {
      starred += 1;
      [p, s] = [star + 1, starred];
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}

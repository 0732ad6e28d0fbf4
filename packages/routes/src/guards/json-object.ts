/**
 * JSON objects of tokens. Two members of one name mean one thing to one reader and another to the
 * next, so that they are refused (RFC 7515, 4; RFC 7519, 4 leave the choice).
 */

/** The object that the text is; undefined when it is none, or names a member of it twice. */
export function readJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (membersIn(text) !== Object.keys(value).length) return undefined;
  return value as Record<string, unknown>;
}

/** How many members the object has as it is written; `text` is valid JSON of an object. */
function membersIn(text: string): number {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "{" || char === "[") depth += 1;
    else if (char === "}" || char === "]") depth -= 1;
    else if (char === ":" && depth === 1) members += 1;
  }
  return members;
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/**
 * HTML from templates in which everything that is filled in is escaped, unless such a template made
 * it.
 */

/** A piece of a page; only `html` makes it. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | readonly Html[];

/** A template. Parts may stand in text and in quoted attribute values, nowhere else. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = strings.reduce((before, text, i) => {
    const part = parts[i - 1] ?? "";
    return before + markupOf(part) + text;
  });
  return { markup };
}

/** Nothing at all. */
export const NOTHING: Html = { markup: "" };

/** Markup that this package itself wrote, taken as it is. */
export function verbatim(text: string): Html {
  return { markup: text };
}

/** Text in which what stands between backticks is code. */
export function prose(text: string): Html {
  const parts = text.split("`");
  return html`${parts.map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`;
}

function markupOf(part: Part): string {
  if (typeof part === "string" || typeof part === "number") return escaped(String(part));
  if ("markup" in part) return part.markup;
  return part.map(({ markup }) => markup).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" },
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

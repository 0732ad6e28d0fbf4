/** The document around a render, and around nothing where the browser is to render by itself. */
import type { RenderSettings } from "./page.ts";

export interface DocumentParts {
  readonly title: string;
  readonly markup: string;
  /** What the browser takes over; absent in a shell. */
  readonly content?: unknown;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Ccircle cx='8' cy='8' r='8' fill='%23163d36'/%3E%3Cpath d='M8 3l1.4 3.6L13 8l-3.6 1.4L8 13" +
  "l-1.4-3.6L3 8l3.6-1.4z' fill='%23ffd479'/%3E%3C/svg%3E";

export function documentOf(settings: RenderSettings, parts: DocumentParts): string {
  const [script = "", ...imports] = settings.scripts;
  const content =
    parts.content === undefined
      ? ""
      : `<script type="application/json" id="content">${jsonForHtml(parts.content)}</script>`;
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width,initial-scale=1">`,
    `<title>${escaped(parts.title)}</title><link rel="icon" href="${ICON}">`,
    ...imports.map((url) => `<link rel="modulepreload" href="${url}">`),
    `<style>${settings.styles}</style>`,
    `<script type="module" src="${script}"></script></head>`,
    `<body><div id="root">${parts.markup}</div>${content}</body></html>`,
  ].join("");
}

/** JSON that ends no script element, whatever it says. */
function jsonForHtml(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function escaped(text: string): string {
  return text.replaceAll(/[&<"]/g, (character) => ESCAPES[character] ?? "");
}

/** The folders that `skerry init` begins with; what each holds lies in `templates/`. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, relative } from "node:path";

export interface Template {
  readonly name: string;
  readonly summary: string;
  /** Commands before the first deploy, besides what the platform does. */
  readonly before: readonly string[];
  /** `skerry.d.ts` is added, which the function's code imports types from. */
  readonly typed?: true;
}

export const TEMPLATES: readonly Template[] = [
  { name: "event", summary: "Node, a handler of events and URL calls", before: [], typed: true },
  {
    name: "fetch",
    summary: "Node, Request in and Response out, streaming",
    before: [],
    typed: true,
  },
  { name: "chat", summary: "Node, a chat room over WebSockets", before: [], typed: true },
  { name: "express", summary: "Node, a web server with Express", before: [] },
  { name: "react", summary: "Node, a page rendered by React", before: [] },
  { name: "python", summary: "Python 3, a handler of events and URL calls", before: [] },
  { name: "php", summary: "PHP 8, a handler of events and URL calls", before: [] },
  {
    name: "go",
    summary: "Go, a web server of your own",
    before: ["CGO_ENABLED=0 go build -o server ."],
  },
];

/** Types of handlers and their contexts, for a TypeScript function that is there already. */
export const TYPES: Template = {
  name: "types",
  summary: "skerry.d.ts alone: TypeScript's types of handlers and contexts",
  before: [],
  typed: true,
};

const TYPES_FILE = "skerry.d.ts";

export interface TemplateFile {
  /** Relative to the folder that is made. */
  readonly path: string;
  readonly source: string;
}

/** In order. */
export function filesOf({ name, typed }: Template): readonly TemplateFile[] {
  const types = { path: TYPES_FILE, source: join(TEMPLATES_FOLDER, TYPES.name, TYPES_FILE) };
  if (name === TYPES.name) return [types];
  const folder = join(TEMPLATES_FOLDER, name);
  const own = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((source) => ({ path: relative(folder, source), source }));
  const files = typed === true ? [...own, types] : own;
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

const TEMPLATES_FOLDER = fileURLToPath(new URL("../templates/", import.meta.url));

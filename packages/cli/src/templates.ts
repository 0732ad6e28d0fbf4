/** The folders that `skerry init` begins with; what each holds lies in `templates/`. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, relative } from "node:path";

export interface Template {
  readonly name: string;
  readonly summary: string;
  /** Commands before the first deploy, besides what the platform does. */
  readonly before: readonly string[];
}

export const TEMPLATES: readonly Template[] = [
  { name: "event", summary: "Node, a handler of events and URL calls", before: [] },
  { name: "fetch", summary: "Node, Request in and Response out, streaming", before: [] },
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

/** Where the files of a template lie. */
export function templateFolder({ name }: Template): string {
  return fileURLToPath(new URL(`../templates/${name}/`, import.meta.url));
}

/** Paths of its files, relative to its folder, in order. */
export function filesOf(template: Template): readonly string[] {
  const folder = templateFolder(template);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

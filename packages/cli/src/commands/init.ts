import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { nearestWord } from "@skerry/base";
import type { Column } from "@skerry/terminal";
import type { Command } from "../command.ts";
import { fail } from "../errors.ts";
import { filesOf, TEMPLATES, TYPES, type Template } from "../templates.ts";

export const init: Command = {
  name: "init",
  summary: "Make a folder with a function to begin with",
  about: [
    "Without a template the templates are listed. The folder is made when it is not there; files that are " +
      "there already are never written over.",
  ],
  args: [
    { name: "TEMPLATE", isOptional: true, description: "What to begin with." },
    {
      name: "DIR",
      isOptional: true,
      description: "The folder; named after the template when absent.",
    },
  ],
  flags: [],
  examples: [
    { line: "init", says: "The templates." },
    { line: "init python greet", says: "A Python function in ./greet." },
    { line: "init types greet", says: "TypeScript's types of handlers, into ./greet." },
  ],
  async run({ args, screen, host }) {
    const [name, folder] = args;
    if (name === undefined) {
      if (screen.json) screen.printJson({ templates: ALL });
      else screen.printTable(COLUMNS, ALL);
      return 0;
    }
    const template = findTemplate(name);
    const target = resolve(host.cwd, folder ?? name);
    const files = copyTemplate(template, target);
    const shown = relative(host.cwd, target) || ".";
    const isWhole = template !== TYPES;
    const before = template.before.map((line) => `(cd ${shown} && ${line})`);
    const next = isWhole ? [...before, deployLine(shown)] : [];
    if (screen.json) screen.printJson({ template: name, folder: target, files, next });
    else {
      screen.print(`${screen.style.green("✓")} ${shown}: ${files.join(", ")}`);
      if (isWhole) screen.print("", "Next:", "", ...next.map((line) => `  ${line}`));
    }
    return 0;
  },
};

const ALL: readonly Template[] = [...TEMPLATES, TYPES];

const COLUMNS: readonly Column<Template>[] = [
  { title: "TEMPLATE", text: ({ name }) => name },
  { title: "WHAT IT IS", text: ({ summary }) => summary, flexible: true },
];

const deployLine = (folder: string): string => `npx skerry deploy ${folder}`;

function findTemplate(name: string): Template {
  const found = ALL.find((template) => template.name === name);
  if (found !== undefined) return found;
  const names = ALL.map((template) => template.name);
  const near = nearestWord(name, names);
  const suggestion = near === undefined ? "" : `Did you mean ${near}? `;
  throw fail("TEMPLATE_UNKNOWN", { template: name, suggestion, templates: names });
}

/** All or nothing: looks at every file before it writes the first. */
function copyTemplate(template: Template, target: string): readonly string[] {
  const files = filesOf(template);
  const present = files.flatMap(({ path }) => (existsSync(join(target, path)) ? path : []));
  if (present.length > 0) throw fail("FILES_PRESENT", { folder: target, files: present });
  for (const { path, source } of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    copyFileSync(source, join(target, path));
  }
  return files.map(({ path }) => path);
}

import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { nearestWord } from "@skerry/base";
import type { Command } from "../command.ts";
import { fail } from "../errors.ts";
import type { Column } from "../table.ts";
import { filesOf, templateFolder, TEMPLATES, type Template } from "../templates.ts";

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
  ],
  async run({ args, screen, host }) {
    const [name, folder] = args;
    if (name === undefined) {
      if (screen.json) screen.printJson({ templates: TEMPLATES });
      else screen.printTable(COLUMNS, TEMPLATES);
      return 0;
    }
    const template = findTemplate(name);
    const target = resolve(host.cwd, folder ?? name);
    const files = copyTemplate(template, target);
    const shown = relative(host.cwd, target) || ".";
    const next = [...template.before.map((line) => `cd ${shown} && ${line}`), deployLine(shown)];
    if (screen.json) screen.printJson({ template: name, folder: target, files, next });
    else {
      screen.print(`${screen.style.green("✓")} ${shown}: ${files.join(", ")}`);
      screen.print("", "Next:", "", ...next.map((line) => `  ${line}`));
    }
    return 0;
  },
};

const COLUMNS: readonly Column<Template>[] = [
  { title: "TEMPLATE", text: ({ name }) => name },
  { title: "WHAT IT IS", text: ({ summary }) => summary, flexible: true },
];

const deployLine = (folder: string): string => `npx skerry deploy ${folder}`;

function findTemplate(name: string): Template {
  const found = TEMPLATES.find((template) => template.name === name);
  if (found !== undefined) return found;
  const names = TEMPLATES.map((template) => template.name);
  const near = nearestWord(name, names);
  const suggestion = near === undefined ? "" : `Did you mean ${near}? `;
  throw fail("TEMPLATE_UNKNOWN", { template: name, suggestion, templates: names });
}

/** All or nothing: looks at every file before it writes the first. */
function copyTemplate(template: Template, target: string): readonly string[] {
  const files = filesOf(template);
  const present = files.filter((file) => existsSync(join(target, file)));
  if (present.length > 0) throw fail("FILES_PRESENT", { folder: target, files: present });
  for (const file of files) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    copyFileSync(join(templateFolder(template), file), join(target, file));
  }
  return files;
}

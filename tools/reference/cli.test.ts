import assert from "node:assert/strict";
import { test } from "node:test";
import { askHelp, readCliReference, renderCliReference } from "./cli.ts";

test("docs/reference/cli.md says what the help says; `npm run docs` brings it up to date", () => {
  assert.equal(readCliReference(), renderCliReference(askHelp()));
});

test("every command is on the page, with every flag and example that its help has", () => {
  const help = askHelp();
  const page = renderCliReference(help);
  for (const { name, flags, examples } of help.commands) {
    const section = page.split(`\n## ${name}\n`)[1]?.split("\n## ")[0] ?? "";
    for (const flag of flags) assert.ok(section.includes(`--${flag.name}`), `${name} ${flag.name}`);
    for (const { says } of examples) assert.ok(section.includes(says.slice(0, 12)), name);
  }
  assert.doesNotMatch(page, /undefined|\[object/);
});

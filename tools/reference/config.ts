/**
 * The reference page of the configuration, rendered from the schemas that check it, so that the
 * page cannot say anything else than the platform does.
 */
import { readFileSync } from "node:fs";
import { projectManifest } from "@skerry/api-schema";
import { envNameOf, flagOf, type JsonSchema } from "@skerry/contracts";
import { functionConfig, jsonSchemaOf, platformConfig } from "@skerry/contracts/schemas";

export const CONFIG_REFERENCE = new URL("../../docs/reference/config.md", import.meta.url);

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return schema.properties ?? {};
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function valuesOf(property: JsonSchema): string {
  if (property.enum !== undefined)
    return property.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (property.type === "integer" || property.type === "number")
    return `${property.minimum} – ${property.maximum}`;
  if (property.type === "boolean") return "`true`, `false`";
  if (property.type === "array") return `a list of: ${valuesOf(property.items ?? {})}`;
  if (property.type === "object") {
    const keys = Object.entries(propertiesOf(property));
    if (keys.length === 0) return "names and texts";
    return keys.map(([key, one]) => `\`${key}\` ${valuesOf(one)}`).join(", ");
  }
  return property.maxLength === undefined ? "text" : `text, at most ${property.maxLength}`;
}

function defaultOf(property: JsonSchema): string {
  return property.default === undefined ? "" : `\`${JSON.stringify(property.default)}\``;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
}

function functionTable(): string {
  return tableOf(
    ["Key", "Values", "Default", "What it says"],
    Object.entries(propertiesOf(jsonSchemaOf(functionConfig))).map(([key, property]) => [
      `\`${key}\``,
      valuesOf(property),
      defaultOf(property),
      property.description ?? "",
    ]),
  );
}

function platformTable(): string {
  return tableOf(
    ["Key", "Flag", "Environment", "Values", "Default", "What it says"],
    Object.entries(propertiesOf(jsonSchemaOf(platformConfig))).map(([key, property]) => [
      `\`${key}\``,
      `\`${flagOf(key)}\``,
      `\`${envNameOf(key)}\``,
      valuesOf(property),
      defaultOf(property),
      property.description ?? "",
    ]),
  );
}

function manifestTable(): string {
  const properties = propertiesOf(jsonSchemaOf(projectManifest));
  const { additionalProperties: one } = properties["functions"] ?? {};
  const dir = typeof one === "object" ? (propertiesOf(one)["dir"] ?? {}) : {};
  return tableOf(
    ["Key", "What it says"],
    [
      ["`app`", properties["app"]?.description ?? ""],
      ["`layers`", properties["layers"]?.description ?? ""],
      ["`functions.<name>.dir`", `${dir.description} Default ${defaultOf(dir)}.`],
      ["`functions.<name>.…`", "Every key of a function, as below."],
      ["`timers.<name>`", properties["timers"]?.description ?? ""],
      ["`actions.<name>`", properties["actions"]?.description ?? ""],
      ["`rules.<name>`", properties["rules"]?.description ?? ""],
      ["`triggers.<name>`", properties["triggers"]?.description ?? ""],
      ["`apis.<name>`", properties["apis"]?.description ?? ""],
    ],
  );
}

/** The whole page, as it must stand in `docs/reference/config.md`. */
export function renderConfigReference(): string {
  return [
    "# Configuration",
    "",
    "Unknown keys are refused with the nearest known one. Generated from the schemas in",
    "`packages/contracts` by `npm run docs`; do not edit.",
    "",
    "## An app: `skerry.yaml`",
    "",
    manifestTable(),
    "",
    "## A function",
    "",
    "Every key has a default. Any change makes a new revision.",
    "",
    functionTable(),
    "",
    "## The platform",
    "",
    "Later wins: defaults, `config.json` in the home, environment, flags. A key that says Restart is",
    "read once at the start.",
    "",
    platformTable(),
    "",
  ].join("\n");
}

/** The page as it stands; empty when there is none. */
export function readConfigReference(): string {
  try {
    return readFileSync(CONFIG_REFERENCE, "utf8");
  } catch {
    return "";
  }
}

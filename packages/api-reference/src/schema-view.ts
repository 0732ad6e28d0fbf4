/** JSON Schema as a reader wants it: a table of properties, types that link to where they stand. */
import type { JsonSchema } from "@skerry/contracts";
import { html, NOTHING, prose, type Html } from "./html.ts";

/** The anchor of a named schema. */
export function schemaAnchor(name: string): string {
  return `schema-${name}`;
}

/** A schema's type in a word or two, with links to named ones. */
export function typeView(schema: JsonSchema): Html {
  const { $ref, type, anyOf, allOf, items, additionalProperties, enum: values } = schema;
  if ($ref !== undefined) {
    const name = $ref.split("/").at(-1) ?? "";
    return html`<a href="#${schemaAnchor(name)}">${name}</a>`;
  }
  if (anyOf !== undefined) return joined(anyOf.map(typeView), " | ");
  if (allOf !== undefined) return joined(allOf.map(typeView), " & ");
  if (values !== undefined) {
    return joined(
      values.map((value) => html`<code>${JSON.stringify(value)}</code>`),
      " | ",
    );
  }
  if (items !== undefined) return html`list of ${typeView(items)}`;
  if (typeof additionalProperties === "object") {
    return html`names to ${typeView(additionalProperties)}`;
  }
  if (type === undefined) return html`anything`;
  return html`${typeof type === "string" ? type : type.join(" | ")}`;
}

/** The properties of a schema, those of nested objects under them; its type when it has none. */
export function schemaView(schema: JsonSchema): Html {
  const rows = rowsOf(schema, "");
  if (rows.length === 0) return html`<p>${typeView(schema)}</p>`;
  return html`<div class="table">
    <table>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function rowsOf(schema: JsonSchema, prefix: string): readonly Html[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const isRequired = schema.required?.includes(name) === true;
    return [
      html`<tr>
        <th scope="row">
          <code>${path}</code>${isRequired ? NOTHING : html`<span class="optional">optional</span>`}
        </th>
        <td>${describedType(property)}</td>
      </tr>`,
      ...rowsOf(property, `${path}.`),
      ...rowsOf(property.items ?? {}, `${path}[].`),
    ];
  });
}

/** A type with its bounds and what is said about it. */
export function describedType(schema: JsonSchema): Html {
  const bounds = boundsOf(schema);
  const { description = "" } = schema;
  return html`<span class="type">${typeView(schema)}</span
    >${bounds === "" ? NOTHING : html`<span class="bounds">${bounds}</span>`}${description === "" ? NOTHING : html`<span class="says">${prose(description)}</span>`}`;
}

function boundsOf(schema: JsonSchema): string {
  const { minimum, maximum, maxLength, default: otherwise } = schema;
  const parts: string[] = [];
  if (minimum !== undefined && maximum !== undefined) parts.push(`${minimum} – ${maximum}`);
  else if (minimum !== undefined) parts.push(`at least ${minimum}`);
  else if (maximum !== undefined) parts.push(`at most ${maximum}`);
  if (maxLength !== undefined) parts.push(`at most ${maxLength} characters`);
  if (otherwise !== undefined) parts.push(`default ${JSON.stringify(otherwise)}`);
  return parts.join(", ");
}

function joined(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, i) => (i === 0 ? part : html`${between}${part}`))}`;
}

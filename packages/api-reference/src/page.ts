/**
 * The reference of the API as one page: rendered from the OpenAPI document and from nothing else,
 * whole in itself, and readable without its script, which only filters.
 */
import { createHash } from "node:crypto";
import {
  OPENAPI_PATH,
  type OpenApiDocument,
  type OpenApiOperation,
  type OpenApiParameter,
  type OpenApiResponse,
} from "@skerry/openapi";
import { html, NOTHING, prose, verbatim, type Html } from "./html.ts";
import { samplesOf } from "./samples.ts";
import { PAGE_SCRIPT } from "./script.ts";
import { describedType, schemaAnchor, schemaView, typeView } from "./schema-view.ts";
import { PAGE_STYLE } from "./style.ts";

export interface ReferencePage {
  readonly text: string;
  /** Lets the page's own style and script be, by their digests, and nothing else. */
  readonly contentSecurityPolicy: string;
}

/** Renders the page. */
export function renderReference(document: OpenApiDocument): ReferencePage {
  const operations = operationsOf(document);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${document.info.title}</title>
        <link rel="icon" href="data:," />
        ${verbatim(`<style>${PAGE_STYLE}</style>`)}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the operations</a>
        ${navigation(document, operations)}
        <main id="content" tabindex="-1">
          ${headerView(document)}
          ${document.tags.map(({ name }) => tagView(document, name, operations))}
          <section id="schemas">
            <h2>Schemas</h2>
            ${Object.entries(document.components.schemas).map(
              ([name, schema]) =>
                html`<article class="schema" id="${schemaAnchor(name)}">
                  <h3>${name}</h3>
                  ${schemaView(schema)}
                </article>`,
            )}
          </section>
          <p class="none" hidden>Nothing fits.</p>
        </main>
        ${verbatim(`<script>${PAGE_SCRIPT}</script>`)}
      </body>
    </html> `;
  return { text: page.markup, contentSecurityPolicy: POLICY };
}

function headerView({ info, servers, openapi }: OpenApiDocument): Html {
  return html`<header>
    <h1>${info.title}</h1>
    <p class="facts">
      <span>${info.version}</span>
      <code>${servers[0]?.url ?? ""}</code>
      <a href="${OPENAPI_PATH}">OpenAPI ${openapi}</a>
    </p>
    ${info.description.split("\n\n").map((paragraph) => html`<p>${prose(paragraph)}</p>`)}
  </header>`;
}

function navigation(document: OpenApiDocument, operations: readonly Listed[]): Html {
  return html`<nav aria-label="Operations">
    <p class="brand"><a href="#content">Skerry</a> <span>control API</span></p>
    <label class="filter" hidden>
      <span>Filter</span>
      <input
        type="search"
        placeholder="deploy, /keys, …"
        autocomplete="off"
        spellcheck="false"
        aria-keyshortcuts="/"
      />
    </label>
    ${document.tags.map(({ name }) => navGroup(name, operations))}
    <section class="group">
      <h2>Reference</h2>
      <ul>
        <li>
          <a href="#schemas"><span>Schemas</span></a>
        </li>
      </ul>
    </section>
  </nav>`;
}

function tagView(document: OpenApiDocument, name: string, operations: readonly Listed[]): Html {
  const own = operations.filter(({ operation }) => operation.tags.includes(name));
  return html`<section class="tag">
    <h2>${name}</h2>
    ${own.map((each) => operationView(document, each))}
  </section>`;
}

const POLICY = [
  "default-src 'none'",
  `style-src ${digestOf(PAGE_STYLE)}`,
  `script-src ${digestOf(PAGE_SCRIPT)}`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function digestOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

interface Listed {
  readonly method: string;
  readonly path: string;
  readonly operation: OpenApiOperation;
}

function operationsOf({ paths }: OpenApiDocument): readonly Listed[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
}

function navGroup(tag: string, operations: readonly Listed[]): Html {
  const own = operations.filter(({ operation }) => operation.tags.includes(tag));
  return html`<section class="group">
    <h2>${tag}</h2>
    <ul>
      ${own.map(
        ({ method, operation }) =>
          html`<li>
            <a href="#${operation.operationId}" data-operation="${operation.operationId}"
              ><b class="method ${method}">${method}</b><span>${operation.summary}</span></a
            >
          </li>`,
      )}
    </ul>
  </section>`;
}

function operationView(document: OpenApiDocument, listed: Listed): Html {
  const { method, path, operation } = listed;
  const { operationId, summary, description, parameters, requestBody } = operation;
  const text = `${operationId} ${method} ${path} ${summary} ${operation["x-skerry-action"]}`;
  return html`<article class="operation" id="${operationId}" data-text="${text.toLowerCase()}">
    <div class="says-all">
      <h3><a href="#${operationId}">${summary}</a></h3>
      <p class="line"><b class="method ${method}">${method}</b><code>${pathView(path)}</code></p>
      ${description === undefined ? NOTHING : html`<p>${prose(description)}</p>`}
      <p class="facts">needs <code>${operation["x-skerry-action"]}</code></p>
      ${parametersView(parameters)}
      ${
        requestBody === undefined
          ? NOTHING
          : html`<h4>Body</h4>
              ${Object.entries(requestBody.content).map(([type, { schema }]) => html`<p>${typeView(schema)} <span class="bounds">${type}</span></p>`)}`
      }
      ${responsesView(operation)}
    </div>
    <div class="samples">
      ${samplesOf(document, listed).map(
        ({ title, text: code }) =>
          html`<figure>
            <figcaption>${title}</figcaption>
            <pre tabindex="0"><code>${code}</code></pre>
          </figure>`,
      )}
    </div>
  </article>`;
}

/** The path with its parameters set off, and places where it may be broken. */
function pathView(path: string): Html {
  const parts = path.split("/").slice(1);
  return html`${parts.map((part) => html`<wbr />/${part.startsWith("{") ? html`<i>${part}</i>` : part}`)}`;
}

function parametersView(parameters: readonly OpenApiParameter[]): Html {
  if (parameters.length === 0) return NOTHING;
  const rows = parameters.map(({ name, in: place, schema, description }) => {
    return html`<tr>
      <th scope="row"><code>${name}</code><span class="optional">${place}</span></th>
      <td>${describedType({ ...schema, description })}</td>
    </tr>`;
  });
  return html`<h4>Parameters</h4>
    ${tableOf(rows)}`;
}

function responsesView({ responses }: OpenApiOperation): Html {
  const all = Object.entries(responses);
  const done = all.filter(([status]) => status.startsWith("2"));
  const errors = all.filter(([status]) => !status.startsWith("2"));
  return html`<h4>Answer</h4>
    ${tableOf(
      done.map(([status, response]) => answerRow(status, response)),
      "answers",
    )}
    <details>
      <summary>Other answers (${errors.length})</summary>
      ${tableOf(
        errors.map(([status, response]) => answerRow(status, response)),
        "answers",
      )}
    </details>`;
}

function answerRow(status: string, { description, content = {} }: OpenApiResponse): Html {
  const types = Object.entries(content).map(([type, { schema }]) => {
    return html`<span class="type">${typeView(schema)}</span><span class="bounds">${type}</span>`;
  });
  return html`<tr>
    <th scope="row"><code>${status}</code></th>
    <td>${types}<span class="says">${prose(description)}</span></td>
  </tr>`;
}

function tableOf(rows: readonly Html[], kind = "properties"): Html {
  return html`<div class="table ${kind}">
    <table>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

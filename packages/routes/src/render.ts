/**
 * What templates become for one request. Each value is encoded for the place where it lands, so
 * that no request chooses more than the template leaves open: not another server, not another
 * folder, not another header. Variables of the stage are its owner's words and stay as they are.
 */
import { failRoute } from "./errors.ts";
import { HOLE } from "./template.ts";

/** What a template may name. */
export interface TemplateValues {
  /** Decoded, as a match has them. */
  readonly params: Readonly<Record<string, string>>;
  /** Of the stage. */
  readonly variables: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** As the one authority parser has it, with the port if it has one. */
  readonly host: string;
  /** As it was sent, encoded. */
  readonly path: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
  readonly clientIp: string;
}

type Place = "authority" | "path" | "query";

const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*$/i;
const SCHEME = /^https?:\/\/[^/?#]/i;
const HOST_CHARS = /^[A-Za-z0-9._-]*$/;
/** WHATWG URL: what a client or a server takes for "." or "..". */
const DOTS = /(?:^|\/)(?:\.|%2e){1,2}(?:;[^/]*)?(?=\/|$)/i;
/** Neither could be sent, and browsers read a backslash as a slash. */
// eslint-disable-next-line no-control-regex -- the control characters are what is refused
const REFUSED = /[\\\u0000-\u0020\u007f-\uffff]+/g;
/** RFC 9110, 5.5. */
const NO_FIELD_TEXT = /[^\t\u0020-\u007e]+/g;

/**
 * Where a redirect leads: a path, or an http or https URL. Throws `ROUTE_VARIABLE_MISSING` and
 * `ROUTE_ADDRESS_INVALID`.
 */
export function renderRedirect(template: string, values: TemplateValues): string {
  const address = renderAddress(template, values);
  if (address.startsWith("/")) return address;
  if (!SCHEME.test(address)) throw failRoute("ROUTE_ADDRESS_INVALID");
  return address;
}

/**
 * The path that a target sees, and the query: the request's own unless the template has a question
 * mark. Throws as `renderRedirect`.
 */
export function rewritePath(template: string, values: TemplateValues): string {
  const address = renderAddress(template, values);
  if (!address.startsWith("/")) throw failRoute("ROUTE_ADDRESS_INVALID");
  const [path, query] = partsOf(address);
  return withQuery(path, query ?? values.query);
}

/**
 * The address of an upstream: the path of `url` is put behind the template's own, and its query,
 * too. Throws as `renderRedirect`.
 */
export function upstreamUrl(
  template: string,
  { url, values }: { readonly url: string; readonly values: TemplateValues },
): string {
  const base = renderAddress(template, values);
  if (!SCHEME.test(base)) throw failRoute("ROUTE_ADDRESS_INVALID");
  const [origin, first = ""] = partsOf(base);
  const [path, query = ""] = partsOf(url);
  const address = `${origin.replace(/\/$/, "")}${path}`;
  const both = first === "" || query === "" ? first + query : `${first}&${query}`;
  if (!URL.canParse(address)) throw failRoute("ROUTE_ADDRESS_INVALID");
  return withQuery(address, both);
}

/** The value of a header: what no header may hold is percent-encoded. Never throws. */
export function renderHeader(template: string, values: TemplateValues): string {
  const text = template.includes("{")
    ? template.replaceAll(HOLE, (found, name: string | undefined) =>
        name === undefined ? found.slice(0, 1) : (valueOf(name, values) ?? ""),
      )
    : template;
  return text.replaceAll(NO_FIELD_TEXT, escaped);
}

function renderAddress(template: string, values: TemplateValues): string {
  let text = "";
  let end = 0;
  for (const { 0: found, 1: name, index } of template.matchAll(HOLE)) {
    text += template.slice(end, index);
    end = index + found.length;
    text +=
      name === undefined ? found.slice(0, 1) : encoded(name, { values, place: placeOf(text) });
  }
  text += template.slice(end);
  text = text.replaceAll(REFUSED, escaped);
  // Two slashes in front would name a server to whoever resolves it.
  text = text.replace(/^\/{2,}/, "/");
  const [path] = partsOf(text);
  if (DOTS.test(path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "")))
    throw failRoute("ROUTE_ADDRESS_INVALID");
  return text;
}

function placeOf(before: string): Place {
  if (/[?#]/.test(before)) return "query";
  return AUTHORITY.test(before) ? "authority" : "path";
}

function encoded(
  name: string,
  { values, place }: { readonly values: TemplateValues; readonly place: Place },
): string {
  const value = valueOf(name, values);
  if (value === undefined) throw failRoute("ROUTE_VARIABLE_MISSING", { name });
  if (name.startsWith("stage.")) return value;
  // They were checked when they came, and are written for these places.
  if (name === "request.query" && place === "query") return value;
  if (name === "request.path" && place !== "query") return value;
  if (name === "request.host" && place === "authority") return value;
  if (place === "query") return encodeURIComponent(value);
  if (place === "path") return value.split("/").map(encodeURIComponent).join("/");
  if (!HOST_CHARS.test(value)) throw failRoute("ROUTE_ADDRESS_INVALID");
  return value;
}

/** Undefined for a variable that the stage does not have, and for what no template may name. */
function valueOf(name: string, values: TemplateValues): string | undefined {
  switch (name) {
    case "request.id":
      return values.requestId;
    case "request.host":
      return values.host;
    case "request.path":
      return values.path;
    case "request.query":
      return values.query;
    case "client.ip":
      return values.clientIp;
    default:
      return name.startsWith("stage.")
        ? own(values.variables, name.slice("stage.".length))
        : own(values.params, name);
  }
}

function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** What stands before the first question mark, and behind it; no server is told a fragment. */
function partsOf(withFragment: string): readonly [string, string?] {
  const [address = ""] = withFragment.split("#", 1);
  const at = address.indexOf("?");
  return at < 0 ? [address] : [address.slice(0, at), address.slice(at + 1)];
}

function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}

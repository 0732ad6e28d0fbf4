/**
 * The built site as one plain Node server: the same bundles that are the functions of the platform,
 * behind Koa. `site.json` says which path is whose.
 */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import Koa, { type Context, type Middleware } from "koa";
import type { BuiltSite } from "./build/build.ts";
import { matchPath } from "./site/path.ts";

export type FetchHandler = (request: Request) => Response | Promise<Response>;
interface FunctionModule {
  readonly default: { readonly fetch: FetchHandler };
}

const ASSETS = /^\/assets\//;
const WORKER = "/service-worker.js";
const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".json": "application/json",
};

/** Koa in front of a site that `buildSite` has written to `folder`. */
export async function siteServer(folder: string): Promise<Koa> {
  const { paths } = JSON.parse(readFileSync(join(folder, "site.json"), "utf8")) as BuiltSite;
  const app = new Koa();
  app.use(serveAssets(join(folder, "functions/assets/static")));
  for (const [name, pattern] of Object.entries(paths)) {
    const url = pathToFileURL(join(folder, "functions", name, "index.mjs")).href;
    const { default: page } = (await import(url)) as FunctionModule;
    app.use(serveFunction(pattern, page.fetch));
  }
  return app;
}

/** A function of the platform as middleware: any `fetch` handler will do. */
export function serveFunction(pattern: string, handler: FetchHandler): Middleware {
  return async (context, next) => {
    if (matchPath(pattern, context.path) === undefined) {
      await next();
      return;
    }
    const response = await handler(requestOf(context));
    for (const [name, value] of response.headers) context.append(name, value);
    if (response.body === null) context.body = null;
    else context.body = Readable.fromWeb(response.body);
    // Behind the body, which sets one of its own.
    context.status = response.status;
  };
}

function requestOf({ req, method, href, headers }: Context): Request {
  const init = { method, headers: Object.entries(headers).flatMap(headerLines) };
  if (method === "GET" || method === "HEAD") return new Request(href, init);
  return new Request(href, { ...init, body: Readable.toWeb(req), duplex: "half" });
}

function headerLines([name, value]: [string, string | string[] | undefined]): [string, string][] {
  return [value ?? []].flat().map((line) => [name, line]);
}

function serveAssets(folder: string): Middleware {
  return async (context, next) => {
    const name = context.path.replace(ASSETS, "/");
    const path = join(folder, normalize(name));
    const isOurs = name !== context.path || name === WORKER;
    if (!isOurs || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
      await next();
      return;
    }
    const isNamedByContent = /-[A-Z0-9]{8}\.js$/.test(path);
    context.set(
      "cache-control",
      isNamedByContent ? "public, max-age=31536000, immutable" : "no-cache",
    );
    context.set("content-type", TYPES[extname(path)] ?? "application/octet-stream");
    context.body = createReadStream(path);
  };
}

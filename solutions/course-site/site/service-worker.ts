/**
 * Keeps the static pages at hand, with or without a network. A page that was visited is shown at
 * once and fetched anew behind; one that was not is rendered in the browser, from content that came
 * with the worker. What is a learner's own goes to the network or nowhere.
 */
import { RENDER_HEADER } from "./page.ts";
import { matchPath } from "./path.ts";

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface WorkerScope {
  readonly location: Location;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: object): Promise<readonly { readonly url: string }[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listen: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listen: (event: Fetching) => void): void;
}

/** Filled in by the build. */
declare const BUILD: {
  readonly id: string;
  readonly urls: readonly string[];
  readonly shells: readonly { readonly path: string; readonly url: string }[];
};
declare const self: unknown;

const PAGES_MAX = 60;
const ASSETS = `assets-${BUILD.id}`;
const PAGES = `pages-${BUILD.id}`;
const scope = self as WorkerScope;

scope.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(ASSETS);
      await cache.addAll([...BUILD.urls]);
      await keepOpenPages();
      await scope.skipWaiting();
    })(),
  );
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name !== ASSETS && name !== PAGES) await caches.delete(name);
      await scope.clients.claim();
    })(),
  );
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== scope.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(asset(request));
  else if (request.mode === "navigate") event.respondWith(page(event, url));
});

/** The page that brought the worker came before it. */
async function keepOpenPages(): Promise<void> {
  const cache = await caches.open(PAGES);
  const open = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  await Promise.allSettled(open.map(({ url }) => renew(new Request(url), cache)));
}

async function asset(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

async function page(event: Fetching, url: URL): Promise<Response> {
  const cache = await caches.open(PAGES);
  const kept = await cache.match(event.request);
  const renewed = renew(event.request, cache);
  if (kept !== undefined) {
    event.waitUntil(renewed.catch(() => undefined));
    return kept;
  }
  try {
    return await renewed;
  } catch (error) {
    const shell = BUILD.shells.find(({ path }) => matchPath(path, url.pathname) !== undefined);
    const found = shell && (await caches.match(shell.url));
    if (found === undefined) throw error;
    return found;
  }
}

/** Only renders are kept: neither errors nor what a downgrade answered in their place. */
async function renew(request: Request, cache: Cache): Promise<Response> {
  const response = await fetch(request);
  if (response.status !== 200 || !response.headers.has(RENDER_HEADER)) return response;
  await cache.put(request, response.clone());
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - PAGES_MAX))) await cache.delete(key);
  return response;
}

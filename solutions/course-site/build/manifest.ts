/** `skerry.yaml` of the built site: its functions, and one gateway API in front of them. */
import type { PageConfig, SiteConfig } from "./site-config.ts";
import { shellPath } from "./contents.ts";

export const ASSETS = "assets";
export const PERSONAL = "personal";
/** Folder of the assets' function with the files themselves. */
export const STATIC = "static";
const YEAR_SECONDS = 31_536_000;

const FUNCTION = { auth: "none", memoryMb: 128, timeoutMs: 5_000, concurrency: 20, egress: "none" };

export function manifestOf(site: SiteConfig): object {
  const names = [...Object.keys(site.pages), PERSONAL, ASSETS];
  return {
    app: site.app,
    functions: Object.fromEntries(
      names.map((name) => [name, { dir: `functions/${name}`, ...FUNCTION }]),
    ),
    apis: {
      public: {
        routes: [
          ...Object.entries(site.pages).map(([name, page]) => pageRoute(site, name, page)),
          { name: PERSONAL, path: "/personal", auth: "none", to: { function: PERSONAL } },
          ...assetRoutes(),
        ],
      },
    },
  };
}

/**
 * A page, kept by the cache. While its function is cold, fails or is overloaded, an earlier render
 * is shown, else a shell that has the browser do it.
 */
function pageRoute(site: SiteConfig, name: string, page: PageConfig): object {
  const shell = { files: ASSETS, directory: STATIC, fallback: shellPath(name) };
  return {
    name,
    path: page.path,
    methods: ["GET", "HEAD"],
    auth: "none",
    to: { function: name },
    cache: { query: page.query ?? [], staleIfError: site.staleSeconds },
    downgrade: {
      coldMs: site.coldMs,
      to: ["stale", { ...shell, qualifier: "$LATEST" }],
    },
  };
}

/**
 * Assets are always those that were deployed last, which hold the former ones, too: a render of an
 * old version finds its script, whichever version the next request is led to.
 */
function assetRoutes(): readonly object[] {
  const to = { files: ASSETS, directory: STATIC, qualifier: "$LATEST" };
  const lasting = (seconds: number): object => ({
    set: { "cache-control": `public, max-age=${seconds}${seconds > 60 ? ", immutable" : ""}` },
  });
  const common = { methods: ["GET", "HEAD"], auth: "none", to };
  return [
    {
      ...common,
      name: "worker",
      path: "/service-worker.js",
      to: { ...to, fallback: "service-worker.js" },
      rewrite: { response: { set: { "cache-control": "no-cache" } } },
    },
    {
      ...common,
      name: "content",
      path: "/assets/content/{file...}",
      to: { ...to, directory: `${STATIC}/content` },
      rewrite: { response: lasting(60) },
    },
    {
      ...common,
      name: ASSETS,
      path: "/assets/{file...}",
      rewrite: { response: lasting(YEAR_SECONDS) },
    },
  ];
}

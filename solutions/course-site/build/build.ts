/**
 * Builds the site: one function of each page, by `site.config.ts`; the dynamic function; the assets
 * with their service worker; and `skerry.yaml`.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RenderSettings } from "../site/page.ts";
import { SITE } from "../site.config.ts";
import {
  bundleForBrowsers,
  bundleFunction,
  bundleServiceWorker,
  fileNameOf,
  functionEntry,
  minifyStyles,
  type BrowserScripts,
} from "./bundle.ts";
import { contentFiles, shellFiles, shellPath } from "./contents.ts";
import { ASSETS, manifestOf, PERSONAL, STATIC } from "./manifest.ts";
import type { PageConfig } from "./site-config.ts";

/** What a server needs to know of a built site; lies beside its functions as `site.json`. */
export interface BuiltSite {
  /** Path patterns by function. */
  readonly paths: Readonly<Record<string, string>>;
  /** Names of the scripts, which the next build keeps. */
  readonly scripts: readonly string[];
}

export interface Built extends BuiltSite {
  readonly pages: readonly RenderSettings[];
  readonly browser: BrowserScripts;
}

/** Writes all of it to `out`, where an earlier build may lie: its scripts are kept once. */
export async function buildSite(out: string): Promise<Built> {
  const configs = Object.entries(SITE.pages);
  const browser = await bundleForBrowsers(configs.map(([name, page]) => settingsOf(name, page)));
  const styles = await minifyStyles();
  const pages = configs.map(([name, page]) => ({
    ...settingsOf(name, page),
    cacheControl: cacheControlOf(page),
    tags: [name, ...(page.tags ?? [])],
    scripts: (browser.byPage[name] ?? []).map((file) => `/assets/${file}`),
    styles,
  }));
  const former = formerScripts(out);
  rmSync(join(out, "functions"), { recursive: true, force: true });
  const files = join(out, "functions", ASSETS, STATIC);
  for (const [name, contents] of former) write(join(files, name), contents);
  for (const { path, contents } of browser.files) write(join(files, fileNameOf(path)), contents);
  await writeContents(files, pages);
  await writeFunctions(join(out, "functions"), pages);
  write(join(out, "skerry.yaml"), `${JSON.stringify(manifestOf(SITE), null, 2)}\n`);
  const site: BuiltSite = {
    paths: {
      ...Object.fromEntries(pages.map(({ name, path }) => [name, path])),
      [PERSONAL]: "/personal",
    },
    scripts: browser.files.map(({ path }) => fileNameOf(path)),
  };
  write(join(out, "site.json"), JSON.stringify(site));
  return { ...site, pages, browser };
}

/** Scripts of the build before; pages that were rendered with it still ask for them. */
function formerScripts(out: string): readonly (readonly [string, Uint8Array])[] {
  const path = join(out, "site.json");
  if (!existsSync(path)) return [];
  const { scripts } = JSON.parse(readFileSync(path, "utf8")) as BuiltSite;
  return scripts.map((name) => [name, readFileSync(join(out, "functions", ASSETS, STATIC, name))]);
}

function settingsOf(
  name: string,
  { path }: PageConfig,
): {
  readonly name: string;
  readonly path: string;
  readonly contentUrl: string;
} {
  return { name, path, contentUrl: `/assets/content/${name}/` };
}

/** Browsers ask each time, and shared caches keep: a purge reaches these, and never browsers. */
function cacheControlOf({ cacheSeconds }: PageConfig): string {
  const { staleSeconds } = SITE;
  return (
    `public, max-age=0, s-maxage=${cacheSeconds}, ` +
    `stale-while-revalidate=${staleSeconds}, stale-if-error=${staleSeconds}`
  );
}

async function writeContents(folder: string, pages: readonly RenderSettings[]): Promise<void> {
  const contents = await contentFiles(pages);
  const shells = shellFiles(pages);
  for (const { path, text } of [...contents, ...shells]) write(join(folder, path), text);
  const scripts = new Set(pages.flatMap((page) => page.scripts));
  const urls = [...scripts, ...[...contents, ...shells].map(({ path }) => `/assets/${path}`)];
  const id = createHash("sha256")
    .update(JSON.stringify([urls, contents, shells]))
    .digest("hex")
    .slice(0, 12);
  const ways = pages.map(({ name, path }) => ({ path, url: `/assets/${shellPath(name)}` }));
  const worker = await bundleServiceWorker({ id, urls, shells: ways });
  write(join(folder, "service-worker.js"), worker);
}

async function writeFunctions(folder: string, pages: readonly RenderSettings[]): Promise<void> {
  const personal = `import { personalHandler } from "./personal.ts";
    export default { fetch: personalHandler };`;
  const assets = `export default {
    fetch: () => new Response("Files are served by the gateway.\\n", { status: 404 }),
  };`;
  const sources = {
    ...Object.fromEntries(pages.map((page) => [page.name, functionEntry([page])])),
    [PERSONAL]: personal,
    [ASSETS]: assets,
  };
  for (const [name, source] of Object.entries(sources))
    write(join(folder, name, "index.mjs"), await bundleFunction(source));
}

function write(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}

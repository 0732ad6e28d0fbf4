/**
 * One bundle for each page, for its function and for browsers: what the page does not import is not
 * in it.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type OutputFile, type Plugin } from "esbuild";
import type { PageSettings, RenderSettings } from "../site/page.ts";

const SITE_DIR = fileURLToPath(new URL("../site", import.meta.url));
const REACT_DOM = dirname(createRequire(import.meta.url).resolve("react-dom/package.json"));
/** The renderer to strings alone; `react-dom/server` brings a second one, for streams. */
const RENDERER = join(REACT_DOM, "cjs/react-dom-server-legacy.browser.production.js");
/** What every bundle has in common. */
const USUAL = {
  absWorkingDir: SITE_DIR,
  bundle: true,
  write: false,
  minify: true,
  legalComments: "none",
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Entries that stand in no file, by name. */
function entriesOf(sources: Readonly<Record<string, string>>): Plugin {
  return {
    name: "entries",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^entry:/ }, ({ path }) => ({
        path: path.slice("entry:".length),
        namespace: "entry",
      }));
      onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => ({
        contents: sources[path] ?? "",
        resolveDir: SITE_DIR,
        loader: "tsx",
      }));
    },
  };
}

const entryPoints = (sources: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(sources).map((name) => [name, `entry:${name}`]));

/** The code of one function from its entry's text; as React ships it when nothing is pruned. */
export async function bundleFunction(source: string, isPruned = true): Promise<Uint8Array> {
  const { outputFiles } = await build({
    ...USUAL,
    entryPoints: ["entry:index"],
    outdir: "/",
    plugins: [entriesOf({ index: source })],
    platform: "node",
    target: "node24",
    alias: isPruned ? { "react-dom/server": RENDERER } : {},
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** A function that serves these pages. */
export function functionEntry(pages: readonly RenderSettings[]): string {
  const lines = pages.flatMap(({ styles: _, ...settings }, i) => [
    `import * as view${i} from "./pages/${settings.name}.tsx";`,
    `import * as content${i} from "./pages/${settings.name}-content.ts";`,
    `const page${i} = pageHandler({ ...view${i}, ...content${i} }, { ...${JSON.stringify(settings)}, styles });`,
  ]);
  const all = pages.map((_, i) => `page${i}`).join(", ");
  return [
    `import { pageHandler } from "./render.tsx";`,
    `const styles = ${JSON.stringify(pages[0]?.styles)};`,
    ...lines,
    pages.length === 1
      ? `export default { fetch: page0 };`
      : `export default { fetch: (request) => [${all}].map((page) => page(request))` +
        `.find(({ status }) => status === 200) };`,
  ].join("\n");
}

export interface BrowserScripts {
  readonly files: readonly OutputFile[];
  /** File names by page: the page's own, then those that it imports. */
  readonly byPage: Readonly<Record<string, readonly string[]>>;
}

/** Scripts of all pages, with what they share in files of its own, all named by their content. */
export async function bundleForBrowsers(pages: readonly PageSettings[]): Promise<BrowserScripts> {
  const sources = Object.fromEntries(
    pages.map((settings) => [
      settings.name,
      `import { startPage } from "./browser.tsx";
       import * as page from "./pages/${settings.name}.tsx";
       void startPage(page, ${JSON.stringify(settings)});`,
    ]),
  );
  const { outputFiles, metafile } = await build({
    ...USUAL,
    entryPoints: entryPoints(sources),
    outdir: "/",
    entryNames: "[name]-[hash]",
    chunkNames: "shared-[hash]",
    plugins: [entriesOf(sources)],
    splitting: true,
    metafile: true,
    platform: "browser",
    target: "es2022",
  });
  const byPage: Record<string, string[]> = {};
  for (const [path, { entryPoint, imports }] of Object.entries(metafile.outputs)) {
    const name = entryPoint?.replace(/^entry:/, "");
    if (name === undefined) continue;
    byPage[name] = [path, ...imports.map((one) => one.path)].map(fileNameOf);
  }
  return { files: outputFiles, byPage };
}

/** `id` tells this build's files from another's. */
export async function bundleServiceWorker(worker: {
  readonly id: string;
  readonly urls: readonly string[];
  readonly shells: readonly { readonly path: string; readonly url: string }[];
}): Promise<Uint8Array> {
  const { outputFiles } = await build({
    ...USUAL,
    format: "iife",
    entryPoints: ["service-worker.ts"],
    outdir: "/",
    define: { ...USUAL.define, BUILD: JSON.stringify(worker) },
    platform: "browser",
    target: "es2022",
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

export async function minifyStyles(): Promise<string> {
  const { outputFiles } = await build({
    ...USUAL,
    entryPoints: ["styles.css"],
    outdir: "/",
    target: "chrome120",
  });
  return outputFiles[0]?.text.trim() ?? "";
}

export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

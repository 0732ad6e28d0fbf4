/**
 * Builds the page: `node build.mjs DIRECTORY`. One script and one style sheet, named by their
 * content; nothing inline, nothing from elsewhere, so that the strictest policy holds.
 */
import { fileURLToPath } from "node:url";
import { build } from "vite";

const [, , outDir] = process.argv;

await build({
  root: fileURLToPath(new URL(".", import.meta.url)),
  configFile: false,
  logLevel: "warn",
  oxc: { jsx: { runtime: "automatic" } },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 2_000,
  },
});

/** The functions that are measured, as the files of a folder. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

function read(name: string): string {
  return readFileSync(new URL(`functions/${name}`, import.meta.url), "utf8");
}

export const ECHO = { "index.ts": read("echo.ts") };
export const ECHO_FETCH = { "index.ts": read("echo-fetch.ts") };
export const HELLO = { "index.ts": read("hello.ts") };

/**
 * Express and React in one file of about a megabyte, as a team would deploy after its own bundling.
 */
export async function pageSource(): Promise<Readonly<Record<string, string>>> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("functions/page.mjs", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent",
  });
  return { "index.js": result.outputFiles[0]?.text ?? "" };
}

/** The functions that are measured, as the files of a folder. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

type Files = Readonly<Record<string, string>>;

function read(name: string): string {
  return readFileSync(new URL(`functions/${name}`, import.meta.url), "utf8");
}

export const ECHO = { "index.ts": read("echo.ts") };
export const ECHO_FETCH = { "index.ts": read("echo-fetch.ts") };
export const ECHO_SERVER = { "server.js": read("server.mjs"), "package.json": '{"type":"module"}' };
export const ECHO_PYTHON = { "index.py": read("echo.py") };
export const ECHO_PHP = { "index.php": read("echo.php") };
export const PASS_FETCH = { "index.ts": read("pass.ts") };
export const NOTHING = { "index.ts": "export async function handler(): Promise<void> {}" };
export const HELLO = { "index.ts": read("hello.ts") };

/**
 * Express and React in one file of about a megabyte, as a team would deploy after its own bundling.
 */
export async function pageSource(): Promise<Files> {
  return { "index.js": await bundled("page.mjs") };
}

export async function expressSource(): Promise<Files> {
  return { "server.js": await bundled("express.mjs") };
}

async function bundled(name: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(`functions/${name}`, import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/** Finds the Node 24 that npm installed beside the platform. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fail } from "./errors.ts";

/** The binary and its version, as `process.version` has it. Throws RUNTIME_MISSING. */
export function findNode24(): { readonly nodeBinary: string; readonly nodeVersion: string } {
  const name = `node24-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
    return { nodeBinary: join(dirname(manifest), "bin", "node"), nodeVersion: `v${version}` };
  } catch (error) {
    const why = `npm has no binary of it for ${process.platform} ${process.arch}`;
    const install = "npm install";
    throw fail("RUNTIME_MISSING", { title: "Node", versionMin: "24", why, install }, error);
  }
}

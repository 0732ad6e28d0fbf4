/** Writes the reference pages that are rendered from schemas. */
import { mkdirSync, writeFileSync } from "node:fs";
import { CONFIG_REFERENCE, renderConfigReference } from "./config.ts";

mkdirSync(new URL(".", CONFIG_REFERENCE), { recursive: true });
writeFileSync(CONFIG_REFERENCE, renderConfigReference());

/** Writes the reference pages that are rendered from schemas. */
import { mkdirSync, writeFileSync } from "node:fs";
import { API_REFERENCE, OPENAPI_REFERENCE, renderApiReference, renderOpenApi } from "./api.ts";
import { CONFIG_REFERENCE, renderConfigReference } from "./config.ts";

mkdirSync(new URL(".", CONFIG_REFERENCE), { recursive: true });
writeFileSync(CONFIG_REFERENCE, renderConfigReference());
writeFileSync(API_REFERENCE, renderApiReference());
writeFileSync(OPENAPI_REFERENCE, renderOpenApi());

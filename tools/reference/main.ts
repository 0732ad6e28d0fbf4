/** Writes the reference pages that are rendered from schemas. */
import { mkdirSync, writeFileSync } from "node:fs";
import { API_REFERENCE, OPENAPI_REFERENCE, renderApiReference, renderOpenApi } from "./api.ts";
import { askHelp, CLI_REFERENCE, renderCliReference } from "./cli.ts";
import { CONFIG_REFERENCE, renderConfigReference } from "./config.ts";
import { README, readReadme, readResults, renderFigures } from "./figures.ts";
import { LIMITS_PAGE, readLimitsPage, renderLimitsPage } from "./limits.ts";

writeFileSync(LIMITS_PAGE, renderLimitsPage(readLimitsPage()));
mkdirSync(new URL(".", CONFIG_REFERENCE), { recursive: true });
writeFileSync(CONFIG_REFERENCE, renderConfigReference());
writeFileSync(API_REFERENCE, renderApiReference());
writeFileSync(OPENAPI_REFERENCE, renderOpenApi());
writeFileSync(CLI_REFERENCE, renderCliReference(askHelp()));
writeFileSync(README, renderFigures(readReadme(), readResults()));

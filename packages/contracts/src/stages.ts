/**
 * Gateway APIs in the config log. An API is an app's: a list of routes that is worked on, and
 * stages that each serve a frozen publication of it. What gateways serve is in one entry for each
 * stage, so that a publication is in force as a whole or not at all.
 */
import { LATEST } from "./qualifiers.ts";
import type { StageSettings } from "./schemas/stages.ts";

/** Stages that every API has from the beginning, in the order of a release. */
export const STAGES = ["test", "prepub", "release"] as const;
/** What the routes that are worked on are called beside stages; no stage has that name. */
export const DRAFT = "draft";

/** The name of the stage that somebody calls so: `dev` is another one of `test`. */
export function stageCalled(said: string): string {
  return said === "dev" ? "test" : said;
}

/** Of stages that nobody has set otherwise: `test` follows what was deployed last. */
export function stageDefaults(stage: string): StageSettings {
  const isTest = stage === "test";
  return { qualifier: isTest ? LATEST : stage, variables: {}, follows: isTest };
}

/** Host suffix of a stage without a domain: `STAGE.API.APP.apis.localhost`. */
export const STAGE_HOST_SUFFIX = ".apis.localhost";
/** First path segment of the other form: `/~/APP/API/STAGE/…`. */
export const STAGE_PATH_PREFIX = "~";

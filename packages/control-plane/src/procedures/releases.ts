/** Transactions on versions and aliases, each with its record. */
import { releaseChanges } from "@skerry/release-api/procedures";
import { recordChange } from "./change.ts";

export const RELEASE_CHANGES = releaseChanges(recordChange);

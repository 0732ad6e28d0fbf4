/** Transactions on redrives, for the ledger's module. */
import { countRedrivable, lookRedrivable } from "./redrivable.ts";
import {
  dueRedrives,
  forgetRedrives,
  getRedrive,
  listRedrivesOf,
  makeRedrive,
  stepRedrive,
  turnRedrive,
} from "./redrives.ts";

export const REDRIVE_PROCEDURES = {
  countRedrivable,
  dueRedrives,
  forgetRedrives,
  getRedrive,
  listRedrivesOf,
  lookRedrivable,
  makeRedrive,
  stepRedrive,
  turnRedrive,
} as const;

export const REDRIVE_READS = [
  "countRedrivable",
  "dueRedrives",
  "getRedrive",
  "listRedrivesOf",
  "lookRedrivable",
] as const;

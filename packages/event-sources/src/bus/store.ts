/** Transactions on the bus, for the sources' module. */
import {
  checkRule,
  deleteRule,
  deleteRulesOfApp,
  eventsFrom,
  findPending,
  forgetEvents,
  getRule,
  heldLines,
  listeners,
  listEvents,
  listRules,
  measureEvents,
  pauseRulesOf,
  putEvents,
  putRule,
  readHeld,
  readRules,
  setRuleEnabled,
} from "@skerry/triggers";
import { enterHeld, fanOut } from "./fan-out.ts";

const READS = {
  checkRule,
  eventsFrom,
  findPending,
  getRule,
  heldLines,
  listeners,
  listEvents,
  listRules,
  measureEvents,
  readHeld,
  readRules,
} as const;

/** Names of those that only read. */
export const BUS_READS = Object.keys(READS) as (keyof typeof READS)[];

export const BUS_PROCEDURES = {
  ...READS,
  deleteRule,
  deleteRulesOfApp,
  enterHeld,
  fanOut,
  forgetEvents,
  pauseRulesOf,
  putEvents,
  putRule,
  setRuleEnabled,
} as const;

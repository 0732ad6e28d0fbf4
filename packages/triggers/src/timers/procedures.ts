/** Transactions on timers, for a module of the store that has their tables. */
import { findDueTimers, listTicking } from "./due.ts";
import {
  checkTimer,
  deleteTimer,
  deleteTimersOfApp,
  getTimer,
  listTimers,
  pauseTimersOf,
  putTimer,
  setTimerEnabled,
} from "./timers.ts";

/** Those that only read. */
export const TIMER_READS = {
  checkTimer,
  findDueTimers,
  getTimer,
  listTicking,
  listTimers,
} as const;

export const TIMER_CHANGES = {
  deleteTimer,
  deleteTimersOfApp,
  pauseTimersOf,
  putTimer,
  setTimerEnabled,
} as const;

/** Operations on timers: rows of the one table like all others. */
import { z } from "zod";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";
import {
  timerEnabledRequest,
  timerListed,
  timerRequest,
  timerResource,
  timerRun,
  timerTicks,
  timerTicksQuery,
} from "./timers.ts";

const TIMERS = "/v1/apps/{app}/timers";
const TIMER = `${TIMERS}/{timer}`;

const READ = { method: "GET", action: "timers.read", status: 200, mutates: false } as const;
const CHANGE = {
  method: "PUT",
  action: "timers.write",
  status: 200,
  mutates: true,
  conditional: true,
} as const;

/** Rows for `OPERATIONS`. */
export const TIMER_OPERATIONS = {
  listTimers: {
    ...READ,
    path: TIMERS,
    summary: "Timers of an app, by name, without their payloads",
    query: pageQuery,
    answer: pageOf(timerListed),
  },
  getTimer: {
    ...READ,
    path: TIMER,
    summary: "One timer",
    answer: timerResource,
    tagged: true,
  },
  putTimer: {
    ...CHANGE,
    path: TIMER,
    summary: "Set a timer",
    about:
      "Each tick is accepted once: over restarts, over several platforms on one database, and " +
      "when clocks are set. A tick that is due stays due unless its time itself is changed.",
    body: timerRequest,
    answer: timerResource,
  },
  deleteTimer: {
    ...CHANGE,
    method: "DELETE",
    path: TIMER,
    summary: "Remove a timer",
    about: "Invocations that it has made already still run.",
    answer: null,
    status: 204,
  },
  setTimerEnabled: {
    ...CHANGE,
    path: `${TIMER}/enabled`,
    summary: "Pause a timer or let it go on",
    about: "Ticks of the time in which it was paused are not made up for.",
    body: timerEnabledRequest,
    answer: timerResource,
  },
  runTimer: {
    method: "POST",
    path: `${TIMER}/runs`,
    action: "functions.invoke",
    summary: "Run a timer's function now, out of turn",
    body: z.strictObject({}),
    answer: timerRun,
    status: 202,
    mutates: true,
  },
  listTimerTicks: {
    ...READ,
    path: `${TIMER}/ticks`,
    summary: "The next ticks of a timer, as if it were enabled",
    query: timerTicksQuery,
    answer: timerTicks,
  },
} as const;

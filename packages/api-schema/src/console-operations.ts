/**
 * Operations that came with the start page. They are rows of the one table like all others: any key
 * may use them.
 */
import { z } from "zod";
import {
  burstLine,
  burstRequest,
  callRequest,
  callResource,
  consoleSessionResource,
  savedEventRequest,
  savedEventResource,
  signInLinkResource,
  trafficResource,
} from "./console-resources.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";

const FUNCTION = "/v1/apps/{app}/functions/{fn}";

/** Rows for `OPERATIONS`. */
export const CONSOLE_OPERATIONS = {
  createSignInLink: {
    method: "POST",
    path: "/v1/sign-in-links",
    action: "platform.read",
    summary: "Make a link that signs in at the start page, once, as this key",
    body: z.strictObject({}),
    answer: signInLinkResource,
    status: 201,
    mutates: true,
    secret: true,
  },
  listConsoleSessions: {
    method: "GET",
    path: "/v1/console-sessions",
    action: "platform.read",
    summary: "Who is signed in at the start page with this key; with any key for an admin",
    query: pageQuery,
    answer: pageOf(consoleSessionResource),
    status: 200,
    mutates: false,
  },
  deleteConsoleSession: {
    method: "DELETE",
    path: "/v1/console-sessions/{session}",
    action: "platform.read",
    summary: "Sign out",
    answer: null,
    status: 204,
    mutates: true,
  },
  getTraffic: {
    method: "GET",
    path: "/v1/traffic",
    action: "apps.read",
    summary: "Live traffic of every function, and prices",
    query: z.strictObject({
      windowMs: z.coerce.number().int().min(5_000).max(3_600_000).default(60_000),
    }),
    answer: trafficResource,
    status: 200,
    mutates: false,
  },
  callFunction: {
    method: "POST",
    path: `${FUNCTION}/calls`,
    action: "functions.invoke",
    summary: "Call a function with an event, through the gateway, and wait for its answer",
    body: callRequest,
    answer: callResource,
    status: 200,
    mutates: false,
    once: true,
  },
  burstFunction: {
    method: "POST",
    path: `${FUNCTION}/bursts`,
    action: "functions.invoke",
    summary: "Call a function by many callers at once, and watch its instances rise and rest",
    body: burstRequest,
    answer: "lines",
    line: burstLine,
    status: 200,
    mutates: false,
    once: true,
  },
  listSavedEvents: {
    method: "GET",
    path: `${FUNCTION}/events`,
    action: "functions.read",
    summary: "Events kept with a function, by name",
    query: pageQuery,
    answer: pageOf(savedEventResource),
    status: 200,
    mutates: false,
  },
  putSavedEvent: {
    method: "PUT",
    path: `${FUNCTION}/events/{event}`,
    action: "functions.invoke",
    summary: "Keep an event with a function",
    body: savedEventRequest,
    answer: savedEventResource,
    status: 200,
    mutates: true,
    echoes: "event",
  },
  deleteSavedEvent: {
    method: "DELETE",
    path: `${FUNCTION}/events/{event}`,
    action: "functions.invoke",
    summary: "Forget a saved event",
    answer: null,
    status: 204,
    mutates: true,
  },
} as const;

/** Operations on actions: rows of the one table like all others. */
import { actionRequest, actionResource, actionRun, actionRunRequest } from "./actions.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";
import {
  createdServerKey,
  serverKeyRequest,
  serverKeyResource,
  ticketRequest,
  ticketResource,
} from "./server-keys.ts";

const ACTIONS = "/v1/apps/{app}/actions";
const ACTION = `${ACTIONS}/{action}`;
const SERVER_KEYS = "/v1/apps/{app}/server-keys";

/** Rows for `OPERATIONS`. */
export const ACTION_OPERATIONS = {
  listActions: {
    method: "GET",
    path: ACTIONS,
    action: "actions.read",
    summary: "Actions of an app, by name",
    query: pageQuery,
    answer: pageOf(actionResource),
    status: 200,
    mutates: false,
  },
  getAction: {
    method: "GET",
    path: ACTION,
    action: "actions.read",
    summary: "One action",
    answer: actionResource,
    status: 200,
    mutates: false,
    tagged: true,
  },
  putAction: {
    method: "PUT",
    path: ACTION,
    action: "actions.write",
    summary: "Set an action",
    about:
      "Its timer and rule are made, changed or removed before the action itself: a request that failed in " +
      "between is to be repeated.",
    body: actionRequest,
    answer: actionResource,
    status: 200,
    mutates: true,
    conditional: true,
  },
  deleteAction: {
    method: "DELETE",
    path: ACTION,
    action: "actions.write",
    summary: "Remove an action with its timer and its rule",
    about: "Runs that were accepted already still happen.",
    answer: null,
    status: 204,
    mutates: true,
    conditional: true,
  },
  runAction: {
    method: "POST",
    path: `${ACTION}/runs`,
    action: "functions.invoke",
    summary: "Run an action whose drives name `manual`; answered once it is on disk",
    body: actionRunRequest,
    answer: actionRun,
    status: 202,
    mutates: true,
  },
  listServerKeys: {
    method: "GET",
    path: SERVER_KEYS,
    action: "actions.read",
    summary: "Server keys of an app, without what they sign with",
    query: pageQuery,
    answer: pageOf(serverKeyResource),
    status: 200,
    mutates: false,
  },
  createServerKey: {
    method: "POST",
    path: SERVER_KEYS,
    action: "actions.write",
    summary: "Make a server key; the answer alone carries what it signs with",
    secret: true,
    body: serverKeyRequest,
    answer: createdServerKey,
    status: 201,
    mutates: true,
  },
  deleteServerKey: {
    method: "DELETE",
    path: `${SERVER_KEYS}/{serverKey}`,
    action: "actions.write",
    summary: "Revoke a server key, and the tickets that were issued with it",
    answer: null,
    status: 204,
    mutates: true,
  },
  issueTicket: {
    method: "POST",
    path: "/v1/apps/{app}/tickets",
    action: "functions.invoke",
    summary: "Issue a ticket for a player; nothing of it is kept but who asked for it",
    about:
      "What it allows are calls of actions whose `game` drive takes tickets of players. It ends " +
      "with its time, with its server key, or with the key that asked for it.",
    secret: true,
    body: ticketRequest,
    answer: ticketResource,
    status: 201,
    mutates: true,
  },
} as const;

/** Operations on events and rules: rows of the one table like all others. */
import {
  eventsPage,
  eventsQuery,
  putEventsAnswer,
  putEventsRequest,
  ruleRequest,
  ruleResource,
  testPatternAnswer,
  testPatternRequest,
} from "./bus.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";
import { timerEnabledRequest } from "./timers.ts";

const EVENTS = "/v1/events";
const RULES = "/v1/apps/{app}/rules";
const RULE = `${RULES}/{rule}`;

const READ = { method: "GET", action: "rules.read", status: 200, mutates: false } as const;
const CHANGE = {
  method: "PUT",
  action: "rules.write",
  status: 200,
  mutates: true,
  conditional: true,
} as const;

/** Rows for `OPERATIONS`. */
export const BUS_OPERATIONS = {
  putEvents: {
    method: "POST",
    path: EVENTS,
    action: "events.put",
    summary: "Put an event on the bus, or a batch of them",
    about:
      "CloudEvents 1.0 in JSON, structured or batched. Answered is on disk, all of them or none; " +
      "of one source and id there is one for as long as it is kept. It has no audit record.",
    body: putEventsRequest,
    answer: putEventsAnswer,
    status: 200,
    mutates: false,
    once: true,
  },
  listEvents: {
    ...READ,
    path: EVENTS,
    action: "events.read",
    summary: "Events of the bus, in the order in which they were put",
    about: "To follow it, ask again with the last `nextCursor`.",
    query: eventsQuery,
    answer: eventsPage,
  },
  listRules: {
    ...READ,
    path: RULES,
    summary: "Rules of an app, by name",
    query: pageQuery,
    answer: pageOf(ruleResource),
  },
  getRule: { ...READ, path: RULE, summary: "One rule", answer: ruleResource, tagged: true },
  putRule: {
    ...CHANGE,
    path: RULE,
    summary: "Let events that match a pattern run a function, or go to a topic",
    about: "Every event that is put from now on is matched; each that matches is accepted once.",
    body: ruleRequest,
    answer: ruleResource,
  },
  deleteRule: {
    ...CHANGE,
    method: "DELETE",
    path: RULE,
    summary: "Remove a rule",
    about: "Invocations that it has made already still run.",
    answer: null,
    status: 204,
  },
  setRuleEnabled: {
    ...CHANGE,
    path: `${RULE}/enabled`,
    summary: "Pause a rule or let it go on",
    about: "Events of the time in which it was paused are not made up for.",
    body: timerEnabledRequest,
    answer: ruleResource,
  },
  testPattern: {
    ...READ,
    method: "POST",
    path: "/v1/event-patterns/test",
    summary: "Whether an event would match a pattern",
    body: testPatternRequest,
    answer: testPatternAnswer,
  },
} as const;

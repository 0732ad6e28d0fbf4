/**
 * Events and rules. Rules lie in another database than the audit, so a change is recorded before it
 * is made; what is put is recorded nowhere else, like a call.
 */
import {
  assertMay,
  json,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import type { RuleResource } from "@skerry/api-schema";
import { nameOf, subjectOf } from "./named-in-app.ts";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange, type ChangeTold } from "./recorded-change.ts";

type Events = "putEvents" | "listEvents" | "testPattern";
type Reads = "listRules" | "getRule";
type Changes = "putRule" | "deleteRule" | "setRuleEnabled";

export function busHandlers(deps: EventApiDeps): Pick<OperationHandlers, Events | Reads | Changes> {
  return { ...eventHandlers(deps), ...readHandlers(deps), ...changeHandlers(deps) };
}

function eventHandlers({ bus }: EventApiDeps): Pick<OperationHandlers, Events> {
  return {
    putEvents: async ({ principal: { accountId }, body }) =>
      json(await bus.putEvents(accountId, Array.isArray(body) ? body : [body])),
    listEvents: async ({ principal: { accountId }, query }) =>
      json(await bus.listEvents({ accountId, query })),
    testPattern: ({ body }) => Promise.resolve(json({ matches: bus.testPattern(body) })),
  };
}

function readHandlers({ bus }: EventApiDeps): Pick<OperationHandlers, Reads> {
  return {
    listRules: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const rows = await bus.listRules({ accountId, app, after: readCursor(cursor, ""), limit });
      const item = (rule: RuleResource): unknown => rule;
      return json(pageOfRows(rows, limit, { item, key: ({ name }) => name }));
    },
    getRule: async (call) => {
      const found = await bus.getRule(nameOf(call, "rule"));
      return tagged(found, found.etag);
    },
  };
}

function changeHandlers(deps: EventApiDeps): Pick<OperationHandlers, Changes> {
  const { platform, bus } = deps;
  return {
    putRule: async (call) => {
      const { body: request, req, principal } = call;
      // Events are the account's: a key that is confined to apps may not let one of them hear all.
      assertMay(principal, "events.read");
      if (request.topic !== undefined) assertMay(principal, "topics.publish");
      const name = nameOf(call, "rule");
      const { function: fn } = request;
      const functionId = fn === undefined ? null : await platform.functionId({ ...name, name: fn });
      const ifVersion = versionOf(req.headers["if-match"]);
      await bus.checkRule({ ...name, request, ifVersion });
      const change = { ...name, request, functionId, ifVersion };
      return await recordedChange(deps, told(call, "putRule"), () => bus.putRule(change));
    },
    deleteRule: async (call) => {
      const change = {
        ...nameOf(call, "rule"),
        ifVersion: versionOf(call.req.headers["if-match"]),
      };
      await bus.checkRule({ ...change, request: null });
      return await recordedChange(deps, told(call, "deleteRule"), () => bus.removeRule(change));
    },
    setRuleEnabled: async (call) => {
      const { enabled } = call.body;
      const name = nameOf(call, "rule");
      const ifVersion = versionOf(call.req.headers["if-match"]);
      const { function: fn } = await bus.getRule(name);
      const functionId =
        enabled && fn !== null ? await platform.functionId({ ...name, name: fn }) : null;
      await bus.checkRule({ ...name, request: null, ifVersion });
      const change = { ...name, enabled, functionId, ifVersion };
      const what = told(call, "setRuleEnabled", { enabled });
      return await recordedChange(deps, what, () => bus.setRuleEnabled(change));
    },
  };
}

type RuleCall = Pick<OperationCall<Changes>, "params" | "principal" | "stamp">;

function told(call: RuleCall, operation: Changes, more: object = {}): ChangeTold {
  const { stamp } = call;
  const details = { operation, ...more };
  return { stamp, action: "rules.write", subject: subjectOf(call, "rule"), details };
}

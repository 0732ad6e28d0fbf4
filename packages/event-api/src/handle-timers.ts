/**
 * Timers. They lie in another database than the audit, so a change is recorded before it is made.
 */
import {
  json,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import type { TimerListed } from "@skerry/api-schema";
import { nameOf, subjectOf } from "./named-in-app.ts";
import { onceOf } from "./once.ts";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange, type ChangeTold } from "./recorded-change.ts";

type Reads = "listTimers" | "getTimer" | "listTimerTicks";
type Changes = "putTimer" | "deleteTimer" | "setTimerEnabled" | "runTimer";

export function timerHandlers(deps: EventApiDeps): Pick<OperationHandlers, Reads | Changes> {
  return { ...readHandlers(deps), ...changeHandlers(deps) };
}

function readHandlers({ timers }: EventApiDeps): Pick<OperationHandlers, Reads> {
  return {
    listTimers: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const rows = await timers.list({ accountId, app, after: readCursor(cursor, ""), limit });
      const item = (timer: TimerListed): unknown => timer;
      return json(pageOfRows(rows, limit, { item, key: ({ name }) => name }));
    },
    getTimer: async (call) => {
      const found = await timers.get(nameOf(call, "timer"));
      return tagged(found, found.etag);
    },
    listTimerTicks: async (call) =>
      json({ ticks: await timers.ticks(nameOf(call, "timer"), call.query.count) }),
  };
}

function changeHandlers(deps: EventApiDeps): Pick<OperationHandlers, Changes> {
  const { platform, timers } = deps;
  return {
    putTimer: async (call) => {
      const { body: request, req } = call;
      const name = nameOf(call, "timer");
      const functionId = await platform.functionId({ ...name, name: request.function });
      const ifVersion = versionOf(req.headers["if-match"]);
      await timers.check({ ...name, request, ifVersion });
      const change = { ...name, request, functionId, ifVersion };
      return await recordedChange(deps, told(call, "putTimer"), () => timers.put(change));
    },
    deleteTimer: async (call) => {
      const change = {
        ...nameOf(call, "timer"),
        ifVersion: versionOf(call.req.headers["if-match"]),
      };
      await timers.check({ ...change, request: null });
      return await recordedChange(deps, told(call, "deleteTimer"), () => timers.remove(change));
    },
    setTimerEnabled: async (call) => {
      const { enabled } = call.body;
      const name = nameOf(call, "timer");
      const ifVersion = versionOf(call.req.headers["if-match"]);
      const { function: fn } = await timers.get(name);
      const functionId = enabled ? await platform.functionId({ ...name, name: fn }) : null;
      await timers.check({ ...name, request: null, ifVersion });
      const change = { ...name, enabled, functionId, ifVersion };
      const what = told(call, "setTimerEnabled", { enabled });
      return await recordedChange(deps, what, () => timers.setEnabled(change));
    },
    runTimer: async (call) => {
      const name = nameOf(call, "timer");
      await timers.get(name);
      return await recordedChange(deps, told(call, "runTimer"), () =>
        timers.run({ ...name, once: onceOf(call, "runTimer") }),
      );
    },
  };
}

type TimerCall = Pick<OperationCall<Changes>, "params" | "principal" | "stamp">;

function told(call: TimerCall, operation: Changes, more: object = {}): ChangeTold {
  const { stamp } = call;
  const action = operation === "runTimer" ? "functions.invoke" : "timers.write";
  return { stamp, action, subject: subjectOf(call, "timer"), details: { operation, ...more } };
}

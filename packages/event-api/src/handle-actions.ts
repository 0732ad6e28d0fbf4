/**
 * Actions. The action lies in the platform's store, its timer and its rule beside the ledger: they
 * are changed first, so that what is answered is whole. What is refused changes nothing; a request
 * that failed in between makes it whole when it is sent again, and what it left of an action that
 * never was goes with a removal of it.
 */
import {
  assertMay,
  EMPTY,
  json,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
  type Answer,
  type OperationCall,
  type OperationHandlers,
} from "@skerry/api-serving";
import { PlatformError, type FunctionId } from "@skerry/base";
import type { ActionRequest, ActionResource, RuleRequest, TimerRequest } from "@skerry/api-schema";
import { actionFactsOf } from "@skerry/contracts";
import type { ActionName, TimerTold } from "./action-ports.ts";
import { fail } from "./errors.ts";
import { nameOf, subjectOf } from "./named-in-app.ts";
import { onceOf } from "./once.ts";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange } from "./recorded-change.ts";

type Reads = "listActions" | "getAction";
type Changes = "putAction" | "deleteAction" | "runAction";

export function actionHandlers(deps: EventApiDeps): Pick<OperationHandlers, Reads | Changes> {
  const { actions } = deps.platform;
  return {
    listActions: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const rows = await actions.list({ accountId, app, after: readCursor(cursor, ""), limit });
      const whole = await Promise.all(rows.map((row) => withTimer(deps, accountId, row)));
      const item = (one: ActionResource): unknown => one;
      return json(pageOfRows(whole, limit, { item, key: ({ name }) => name }));
    },
    getAction: async (call) => {
      const name = nameOf(call, "action");
      const found = await withTimer(deps, name.accountId, await actions.get(name));
      return tagged(found, found.etag);
    },
    putAction: async (call) => {
      const { body: request, req, signal } = call;
      const name = nameOf(call, "action");
      const ifVersion = versionOf(req.headers["if-match"]);
      // Events are the account's: a key that is confined to apps may not let one of them hear all.
      if (request.drives.event !== undefined) assertMay(call.principal, "events.read");
      const drives = await checkedDrives(deps, { ...name, request, ifVersion });
      try {
        await setRule(deps, name, drives);
        const timer = await setTimer(deps, name, drives);
        const change = { ...name, request, timer, ifVersion, signal };
        return json(await actions.put({ ...change, stamp: call.stamp() }));
      } catch (error) {
        // Fails where the above did: then the request that is sent again, or a removal, does it.
        await removeOrphans(deps, name).catch(() => undefined);
        throw error;
      }
    },
    deleteAction: async (call) => {
      const name = nameOf(call, "action");
      const ifVersion = versionOf(call.req.headers["if-match"]);
      await removeOrphans(deps, name);
      await actions.check({ ...name, ifVersion, mustExist: true });
      await removeRule(deps, name);
      await removeTimer(deps, name);
      await actions.remove({ ...name, ifVersion, stamp: call.stamp(), signal: call.signal });
      return EMPTY;
    },
    runAction: (call) => run(deps, call),
  };
}

async function run(deps: EventApiDeps, call: OperationCall<"runAction">): Promise<Answer> {
  const { platform, ledger } = deps;
  const name = nameOf(call, "action");
  const { app, name: action } = name;
  const found = await platform.actions.get(name);
  if (!found.drives.manual) throw fail("ACTION_NOT_MANUAL", { app, action });
  const functionId = await platform.functionId({ ...name, name: found.function });
  const { event = null } = call.body;
  const idempotencyKey = onceOf(call, "runAction");
  const facts = actionFactsOf({ app, name: action, drive: "manual" });
  const made = { functionId, event: JSON.stringify(event), idempotencyKey, action: facts };
  const { stamp } = call;
  const what = { action: "functions.invoke", details: { operation: "runAction" } };
  const told = { stamp, subject: subjectOf(call, "action"), ...what };
  return await recordedChange(deps, told, async () => {
    const { id } = await ledger.accept(made);
    return { invocationId: id, triggerId: facts.t, executionId: id };
  });
}

/** Dots are in no name that anybody else can give a timer or a rule. */
function driveNameOf(name: ActionName): ActionName {
  return { ...name, name: `action.${name.name}` };
}

interface Drives {
  readonly functionId: FunctionId;
  readonly rule: RuleRequest | undefined;
  readonly timer: TimerRequest | undefined;
}

/** What may be refused is refused here, before anything is changed. */
async function checkedDrives(
  { bus, platform, timers }: EventApiDeps,
  asked: ActionName & { readonly request: ActionRequest; readonly ifVersion: number | null },
): Promise<Drives> {
  const { request, ifVersion, ...name } = asked;
  const { function: fn, drives } = request;
  await platform.actions.check({ ...name, ifVersion, mustExist: false });
  const functionId = await platform.functionId({ ...name, name: fn });
  const change = { ...driveNameOf(name), ifVersion: null };
  const set = { function: fn, enabled: true } as const;
  const rule = drives.event && { ...drives.event, ...set, ...formatOf(drives.event) };
  if (rule !== undefined) await bus.checkRule({ ...change, request: rule });
  const timer = drives.timer && { ...drives.timer, ...set, ...formatOf(drives.timer) };
  if (timer !== undefined) await timers.check({ ...change, request: timer });
  return { functionId, rule, timer };
}

function formatOf<F>({ eventFormat = "cloudevents" as F }: { eventFormat?: F | undefined }) {
  return { eventFormat };
}

async function setRule(deps: EventApiDeps, name: ActionName, drives: Drives): Promise<void> {
  const { functionId, rule: request } = drives;
  if (request === undefined) return await removeRule(deps, name);
  const change = { ...driveNameOf(name), ifVersion: null, functionId, action: name.name };
  await deps.bus.putRule({ ...change, request });
}

async function setTimer(deps: EventApiDeps, name: ActionName, drives: Drives): Promise<TimerTold> {
  const { functionId, timer: request } = drives;
  if (request === undefined) {
    await removeTimer(deps, name);
    return { nextAt: null, pausedBecause: null };
  }
  const change = { ...driveNameOf(name), ifVersion: null, functionId, action: name.name };
  const { nextAt, pausedBecause } = await deps.timers.put({ ...change, request });
  return { nextAt, pausedBecause };
}

/** The rule and the timer of an action that is not there: nothing else names them. */
async function removeOrphans(deps: EventApiDeps, name: ActionName): Promise<void> {
  const found = await ifThere("ACTION_NOT_FOUND", deps.platform.actions.get(name));
  if (found !== undefined) return;
  await removeRule(deps, name);
  await removeTimer(deps, name);
}

async function removeRule({ bus }: EventApiDeps, name: ActionName): Promise<void> {
  const change = { ...driveNameOf(name), ifVersion: null };
  await ifThere("RULE_NOT_FOUND", bus.removeRule(change));
}

async function removeTimer({ timers }: EventApiDeps, name: ActionName): Promise<void> {
  await ifThere("TIMER_NOT_FOUND", timers.remove({ ...driveNameOf(name), ifVersion: null }));
}

/** Undefined for what is refused because it is not there. */
async function ifThere<T>(reason: string, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (PlatformError.from(error).reason !== reason) throw error;
    return undefined;
  }
}

async function withTimer(
  { timers, bus }: EventApiDeps,
  accountId: ActionName["accountId"],
  core: ActionResource,
): Promise<ActionResource> {
  const { app, name, drives } = core;
  const drive = driveNameOf({ accountId, app, name });
  const timer =
    drives.timer === undefined ? undefined : await ifThere("TIMER_NOT_FOUND", timers.get(drive));
  const rule =
    drives.event === undefined ? undefined : await ifThere("RULE_NOT_FOUND", bus.getRule(drive));
  const pausedBecause = timer?.pausedBecause ?? rule?.pausedBecause ?? null;
  return { ...core, nextAt: timer?.nextAt ?? null, pausedBecause };
}

/**
 * The whole of `skerry.yaml`: an app, its functions, and what runs them without a caller. The
 * latter are resources of the API like those made by hand; a deployment makes and removes them.
 */
import { functionsOfRoutes, LIMITS } from "@skerry/contracts";
import { appManifest, functionName, gatewayApiName } from "@skerry/contracts/schemas";
import { z } from "zod";
import { actionSettings } from "./actions.ts";
import { gatewayApiSettings } from "./gateway-apis.ts";
import { checkTarget, ruleName, ruleSettings } from "./bus.ts";
import { hasOneTime, timerName, timerSettings } from "./timers.ts";
import { topicTriggerSettings } from "./topic-resources.ts";

const enabled = z
  .boolean()
  .optional()
  .describe("Left as it is when absent, so that what was paused by hand stays paused.");

const manifestTimer = timerSettings
  .extend({ enabled })
  .refine(hasOneTime, { error: "Give either cron or at.", path: ["cron"] });
const manifestRule = ruleSettings.extend({ enabled }).check(checkTarget);
const manifestTrigger = topicTriggerSettings.extend({ enabled });

/** What names a function. */
interface Runs {
  readonly function?: string | undefined;
}

/** `skerry.yaml`. What is named as a function must be one of `functions`. */
export const projectManifest = appManifest
  .extend({
    timers: z
      .record(timerName, manifestTimer)
      .default({})
      .refine(
        (all) => Object.keys(all).length <= LIMITS.timersPerAppMax,
        `An app has at most ${LIMITS.timersPerAppMax} timers.`,
      )
      .describe("Timers of the app by name, with the keys of the API's timers."),
    triggers: z
      .record(functionName, manifestTrigger)
      .default({})
      .describe("Topic triggers of the app by name, with the keys of the API's triggers."),
    rules: z
      .record(ruleName, manifestRule)
      .default({})
      .describe("Rules of the bus by name, with the keys of the API's rules."),
    actions: z
      .record(functionName, actionSettings)
      .default({})
      .refine(
        (all) => Object.keys(all).length <= LIMITS.actionsPerAppMax,
        `An app has at most ${LIMITS.actionsPerAppMax} actions.`,
      )
      .describe("Actions of the app by name: the function that each runs, and its drives."),
    apis: z
      .record(gatewayApiName, gatewayApiSettings)
      .default({})
      .refine(
        (all) => Object.keys(all).length <= LIMITS.gatewayApisPerAppMax,
        `An app has at most ${LIMITS.gatewayApisPerAppMax} gateway APIs.`,
      )
      .describe("Gateway APIs of the app by name: routes, and what differs between stages."),
  })
  .superRefine(({ functions, timers, triggers, rules, actions, apis }, context) => {
    const unknown = (fn: string, path: string[]): void => {
      const message = `${fn} is none of the app's functions.`;
      context.addIssue({ code: "custom", path, message });
    };
    const kinds: Readonly<Record<string, Readonly<Record<string, Runs>>>> = {
      ...{ timers, triggers, rules, actions },
    };
    for (const [kind, all] of Object.entries(kinds)) {
      for (const [name, { function: fn }] of Object.entries(all)) {
        if (fn !== undefined && !Object.hasOwn(functions, fn))
          unknown(fn, [kind, name, "function"]);
      }
    }
    for (const [name, { routes }] of Object.entries(apis)) {
      for (const fn of functionsOfRoutes(routes)) {
        if (!Object.hasOwn(functions, fn)) unknown(fn, ["apis", name, "routes"]);
      }
    }
  });
export type ProjectManifest = z.infer<typeof projectManifest>;

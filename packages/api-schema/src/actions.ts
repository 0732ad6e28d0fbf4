/** Actions: names that run a function, and what may run them. */
import { TICKET_HOLDERS } from "@skerry/contracts";
import { functionName } from "@skerry/contracts/schemas";
import { z } from "zod";
import { ruleEventFormat, ruleSettings } from "./bus.ts";
import { madeBy, makerOf } from "./made-by.ts";
import { hasOneTime, timerSettings } from "./timers.ts";

const time = z.string().describe("ISO 8601, UTC.");

const { eventFormat } = timerSettings.shape;
/** CloudEvents when absent: drives that were set before there were others say nothing of it. */
const timerDrive = timerSettings
  .omit({ function: true, enabled: true, orderingKey: true })
  .extend({ eventFormat: eventFormat.unwrap().optional() })
  .refine(hasOneTime, { error: "Give either cron or at.", path: ["cron"] })
  .describe("A timer runs it, with the keys of a timer.");
const eventDrive = z
  .strictObject({
    pattern: ruleSettings.shape.pattern,
    eventFormat: ruleEventFormat.optional(),
  })
  .describe("Events of the bus that match run it.");
const gameDrive = z
  .strictObject({
    ticket: z.enum(TICKET_HOLDERS).describe("Whose ticket a call must carry."),
  })
  .describe("Clients or servers of a game run it, through the gateway, with a ticket.");

/** What may run an action; one of them at least. */
export const actionDrives = z
  .strictObject({
    timer: timerDrive.optional(),
    event: eventDrive.optional(),
    game: gameDrive.optional(),
    manual: z.boolean().default(false).describe("Holders of a key run it."),
  })
  .refine(
    ({ timer, event, game, manual }) =>
      timer !== undefined || event !== undefined || game !== undefined || manual,
    { error: "An action needs a drive: timer, event, game or manual." },
  );

/** What an action is set to, as `skerry.yaml` says it too. */
export const actionSettings = z.strictObject({
  function: functionName.describe("Event function of the same app that it runs."),
  description: z.string().max(500).default("").describe("What it is for."),
  drives: actionDrives,
});

export const actionRequest = actionSettings.extend({ madeBy });
export type ActionRequest = z.infer<typeof actionRequest>;

export const actionResource = z.object({
  id: z.string(),
  app: z.string(),
  name: z.string(),
  function: z.string(),
  description: z.string(),
  drives: z.object({
    timer: z.looseObject({}).optional(),
    event: z.looseObject({}).optional(),
    game: z.object({ ticket: z.enum(TICKET_HOLDERS) }).optional(),
    manual: z.boolean(),
  }),
  triggerIds: z.array(z.string()).describe("Of its drives; each run names the one it came by."),
  nextAt: time.nullable().describe("The timer's next tick."),
  pausedBecause: z
    .enum(["function_removed"])
    .nullable()
    .describe("Why its timer or its rule stands."),
  madeBy: makerOf,
  version: z.int(),
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type ActionResource = z.infer<typeof actionResource>;

export const actionRunRequest = z.strictObject({
  event: z.unknown().optional().describe("JSON that the function is given; null when absent."),
});
/** A run that was accepted: its execution is the invocation. */
export const actionRun = z.object({
  invocationId: z.string(),
  triggerId: z.string(),
  executionId: z.string(),
});
export type ActionRun = z.infer<typeof actionRun>;

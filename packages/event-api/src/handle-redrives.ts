/**
 * Redrives. They lie in another database than the audit, so a change is recorded before it is made.
 */
import { assertMay, json, type OperationCall, type OperationHandlers } from "@skerry/api-serving";
import type { RedriveResource } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import { fail } from "./errors.ts";
import { filterOf, scopeOf } from "./handle-ledger.ts";
import { onceOf } from "./once.ts";
import type { EventApiDeps } from "./ports.ts";
import { recordedChange } from "./recorded-change.ts";
import type { AddressedLetters, RedriveName } from "./redrive-ports.ts";

type Reads = "listRedrives" | "getRedrive";
type Changes = "createRedrive" | "setRedriveEnabled" | "cancelRedrive";

export function redriveHandlers(deps: EventApiDeps): Pick<OperationHandlers, Reads | Changes> {
  const { redrives } = deps;
  return {
    listRedrives: async ({ principal, query }) =>
      json(await redrives.list({ ...scopeOf(principal), ...query })),
    getRedrive: async (call) => json(await find(deps, nameOf(call))),
    createRedrive: async (call) => {
      const { principal, body, stamp } = call;
      const { state, limit, ratePerSecond, qualifier, dryRun } = body;
      const { app, function: fn, trigger, target, from, to } = body;
      // One of nothing would belong to nobody.
      if (app !== undefined) assertMay(principal, "invocations.write", app);
      const dead = await lettersOf(deps, call);
      const filter = await filterOf(deps, principal, body);
      const name = fn ?? dead?.fn;
      // Invocations of many functions, some of which may have it, meet it one by one.
      if (app !== undefined && name !== undefined && qualifier !== undefined) {
        const { accountId } = principal;
        await deps.platform.checkQualifier({ accountId, app, name, qualifier });
      }
      const details = { operation: "createRedrive", ...body };
      const told = { stamp, action: "invocations.write", subject: "redrives", details };
      return await recordedChange(deps, told, () =>
        redrives.create({
          ...{ ...filter, state, limit, ratePerSecond, qualifier, dryRun, letters: dead?.letters },
          asked: { app, function: fn, trigger, target, from, to },
          once: onceOf(call, "createRedrive"),
        }),
      );
    },
    setRedriveEnabled: (call) => {
      const { enabled } = call.body;
      const details = { operation: "setRedriveEnabled", enabled } as const;
      return turn(deps, call, { turn: enabled ? "resume" : "pause", details });
    },
    cancelRedrive: (call) =>
      turn(deps, call, { turn: "cancel", details: { operation: "cancelRedrive" } }),
  };
}

/**
 * The dead letters that are meant, and what runs them; undefined when invocations are. Throws
 * INPUT_INVALID.
 */
async function lettersOf(
  { topics }: EventApiDeps,
  { principal, body }: OperationCall<"createRedrive">,
): Promise<AddressedLetters | undefined> {
  const { app, trigger, target: fn, qualifier } = body;
  if (trigger === undefined) {
    if (fn === undefined) return undefined;
    throw invalid("body", ["target: needs the trigger"]);
  }
  if (app === undefined) throw invalid("body", ["trigger: needs the app"]);
  const strange = (["function", "source", "state"] as const).find((one) => body[one] !== undefined);
  if (strange !== undefined) throw invalid("body", [`${strange}: is not of dead letters`]);
  const { accountId } = principal;
  assertMay(principal, "topics.write", app);
  return await topics.lettersOf({ accountId, app, trigger, fn, qualifier });
}

type OneCall = Pick<OperationCall<"cancelRedrive">, "params" | "principal" | "stamp">;

/** Records a change of one redrive, makes it, and keeps what it answers. */
async function turn(
  deps: EventApiDeps,
  call: OneCall,
  wanted: {
    readonly turn: "pause" | "resume" | "cancel";
    readonly details: { readonly operation: Changes; readonly enabled?: boolean };
  },
) {
  const { redrives } = deps;
  const name = nameOf(call);
  const { state } = await find(deps, name);
  if (wanted.turn !== "cancel" && (state === "done" || state === "cancelled")) {
    throw fail("REDRIVE_ENDED", { id: name.id, state });
  }
  const { stamp } = call;
  const { details } = wanted;
  const told = { stamp, action: "invocations.write", subject: `redrive/${name.id}`, details };
  return await recordedChange(
    deps,
    told,
    async () => (await redrives.turn({ ...name, turn: wanted.turn })) ?? notFound(name),
  );
}

function nameOf({ params, principal }: Pick<OneCall, "params" | "principal">): RedriveName {
  return { ...scopeOf(principal), id: params.redrive };
}

async function find({ redrives }: EventApiDeps, name: RedriveName): Promise<RedriveResource> {
  return (await redrives.get(name)) ?? notFound(name);
}

function notFound({ id }: RedriveName): never {
  throw fail("REDRIVE_NOT_FOUND", { id });
}

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { PlatformError } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Invoked, InvokeTarget, ListedEvent } from "@skerry/sdk";
import { readDuration, failCommand, timingLines } from "@skerry/terminal";
import { base64Of, showEnd } from "./accepted-invocation.ts";
import type { Command, CommandCall } from "./command.ts";
import { fail } from "./errors.ts";
import { readQualifiedPath } from "./function-path.ts";
import { namedRunOf } from "./named-run.ts";

/** A moment, with its zone, as the gateway takes it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
/** With --async, said of one event. */
const OF_ONE = ["delay", "at", "ordering-key", "wait"] as const;

export const invoke: Command = {
  name: "invoke",
  summary: "Call a function with an event and print its answer",
  about: [
    "The handler gets the data as its event. Text and bytes are printed as they are, everything else as JSON; with --json bytes are base64.",
  ],
  args: [
    {
      name: "APP/FN[:QUALIFIER]",
      description: "The function, and a version or an alias of it: what was deployed last without.",
    },
    { name: "-", isOptional: true, description: "Read the data from the standard input." },
  ],
  flags: [
    {
      name: "data",
      short: "d",
      value: "JSON",
      description: "The event: JSON, @FILE, or - for the standard input. Default {}.",
    },
    {
      name: "client-context",
      value: "JSON",
      description: "What the handler finds in context.clientContext, beside the event.",
    },
    {
      name: "as-bytes",
      description: "The handler gets the data as bytes, not parsed, as functions of FC do.",
    },
    { name: "show-timing", description: "Also show where the time went." },
    { name: "async", description: "Have it accepted to run later, and print its id." },
    { name: "delay", value: "TIME", description: "With --async: not before so long, such as 5s." },
    {
      name: "at",
      value: "TIME",
      description: "With --async: not before this time, such as 2027-01-01T08:00:00Z.",
    },
    {
      name: "ordering-key",
      value: "KEY",
      description: "With --async: those of one key run one after another.",
    },
    { name: "many", description: "With --async: --data is an array of events, see the examples." },
    { name: "wait", description: "With --async: wait for its end, and exit as it ended." },
  ],
  examples: [
    { line: `invoke shop/checkout --data '{"id": 7}'`, says: "With an event." },
    { line: "invoke shop/checkout --data @order.json", says: "With an event from a file." },
    {
      line: "invoke shop/checkout --idempotency-key order-7 --data @order.json",
      says: "Once: again with the same key it prints the same answer.",
    },
    { line: "invoke shop/checkout:live", says: "Where an alias leads, or a version: `:3`." },
    {
      line: "invoke shop/checkout --async --delay 5s --ordering-key cart-7",
      says: "Later, in the order of its key.",
    },
    {
      line: "invoke shop/checkout --async --many -d @events.json",
      says: "An array of {event, delayMs, orderingKey, …}.",
    },
    { line: "invoke shop/thumbnail --as-bytes", says: "A handler that was written for FC." },
    { line: "invoke shop/checkout - --show-timing", says: "With the standard input, and timing." },
  ],
  async run(call) {
    const { args, screen, client, host, isOn, flag } = call;
    const target = readQualifiedPath(args[0]);
    const payload = await readPayload(call);
    if (isOn("async") && isOn("many")) return await acceptMany(call, target, payload);
    if (isOn("async")) return await acceptLater(call, target, payload);
    assertNotLater(call);
    const told = flag("client-context");
    // Not the one of the environment: a script may call a function with many events.
    const idempotencyKey = flag("idempotency-key");
    const invoked = await client().invoke(target, payload, {
      signal: host.signal,
      asBytes: isOn("as-bytes"),
      ...(told === undefined ? {} : { clientContext: parseJson(told, "--client-context") }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    if (screen.json) screen.printJson(jsonOf(invoked));
    else printResult(screen, invoked.result);
    if (invoked.replayed && !screen.json) screen.note("It was called before with this key.");
    if (isOn("show-timing")) screen.note(...timingLines(invoked, screen.errorStyle));
    return 0;
  },
};

function printResult(screen: CommandCall["screen"], result: unknown): void {
  if (result instanceof Uint8Array) screen.printBytes(result);
  else screen.print(typeof result === "string" ? result : JSON.stringify(result, undefined, 2));
}

async function acceptLater(
  call: CommandCall,
  target: InvokeTarget,
  payload: unknown,
): Promise<number> {
  const { screen, client, host, isOn, flag } = call;
  const told = flag("client-context");
  const { id, repeated } = await client().invokeAsync(target, payload, {
    signal: host.signal,
    asBytes: isOn("as-bytes"),
    clientContext: told === undefined ? undefined : parseJson(told, "--client-context"),
    ...readDue(call),
    orderingKey: flag("ordering-key"),
    idempotencyKey: namedRunOf(host, flag),
  });
  if (isOn("wait")) {
    screen.note(screen.errorStyle.dim(`accepted ${id}`));
    return await showEnd(call, id);
  }
  if (screen.json) screen.printJson({ id, repeated });
  else {
    screen.print(id);
    const before = repeated ? "It was accepted before. " : "";
    screen.note(`${before}Show it with \`skerry invocations show ${id}\`.`);
  }
  return 0;
}

/**
 * Until when it is put off. Refused here in the words of flags, as the gateway would in those of
 * headers. Throws FLAG_VALUE_INVALID.
 */
function readDue({ flag, host }: CommandCall): { delayMs?: number; notBefore?: string } {
  const [delay, at] = [flag("delay"), flag("at")];
  const { asyncDelayMsMax: msMax } = LIMITS;
  const days = `${msMax / 86_400_000} days`;
  if (delay !== undefined) {
    if (at !== undefined) throw refused("at", at, "it stands beside --delay; give one of them");
    const delayMs = readDuration(delay, { command: "invoke", flag: "--delay" });
    if (delayMs > msMax) throw refused("delay", delay, `an event is put off by at most ${days}`);
    return { delayMs };
  }
  if (at === undefined) return {};
  const atMs = TIME.test(at) ? Date.parse(at) : Number.NaN;
  if (atMs <= host.clock.wallMs() + msMax) return { notBefore: at };
  const form = "a time with its zone, such as 2027-01-01T08:00:00Z";
  throw refused("at", at, `write ${form}, at most ${days} from now`);
}

/** Prints the ids in the order of the events; exits with 1 when some were refused. */
async function acceptMany(
  call: CommandCall,
  target: InvokeTarget,
  payload: unknown,
): Promise<number> {
  const { screen, client, host } = call;
  assertWithout(
    call,
    [...OF_ONE, "client-context", "idempotency-key", "as-bytes"],
    "each event says its own",
  );
  if (!Array.isArray(payload)) {
    const hint = 'Give an array such as [{"event": {"id": 7}}].';
    throw failCommand("ARGUMENT_INVALID", { value: "--data", expected: "an array", hint });
  }
  const events = payload as readonly ListedEvent[];
  const accepted = await client().invokeMany(target, events, { signal: host.signal });
  if (screen.json) screen.printJson(accepted);
  else {
    for (const [at, item] of accepted.items.entries()) {
      if ("id" in item) screen.print(item.id);
      else screen.note(`Event ${at} was refused: ${item.error.message}`);
    }
    const count = accepted.items.length - accepted.refused;
    screen.note(`${count} accepted, ${accepted.refused} refused.`);
  }
  return accepted.refused === 0 ? 0 : 1;
}

/** Flags that would be ignored are mistakes. Throws FLAG_VALUE_INVALID. */
function assertNotLater(call: CommandCall): void {
  assertWithout(call, [...OF_ONE, "many"], "a call without --async is answered at once");
}

function assertWithout({ flag, isOn }: CommandCall, names: readonly string[], why: string): void {
  const name = names.find((one) => flag(one) !== undefined || isOn(one));
  if (name === undefined) return;
  throw refused(name, flag(name) ?? "on", why);
}

function refused(name: string, value: string, why: string): PlatformError {
  return failCommand("FLAG_VALUE_INVALID", { command: "invoke", flag: `--${name}`, value, why });
}

function jsonOf({ result: given, status, requestId, serverTiming, replayed }: Invoked): unknown {
  const result = given instanceof Uint8Array ? base64Of(given) : given;
  return { result, status, requestId, serverTiming, replayed };
}

/**
 * The event of a call, as `--data` or a dash give it; `{}` when none was given. Throws
 * ARGUMENT_INVALID, INPUT_FILE_UNREADABLE or INPUT_NOT_JSON.
 */
export async function readPayload({ args, flag, host }: CommandCall): Promise<unknown> {
  const dash = args[1];
  if (dash !== undefined && dash !== "-") {
    const hint = "Give data with --data JSON, --data @FILE, or - for the standard input.";
    throw failCommand("ARGUMENT_INVALID", { value: dash, expected: "-", hint });
  }
  const written = dash ?? flag("data");
  return written === undefined ? {} : await readWritten(host, written, "--data");
}

/**
 * JSON as a flag has it: itself, `@FILE`, or `-` for the standard input. Throws INPUT_NOT_JSON,
 * INPUT_FILE_UNREADABLE.
 */
export async function readWritten(
  host: CommandCall["host"],
  written: string,
  source: string,
): Promise<unknown> {
  if (written === "-") {
    return parseJson((await host.readStdin()).toString("utf8"), "The standard input");
  }
  if (!written.startsWith("@")) return parseJson(written, source);
  const path = written.slice(1);
  return parseJson(readText(resolve(host.cwd, path), path), path);
}

function readText(absolute: string, path: string): string {
  try {
    return readFileSync(absolute, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw fail("INPUT_FILE_UNREADABLE", { path, why: code ?? message }, error);
  }
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fail("INPUT_NOT_JSON", { source, why }, error);
  }
}

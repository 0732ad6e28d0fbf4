/**
 * Runs the recorded event of an accepted invocation once more and tells where the answer and the
 * time differ: of the function as it is now, or of a folder, which is deployed under an app of its
 * own for that and removed afterwards.
 */
import { resolve } from "node:path";
import type { AcceptedInvocationDetails } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import {
  answerOf,
  followAccepted,
  readQualifier,
  resultBytes,
  TO_FLAG,
  tookMs,
} from "@skerry/commands";
import {
  diffJson,
  diffLines,
  durationText,
  failCommand,
  showable,
  type Style,
} from "@skerry/terminal";
import type { Command, CommandCall } from "../command.ts";
import { planProject } from "../deployment.ts";
import { readProject, type Project } from "../project.ts";

const EXIT_DIFFERENT = 1;
const NAME_BYTES = 5;

interface Run {
  readonly id: string;
  readonly state: AcceptedInvocationDetails["state"];
  readonly answer: unknown;
  readonly reason: string | null;
  /** Of the last attempt. */
  readonly tookMs: number | null;
}

export const replay: Command = {
  name: "invocations replay",
  summary: "Run an accepted invocation's event once more and compare what comes of it",
  about: [
    "It becomes an invocation of its own, of the function as it is now. Exits with 1 when state, " +
      "answer or error differ from the recorded ones.",
    "With --local the code of a folder runs instead: it is deployed as an app of its own, with one " +
      "attempt and without destinations, and removed afterwards. Secrets and config objects of " +
      "the app are not there.",
  ],
  args: [{ name: "ID", description: "The invocation whose event is taken." }],
  flags: [
    TO_FLAG,
    { name: "local", value: "DIR", description: "Run the code of this folder." },
    { name: "no-wait", description: "Only accept it, and print its id." },
  ],
  examples: [
    { line: "invocations replay ID", says: "Is the mistake mended?" },
    { line: "invocations replay ID --local .", says: "And would this folder mend it?" },
  ],
  async run(call) {
    const { args, client, screen, isOn, flag } = call;
    const params = { request: args[0] ?? "" };
    const qualifier = readQualifier(call, "invocations replay");
    const folder = flag("local");
    if (folder !== undefined) return await replayLocally(call, folder);
    const { id } = await client().replayInvocation({ params, body: { qualifier } });
    if (isOn("no-wait")) {
      if (screen.json) screen.printJson({ id });
      else screen.print(id);
      return 0;
    }
    screen.note(`Replaying ${params.request} as ${id} …`);
    const replayed = await runOf(call, await followAccepted(call, id));
    const recorded = await runOf(call, await client().getAcceptedInvocation({ params }));
    return tell(call, recorded, replayed);
  },
};

async function replayLocally(call: CommandCall, folder: string): Promise<number> {
  const { args, client, flag, isOn, screen } = call;
  if (isOn("no-wait") || flag("to") !== undefined) {
    const why =
      "it stands beside neither --to nor --no-wait: the folder is removed when it has run";
    const command = "invocations replay";
    throw failCommand("FLAG_VALUE_INVALID", { command, flag: "--local", value: folder, why });
  }
  const params = { request: args[0] ?? "" };
  const one = await client().getAcceptedInvocation({ params });
  const project = await projectOf(call, { folder, name: one.function });
  const [fn] = project.functions;
  const { app } = project;
  const bytes = await client().getAcceptedPayload({ params });
  const event = eventOf(bytes, folder);
  const { perform } = await planProject(call, project);
  screen.note(`Replaying ${one.id} with ${folder} as ${app}/${fn?.name ?? one.function} …`);
  for (const line of leftOut(one)) screen.note(line);
  try {
    await perform();
    const of = { app, fn: fn?.name ?? one.function };
    const { id } = await client().acceptInvocation({
      params: of,
      body: { event, contentType: typeOf(one) },
    });
    const replayed = await runOf(call, await followAccepted(call, id));
    return tell(call, await runOf(call, one), replayed);
  } finally {
    await client().deleteApp({ params: { app } });
  }
}

/** A handler that got bytes gets them again. */
function typeOf({ payload }: AcceptedInvocationDetails) {
  return payload.type === BYTES_EVENT_TYPE ? BYTES_EVENT_TYPE : undefined;
}

/** What a folder is not told of an invocation. */
function leftOut({ source, idempotencyKey: key }: AcceptedInvocationDetails): readonly string[] {
  const what = "Of the call its body is replayed as an event, without method, path and headers.";
  const why = "the folder's code runs, whatever stands under that key";
  const said = `Its idempotency key ${showable(key ?? "")} is not sent along: ${why}.`;
  return [...(source === "call" ? [what] : []), ...(key === null ? [] : [said])];
}

/** Throws FLAG_VALUE_INVALID for the body of an HTTP request that is no event. */
function eventOf(bytes: Uint8Array, folder: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes) || "null");
  } catch {
    const why = "it was called with a body that is no JSON, and a folder is called with events";
    const command = "invocations replay";
    throw failCommand("FLAG_VALUE_INVALID", { command, flag: "--local", value: folder, why });
  }
}

/** One attempt tells what it does; nobody else is told of its end. */
async function projectOf(
  { host }: CommandCall,
  { folder, name }: { readonly folder: string; readonly name: string },
): Promise<Project> {
  const app = `replay-${Buffer.from(host.random.bytes(NAME_BYTES)).toString("hex")}`;
  const project = await readProject(resolve(host.cwd, folder), { app, name });
  const alone = { attempts: 1, onSuccess: undefined, onFailure: undefined };
  const functions = project.functions.map((fn) => ({
    ...fn,
    config: { ...fn.config, async: { ...fn.config.async, ...alone } },
  }));
  return { ...project, functions, declared: undefined };
}

async function runOf(call: CommandCall, one: AcceptedInvocationDetails): Promise<Run> {
  const last = one.history.at(-1);
  const { startedAt, endedAt } = last ?? { startedAt: "", endedAt: null };
  return {
    ...{ id: one.id, state: one.state, reason: one.error?.reason ?? null },
    answer: answerOf(one, await resultBytes(call, one)),
    tookMs: endedAt === null ? null : tookMs({ startedAt, endedAt }),
  };
}

function tell({ screen }: CommandCall, recorded: Run, replayed: Run): number {
  const answer = diffJson(recorded.answer, replayed.answer);
  const same =
    recorded.state === replayed.state &&
    recorded.reason === replayed.reason &&
    answer.differences.length === 0;
  const hasTimes = recorded.tookMs !== null && replayed.tookMs !== null;
  const longerMs = hasTimes ? replayed.tookMs - recorded.tookMs : null;
  if (screen.json) screen.printJson({ same, recorded, replayed, answer, longerMs });
  else {
    const { style } = screen;
    const verdict = same ? style.green("✓ The same") : style.red("✗ Not the same");
    screen.print(runLine("Recorded", recorded, style), runLine("Replayed", replayed, style));
    screen.print(...diffLines(answer, style), `${verdict}${longerText(longerMs)}.`);
  }
  return same ? 0 : EXIT_DIFFERENT;
}

function runLine(name: string, run: Run, style: Style): string {
  const took = run.tookMs === null ? "not run" : durationText(run.tookMs);
  const what = showable(run.reason ?? JSON.stringify(run.answer));
  return `${style.dim(name.padEnd(8))}  ${run.state} in ${took}: ${what}`;
}

function longerText(longerMs: number | null): string {
  if (longerMs === null) return "";
  if (longerMs === 0) return ", in the same time";
  return `, ${durationText(Math.abs(longerMs))} ${longerMs > 0 ? "slower" : "faster"}`;
}

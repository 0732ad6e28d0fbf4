/** Accepted invocations: as text, and followed to their end. */
import { exitCodeOf, isErrorCode } from "@skerry/base";
import type {
  AcceptedInvocation,
  AcceptedInvocationDetails,
  InvocationMoment,
} from "@skerry/api-schema";
import { isBytesType } from "@skerry/contracts";
import { followInvocation } from "@skerry/sdk";
import {
  ageText,
  bytesText,
  createProgress,
  durationText,
  fieldLines,
  patiently,
  showable,
  type Column,
  type Screen,
  type Style,
} from "@skerry/terminal";
import type { CommandCall } from "./command.ts";

const EXIT_NOT_SUCCEEDED = 1;

/** Columns of a list. */
export function acceptedColumns(
  style: Style,
  nowMs: number,
): readonly Column<AcceptedInvocation>[] {
  return [
    { title: "ID", text: ({ id }) => id },
    {
      title: "STATE",
      text: ({ state }) => state,
      paint: (text, { state }) => paintState(style, state, text),
    },
    { title: "AGE", text: ({ acceptedAt }) => ageText(acceptedAt, nowMs), alignRight: true },
    { title: "TRIES", text: ({ attempts }) => String(attempts), alignRight: true },
    { title: "FUNCTION", text: ({ app, function: fn }) => `${app}/${fn}` },
    { title: "SOURCE", text: ({ source }) => source, spare: true },
    { title: "ERROR", text: ({ error }) => error?.reason ?? "", flexible: true },
  ];
}

function paintState(style: Style, state: AcceptedInvocation["state"], text: string): string {
  if (state === "succeeded") return style.green(text);
  if (state === "failed" || state === "expired") return style.red(text);
  return style.dim(text);
}

/** One, with its attempts. */
export function acceptedLines(one: AcceptedInvocationDetails, style: Style): readonly string[] {
  const { payload, result, error } = one;
  return [
    `${style.bold(one.id)}  ${paintState(style, one.state, one.state)}`,
    ...fieldLines(
      [
        ["Function", `${one.app}/${one.function}`],
        ["Source", one.sourceId === null ? one.source : `${one.source} ${one.sourceId}`],
        ["Accepted", one.acceptedAt],
        ["Due", one.dueAt ?? ""],
        ["Settled", one.settledAt ?? ""],
        ["Expires", one.settledAt === null ? one.expiresAt : ""],
        ["Ordering key", one.orderingKey ?? ""],
        ["Idempotency key", one.idempotencyKey ?? ""],
        ["Event", `${bytesText(payload.bytes)} ${payload.type}`],
        ["Result", result === null ? "" : resultText(result)],
        ["Error", error === null ? "" : [`${error.reason}: ${error.message}`, error.hint]],
        ["Progress", one.progress === null ? "" : `${progressText(one)} at ${one.progress.at}`],
        ["Stopping", one.stopping ? "it was cancelled, and has not ended yet" : ""],
        ["Attempts", one.history.map(attemptText)],
        ["Destination", one.delivery === null ? "" : deliveryText(one.delivery)],
      ],
      style,
    ),
  ];
}

function resultText({ status, bytes, type, cut }: NonNullable<AcceptedInvocation["result"]>) {
  if (cut) return "too large to be kept";
  const size = bytes === null ? "empty" : `${bytesText(bytes)} ${type ?? ""}`.trim();
  return status === null ? size : `status ${status} · ${size}`;
}

function deliveryText(delivery: NonNullable<AcceptedInvocationDetails["delivery"]>): string {
  const { kind, target, state, attempts, status, dueAt, invocation, error } = delivery;
  const told = invocation === null ? "" : ` as ${invocation}`;
  const tries = kind === "topic" && state !== "delivered" ? ` · ${attempts} tries` : "";
  const calls =
    kind === "webhook" ? ` · ${attempts} calls, last status ${status ?? "none"}` : tries;
  const next = dueAt === null ? "" : `, next at ${dueAt}`;
  const why = error === null ? "" : ` · ${error.reason}: ${error.message}`;
  return `${target} · ${state}${told}${calls}${next}${why}`;
}

function attemptText(attempt: AcceptedInvocationDetails["history"][number]): string {
  const { startedAt, endedAt, outcome, error, requestId } = attempt;
  const took = endedAt === null ? "" : ` in ${durationText(tookMs({ startedAt, endedAt }))}`;
  const why = error === null ? "" : ` · ${error.reason}`;
  return `${attempt.attempt}. ${startedAt} ${outcome ?? "runs"}${took}${why} · ${requestId}`;
}

/** How long an attempt took. */
export function tookMs({ startedAt, endedAt }: { startedAt: string; endedAt: string }): number {
  return Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
}

/**
 * Waits for its end, and shows what its handler reports to whoever watches; `onMoment` is told of
 * each change. Rejects when it is interrupted, or when the platform is away for long.
 */
export async function followAccepted(
  { client, host, screen }: Pick<CommandCall, "client" | "host" | "screen">,
  request: string,
  onMoment?: (moment: InvocationMoment) => void,
): Promise<AcceptedInvocationDetails> {
  const { clock, signal } = host;
  const bar = createProgress(screen, { label: "running", nowMs: () => clock.monotonicMs() });
  try {
    for await (const moment of followInvocation(client(), { invocation: request, signal, clock })) {
      onMoment?.(moment);
      const { done, total, remark } = reportOf(moment);
      if (total !== undefined) bar.show(done, total, remark);
    }
  } finally {
    bar.end();
  }
  return await patiently(host, () =>
    client().getAcceptedInvocation({ params: { request }, signal }),
  );
}

interface Report {
  readonly done: number;
  /** Undefined when it is no share of anything. */
  readonly total: number | undefined;
  readonly remark: string;
}

/** What was reported, as far as it is understood. */
function reportOf({ progress, stopping }: Pick<InvocationMoment, "progress" | "stopping">): Report {
  const value: unknown = progress?.value;
  const remark = stopping ? "stopping" : "";
  if (typeof value === "number") return { done: value, total: 1, remark };
  if (typeof value !== "object" || value === null) return { done: 0, total: undefined, remark };
  const { done = 0, total, message } = value as Record<string, unknown>;
  const said = typeof message === "string" && !stopping ? message : remark;
  if (typeof done !== "number") return { done: 0, total: undefined, remark: said };
  return { done, total: typeof total === "number" ? total : undefined, remark: said };
}

/** In a few words; empty when nothing was reported. */
export function progressText(one: Pick<InvocationMoment, "progress" | "stopping">): string {
  const { done, total, remark } = reportOf(one);
  const { progress } = one;
  if (progress === null) return one.stopping ? "stopping" : "";
  const share = total === undefined || total <= 0 ? undefined : Math.floor((done / total) * 100);
  const known = share === undefined ? JSON.stringify(progress.value) : `${share} %`;
  const steps = share === undefined || total === 1 ? "" : ` (${done} of ${total})`;
  return showable(`${known}${steps}${remark === "" ? "" : ` ${remark}`}`);
}

/** What an invocation answered; undefined when it has no result that was kept. */
export async function resultBytes(
  { client }: Pick<CommandCall, "client">,
  { id: request, result }: AcceptedInvocationDetails,
): Promise<Uint8Array | undefined> {
  if (result?.bytes === null || result === null) return undefined;
  return await client().getAcceptedResult({ params: { request } });
}

/** Shows how it ended. Resolves to the exit code: of its error, when it has not succeeded. */
export async function showEnd(call: CommandCall, id: string): Promise<number> {
  const one = await followAccepted(call, id);
  printEnded(call.screen, one, await resultBytes(call, one));
  return exitCodeFor(one);
}

function exitCodeFor({ state, error }: AcceptedInvocationDetails): number {
  if (state === "succeeded") return 0;
  return error !== null && isErrorCode(error.code) ? exitCodeOf(error.code) : EXIT_NOT_SUCCEEDED;
}

/** The result alone on the standard output, as with a call; all else of it as a remark. */
export function printEnded(
  screen: Screen,
  one: AcceptedInvocationDetails,
  result: Uint8Array | undefined,
): void {
  if (screen.json) return screen.printJson({ ...one, answer: answerOf(one, result) });
  if (one.state !== "succeeded") return screen.note(...acceptedLines(one, screen.errorStyle));
  if (result !== undefined && isBytes(one)) return screen.printBytes(result);
  const answer = answerOf(one, result);
  screen.print(typeof answer === "string" ? answer : JSON.stringify(answer, undefined, 2));
}

type Answered = Pick<AcceptedInvocationDetails, "result">;

/** Its handler returned bytes. */
function isBytes({ result }: Answered): boolean {
  return isBytesType(result?.type);
}

/** How bytes stand in the JSON that commands print. */
export function base64Of(bytes: Uint8Array): { readonly base64: string } {
  return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") };
}

/** JSON when it is, bytes as `base64Of` has them, text otherwise; null when there is none. */
export function answerOf(one: Answered, bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return null;
  if (isBytes(one)) return base64Of(bytes);
  if (bytes.length === 0) return null;
  const text = new TextDecoder().decode(bytes);
  if (one.result?.type?.includes("json") !== true) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

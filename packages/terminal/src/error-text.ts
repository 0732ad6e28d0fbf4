/**
 * An error as a person reads it: what happened, why, what to do, and what to quote when asking
 * someone.
 */
import type { PlatformError } from "@skerry/base";
import type { Style } from "./style.ts";
import { showable } from "./text.ts";

/** What stands beside the error's own table: filled in by whoever answered the request. */
export function requestIdOf(error: PlatformError): string | undefined {
  const { requestId } = error.details;
  return typeof requestId === "string" ? requestId : undefined;
}

export function errorText(error: PlatformError, style: Style): string {
  const { problemList } = error.details;
  const listed = Array.isArray(problemList) && problemList.length > 1;
  const head = listed ? (error.message.split(": ", 1)[0] ?? "") + ":" : error.message;
  const requestId = requestIdOf(error);
  const { repeatWith } = error.details;
  const isOpen = typeof repeatWith === "string";
  const lines = [
    `${style.red("✗")} ${style.bold(showable(head))}`,
    ...(listed ? problemList.map((problem) => `    ${showable(String(problem))}`) : []),
    ...(error.hint === "" ? [] : [`  ${showable(error.hint)}`]),
    ...(isOpen
      ? [
          `  To repeat it without changing anything twice, add --idempotency-key ${showable(repeatWith)}`,
        ]
      : []),
    `  ${style.dim(error.reason + (requestId === undefined ? "" : ` · request ${showable(requestId)}`))}`,
  ];
  return lines.join("\n");
}

/** The same for programs; the shape of an error on every wire. */
export function errorJson(error: PlatformError): unknown {
  const requestId = requestIdOf(error);
  return { error: { ...error.toWire(), ...(requestId === undefined ? {} : { requestId }) } };
}

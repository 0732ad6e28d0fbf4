/** What functions publish, to topics and to the bus, as gateways hand it on. */
import { PlatformError } from "@skerry/base";
import { invalid, type PublishPiece, type PublishResult } from "@skerry/contracts";

export interface FunctionPublish {
  readonly head: PublishPiece;
  /** JSON, `{"messages": […]}` as the API takes them. */
  readonly bytes: Uint8Array;
}

/** Why it was not taken. */
export function refusedPublish(thrown: unknown): PublishResult {
  const error = PlatformError.from(thrown);
  // An operator's words stay in the log.
  const told = error.audience === "user" ? error : PlatformError.from(undefined);
  return { ok: false, error: told.toWire() };
}

/** Throws INPUT_INVALID. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw invalid("body", ["it is no JSON"]);
  }
}

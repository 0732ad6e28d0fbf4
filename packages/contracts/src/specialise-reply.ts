/**
 * Reads what a runtime says about its specialisation. User code has run by then and may have said
 * it in the runtime's place, so nothing is believed beyond its type and bounds.
 */
import { isHandlerKind } from "./handler-kind.ts";
import type { SpecialiseReply } from "./invocation-wire.ts";
import type { InstanceGrant } from "./node-wire.ts";

const NAME_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 8_192;
/** Durations are stored as 32-bit microseconds. */
const MICROSECONDS_MAX = 0xffff_ffff;

/** Total: what makes no sense is a failed initialisation. */
export function readSpecialiseReply(head: unknown): SpecialiseReply {
  const reply = (typeof head === "object" && head !== null ? head : {}) as Record<string, unknown>;
  const { ok, handlerKind } = reply;
  if (ok === true && isHandlerKind(handlerKind)) {
    return {
      ok: true,
      handlerKind,
      codeUs: microseconds(reply["codeUs"]),
      initUs: microseconds(reply["initUs"]),
      codeCacheUsed: reply["codeCacheUsed"] === true,
      ...(reply["preStop"] === true ? { preStop: true } : {}),
    };
  }
  return {
    ok: false,
    name: text(reply["name"], "BadReply").slice(0, NAME_CHARS_MAX),
    message: text(reply["message"], "the runtime gave no sensible answer").slice(
      0,
      MESSAGE_CHARS_MAX,
    ),
  };
}

/** The grant of an instance whose code is loaded: it tells what loading came to. */
export function loadedGrant(
  { loading: _, ...grant }: InstanceGrant,
  { handlerKind, codeUs, initUs, preStop }: SpecialiseReply & { readonly ok: true },
): InstanceGrant {
  return { ...grant, handlerKind, codeUs, initUs, ...(preStop === true ? { preStop } : {}) };
}

function microseconds(value: unknown): number {
  const fits = typeof value === "number" && value >= 0 && value <= MICROSECONDS_MAX;
  return fits ? value : 0;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

/**
 * Reads what an instance asks of its gateway. User code can forge every byte of it. Total: a head
 * becomes a valid value, one that this release does not know, or none at all.
 */
import type { ReachHead } from "@skerry/contracts";

type Fields = Readonly<Record<string, unknown>>;

const TEXT_CHARS_MAX = 512;

/** A head that says what it wants, but nothing that this gateway gives. */
export interface UnknownHead {
  readonly op: "unknown";
  readonly said: string;
}

/** Undefined when it is no head at all. */
export function readReachHead(text: string): ReachHead | UnknownHead | undefined {
  const head = fieldsOf(text);
  if (typeof head?.["op"] !== "string") return undefined;
  const said = textOf(head["op"]);
  if (said === "call") {
    const key = head["k"] === undefined ? {} : { k: textOf(head["k"]) };
    return { op: "call", r: textOf(head["r"]), f: textOf(head["f"]), ...key };
  }
  if (said === "publish") return { op: "publish", r: textOf(head["r"]), t: textOf(head["t"]) };
  const r = textOf(head["r"]);
  if (said === "background") return { op: "background", r: textOf(head["r"]) };
  if (said === "progress") return { op: "progress", r, v: head["v"] };
  if (said === "connect") return { op: "connect", n: textOf(head["n"]), r };
  if (said === "web") return { op: "web", a: textOf(head["a"]), r };
  return { op: "unknown", said };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : "";
}

function fieldsOf(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

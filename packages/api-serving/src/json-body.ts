/**
 * Reads a JSON body: bounded in size, time and depth, and without keys that could reach a
 * prototype.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "@skerry/base";
import { invalid, LIMITS } from "@skerry/contracts";
import { readBody } from "@skerry/http";
import { fail } from "./errors.ts";
import type { ServingLimits } from "./limits.ts";

/** Rejects with BODY_… reasons of http and this package, or INPUT_INVALID. */
export async function readJsonBody(
  req: IncomingMessage,
  deps: { readonly clock: Clock; readonly limits: ServingLimits },
  options: { readonly confidential?: boolean; readonly bodyBytesMax?: number } = {},
): Promise<unknown> {
  assertJsonType(req.headers["content-type"]);
  const bytes = await readBody(req, {
    bytesMax: options.bodyBytesMax ?? LIMITS.apiBodyBytesMax,
    deadlineMs: deps.limits.bodyDeadlineMs,
    clock: deps.clock,
  });
  const value = parseJson(bytes, options.confidential === true);
  assertPlain(value, deps.limits.jsonDepthMax);
  return value;
}

/** A missing type is taken for JSON; another one shows a mistake. */
function assertJsonType(header: string | undefined): void {
  const type = header?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === undefined || type === "application/json" || type.endsWith("+json")) return;
  throw fail("BODY_TYPE_UNSUPPORTED", {
    expected: "application/json",
    contentType: type.slice(0, 100),
  });
}

/** What went wrong quotes the text, which of a confidential one nothing may. */
function parseJson(bytes: Buffer, confidential: boolean): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const said = confidential ? "it holds a secret and is not quoted" : (error as Error).message;
    const why = bytes.length === 0 ? "it is empty" : said.slice(0, 200);
    if (confidential) throw fail("BODY_NOT_JSON", { why });
    throw fail("BODY_NOT_JSON", { why }, error);
  }
}

/** Walks without recursion, so that no depth can exhaust the stack. */
function assertPlain(root: unknown, depthMax: number): void {
  let level: readonly unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) throw fail("BODY_TOO_DEEP", { depthMax });
    level = level.flatMap(childrenOf);
  }
}

function childrenOf(value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (Object.hasOwn(value, "__proto__")) throw invalid("body", ['"__proto__" is not a key']);
  return Object.values(value);
}

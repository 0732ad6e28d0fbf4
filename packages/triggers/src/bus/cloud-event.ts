/**
 * Events of the bus are CloudEvents 1.0 in the JSON format. What is put is checked whole, before
 * anything of it is kept: attributes by the specification, and its size, depth and number of values
 * by limits, since every rule of an account looks at it.
 */
import { LIMITS } from "@skerry/contracts";

/** As it is kept, matched and delivered. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly [attribute: string]: unknown;
}

export type ReadEvent =
  | { readonly ok: true; readonly event: CloudEvent }
  /** Each begins with what it is about. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The platform's own; nobody else may say them. */
export const PLATFORM_TYPE = "skerry.";
export const PLATFORM_SOURCE = "/skerry/";

const NAME = /^[a-z0-9]{1,40}$/;
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u;
const URI_REFERENCE = /^[^\s<>"{}|\\^`]+$/;
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const TEXTS = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
const DATA = new Set(["data", "data_base64"]);

/** Checks what somebody wrote; `id` and `time` stand in for what it does not say. Total. */
export function readCloudEvent(
  value: unknown,
  stead: { readonly id: string; readonly timeMs: number },
): ReadEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { ok: false, problems: ["it must be an object"] };
  const event: CloudEvent = {
    ...{ specversion: "1.0", id: stead.id, source: "", type: "" },
    time: new Date(stead.timeMs).toISOString(),
    // An attribute that is null is one that is not set.
    ...Object.fromEntries(
      Object.entries(value).filter(([name, at]) => at !== null || isData(name)),
    ),
  };
  const problems = [...attributeProblems(event), ...contentProblems(event)];
  if (problems.length > 0) return { ok: false, problems };
  const bytes = eventBytes(event).byteLength;
  const { eventBytesMax: max } = LIMITS;
  if (bytes > max) return { ok: false, problems: [`it takes ${bytes} bytes, more than ${max}`] };
  return { ok: true, event };
}

/** The structured JSON of it. */
export function eventBytes(event: CloudEvent): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(event)));
}

function isData(name: string): boolean {
  return DATA.has(name);
}

function attributeProblems(event: CloudEvent): readonly string[] {
  const names = Object.keys(event).filter((name) => !isData(name));
  const { eventAttributesMax: max } = LIMITS;
  if (names.length > max) return [`it has more than ${max} attributes`];
  const problems = names.flatMap((name) => {
    const problem = attributeProblem(name, event[name]);
    return problem === undefined ? [] : [`${name.slice(0, 80)}: ${problem}`];
  });
  if (problems.length > 0) return problems;
  if (event.specversion !== "1.0") problems.push('specversion: must be "1.0"');
  if (!URI_REFERENCE.test(event.source)) problems.push("source: must be a URI reference");
  if (!TIME.test(event.time) || Number.isNaN(Date.parse(event.time)))
    problems.push("time: must be a time of RFC 3339");
  if (event.type.startsWith(PLATFORM_TYPE))
    problems.push(`type: what begins with ${PLATFORM_TYPE} is the platform's own`);
  if (`${event.source}/`.startsWith(PLATFORM_SOURCE))
    problems.push(`source: what begins with ${PLATFORM_SOURCE} is the platform's own`);
  return problems;
}

function attributeProblem(name: string, value: unknown): string | undefined {
  if (!NAME.test(name)) return "an attribute's name is 1–40 lower-case letters and digits";
  const isText = typeof value === "string";
  if (TEXTS.includes(name) && (!isText || value === "")) return "must be text, and not empty";
  if (!isText && typeof value !== "boolean" && !isInteger(value))
    return "must be text, true, false or a 32-bit integer; what is more belongs into data";
  if (!isText) return undefined;
  if (FORBIDDEN.test(value)) return "must not hold control characters";
  const { eventAttributeBytesMax: max } = LIMITS;
  return Buffer.byteLength(value) > max ? `is longer than ${max} bytes` : undefined;
}

function isInteger(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 31;
}

function contentProblems({ data, data_base64: base64 }: CloudEvent): readonly string[] {
  if (base64 !== undefined) {
    if (data !== undefined) return ["data_base64: stands beside data; give one of them"];
    const isBase64 = typeof base64 === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
    return isBase64 ? [] : ["data_base64: must be base64"];
  }
  const { eventDepthMax: depthMax, eventValuesMax: valuesMax } = LIMITS;
  const { values, depth } = measure(data, { values: valuesMax, depth: depthMax });
  if (depth > depthMax) return [`data: is deeper than ${depthMax}`];
  return values > valuesMax ? [`data: holds more than ${valuesMax} values`] : [];
}

interface Measure {
  readonly values: number;
  readonly depth: number;
}

/** Stops once it is more than `max`, and recurses nowhere. */
function measure(value: unknown, max: Measure): Measure {
  let [values, depth] = [0, 0];
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    values += 1;
    depth = Math.max(depth, at.depth);
    if (values > max.values || depth > max.depth) break;
    if (typeof at.value !== "object" || at.value === null) continue;
    const inner = Object.values(at.value);
    if (values + open.length + inner.length > max.values) return { values: max.values + 1, depth };
    for (const one of inner) open.push({ value: one, depth: at.depth + 1 });
  }
  return { values, depth };
}

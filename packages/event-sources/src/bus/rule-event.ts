/**
 * An event of the bus as a rule gives it to its function: as it is, or in the envelope in which the
 * buses of other platforms hand on theirs.
 */
import type { EventFormat } from "@skerry/api-schema";
import {
  aliyunEvent,
  awsEvent,
  CLOUD_EVENT_TYPE,
  shapedType,
  tencentEvent,
  type CloudEvent,
} from "@skerry/triggers";

export interface RuleEvent {
  /** Content type; JSON when absent. */
  readonly ct?: string;
  readonly payload: Uint8Array;
}

/** `body` is that of a CloudEvent, which is also what a format that is not known yet gives. */
export function ruleEvent(body: Uint8Array, format: EventFormat): RuleEvent {
  const shape = SHAPES[format];
  if (shape === undefined) return { ct: CLOUD_EVENT_TYPE, payload: body };
  const event = JSON.parse(new TextDecoder().decode(body)) as CloudEvent;
  return { ...shapedType(format), payload: new TextEncoder().encode(JSON.stringify(shape(event))) };
}

const SHAPES: Partial<Readonly<Record<EventFormat, (event: CloudEvent) => object>>> = {
  scf: (event) => {
    const { id, type, source, subject, data } = event;
    const content = data ?? event["data_base64"] ?? null;
    return tencentEvent({ id, type, source, subject, timeMs: timeMsOf(event), data: content });
  },
  fc: ({ specversion: _version, id, type, source, subject, time, datacontenttype, ...more }) => {
    const contentType = typeof datacontenttype === "string" ? { contentType: datacontenttype } : {};
    return aliyunEvent({ id, type, source, subject, time, ...contentType, more });
  },
  lambda: (event) => {
    const { id, type, source, subject } = event;
    const resources = subject === undefined ? [] : [subject];
    const timeMs = timeMsOf(event);
    return awsEvent({ id, type, source, timeMs, resources, detail: detailOf(event) });
  },
};

function timeMsOf({ time }: CloudEvent): number {
  return Date.parse(time);
}

/** An object always, as there; anything else stands in one, under the name that it had. */
function detailOf({ data, data_base64: base64 }: CloudEvent): object {
  if (base64 !== undefined) return { data_base64: base64 };
  if (data === undefined || data === null) return {};
  return typeof data === "object" && !Array.isArray(data) ? data : { data };
}

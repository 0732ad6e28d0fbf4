/**
 * Envelopes that event buses of other platforms put around what happened, so that handlers written
 * for those run as they are: EventBridge of AWS, for Lambda; EventBridge of Aliyun, for FC;
 * EventBridge of Tencent, for SCF. What they say of a platform that is not there is said of this
 * one, and means nothing.
 */
import { BYTES_EVENT_TYPE } from "@skerry/contracts";

/** Of this platform, where others have the name of a data centre. */
export const REGION = "skerry";

/** Content type of one CloudEvent in JSON. */
export const CLOUD_EVENT_TYPE = "application/cloudevents+json";

/**
 * Content type of an event in a platform's shape; JSON when absent. FC hands its functions bytes,
 * the others what those say.
 */
export function shapedType(format: string): { readonly ct?: string } {
  return format === "fc" ? { ct: BYTES_EVENT_TYPE } : {};
}

/** ISO 8601 without fractions, as other platforms have it. */
export function secondsText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

export interface AwsEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly timeMs: number;
  readonly resources: readonly string[];
  readonly detail: object;
}

/** As a rule of EventBridge hands it to a function of Lambda. */
export function awsEvent({ id, type, source, timeMs, resources, detail }: AwsEvent): object {
  return {
    ...{ version: "0", id, "detail-type": type, source, account: "000000000000" },
    ...{ time: secondsText(timeMs), region: REGION, resources, detail },
  };
}

export interface AliyunEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly contentType?: string;
  readonly time: string;
  /** Left out where there is none. */
  readonly subject?: string | undefined;
  /** Extension attributes, and what the event carries. */
  readonly more: object;
}

/** As EventBridge of Aliyun hands it to a function of FC: a CloudEvent that names its bus. */
export function aliyunEvent(event: AliyunEvent): object {
  const { id, source, type, time, subject, more } = event;
  const { contentType = "application/json; charset=utf-8" } = event;
  return {
    ...{ specversion: "1.0", id, source, type, datacontenttype: contentType, time },
    ...(subject === undefined ? {} : { subject }),
    ...more,
    aliyuneventbusname: "default",
  };
}

export interface TencentEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  /** Left out where there is none. */
  readonly subject?: string | undefined;
  readonly timeMs: number;
  readonly data: unknown;
}

/** As EventBridge of Tencent hands it to a function of SCF: like a CloudEvent, of version 0. */
export function tencentEvent({ id, type, source, subject, timeMs, data }: TencentEvent): object {
  return {
    ...{ specversion: "0", id, type, source },
    ...(subject === undefined ? {} : { subject }),
    ...{ time: timeMs, region: REGION, datacontenttype: "application/json;charset=utf-8", data },
  };
}

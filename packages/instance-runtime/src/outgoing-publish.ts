/**
 * `context.publish`: has messages written into a topic, over the link. It resolves when they are on
 * disk. An array is messages in the API's form, anything else the content of one.
 */
import { failReach, invalid, type PublishHead } from "@skerry/contracts";
import { askGateway, type OpenStream } from "./outgoing-call.ts";

/** A message as the API takes it; bytes in `data` are sent as such. */
export interface MessageToPublish {
  readonly key?: string;
  readonly data?: unknown;
  readonly base64?: string;
  readonly contentType?: string;
  readonly time?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is said of a message beside its content; of many, of those that do not say it. */
export interface PublishOptions extends Omit<MessageToPublish, "data" | "base64"> {
  /** The same messages under the same key are there once, however often they are published. */
  readonly idempotencyKey?: string;
}

/** Where a message lies. */
export interface MessagePlace {
  readonly partition: number;
  readonly offset: number;
}

export interface PublishAsked {
  /** Id of the request that publishes. */
  readonly requestId: string;
  readonly topic: string;
  readonly content: unknown;
  readonly options: PublishOptions;
  /** What the request has left. */
  readonly remainingMs: number;
}

/**
 * Places in the order of the messages, all of which are on disk. Rejects with a PlatformError whose
 * `reason` says why: TOPIC_NOT_FOUND, INPUT_INVALID, PUBLISH_FORBIDDEN, PUBLISH_TOO_LARGE,
 * PUBLISH_AWAY with nothing published, PUBLISH_UNCONFIRMED when that is not known.
 */
export async function publishMessages(
  open: OpenStream,
  asked: PublishAsked,
): Promise<readonly MessagePlace[]> {
  const { requestId, topic, content } = asked;
  // Code without types may say null.
  const { idempotencyKey, ...options }: PublishOptions = { ...asked.options };
  const given: readonly unknown[] = Array.isArray(content) ? content : [{ data: content }];
  const messages = given.map((message) =>
    // What is none is refused by whoever reads it.
    isMessage(message) ? withBytes({ ...options, ...message }) : message,
  );
  const head: PublishHead = { op: "publish", r: requestId, t: topic };
  const answer = await askGateway(open, {
    ...{ head, body: encode(messages, idempotencyKey), waitMs: asked.remainingMs },
    brokeOff: (error) => failReach("PUBLISH_UNCONFIRMED", { topic, why: error.message }, error),
  });
  return (answer as { readonly messages: readonly MessagePlace[] }).messages;
}

/** Throws INPUT_INVALID for what JSON cannot hold. */
function encode(messages: readonly unknown[], idempotencyKey: string | undefined): Uint8Array {
  const texts = messages.map((message, i) => jsonOf(message, () => `messages.${i}`));
  const key =
    idempotencyKey === undefined
      ? ""
      : `,"idempotencyKey":${jsonOf(idempotencyKey, () => "idempotencyKey")}`;
  return Buffer.from(`{"messages":[${texts.join(",")}]${key}}`);
}

function jsonOf(value: unknown, nameOf: () => string): string {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text ?? "null";
  } catch (error) {
    throw invalid("body", [`${nameOf()}: this is no JSON: ${(error as Error).message}`]);
  }
}

function isMessage(value: unknown): value is MessageToPublish {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON has no bytes. */
function withBytes(message: MessageToPublish): MessageToPublish {
  const { data, ...rest } = message;
  if (!(data instanceof Uint8Array)) return message;
  const { buffer, byteOffset, length } = data;
  return { ...rest, base64: Buffer.from(buffer, byteOffset, length).toString("base64") };
}

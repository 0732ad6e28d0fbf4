/**
 * The ways in that take an idempotency key, each as a request for a name: what it does is done
 * under the name, and whoever asks again with the same key is to be told the same.
 */
import type { HttpAnswer, HttpCall, Platform, SourceFiles } from "@skerry/testkit";

export const TOPIC = "keyed";
/** Of each publish. */
export const MESSAGES = 2;

/** Calls and publishes for others, and answers with what came of it, or why nothing did. */
export const CALLER: SourceFiles = {
  "index.ts": `
interface Asked { readonly way: string; readonly name: string; readonly key: string }
interface Context {
  call(target: string, event: object, options: object): Promise<object>;
  publish(topic: string, messages: readonly object[], options: object): Promise<object>;
}
export async function handler({ way, name, key }: Asked, context: Context): Promise<object> {
  const once = { idempotencyKey: key };
  if (way === "publish") {
    const messages = Array.from({ length: ${MESSAGES} }, (_, at) => ({ key: name + at, data: { name, at } }));
    return { messages: await context.publish("${TOPIC}", messages, once) };
  }
  try {
    return await context.call("load/effect", { name }, once);
  } catch (error) {
    const { reason, message } = error as { readonly reason?: string; readonly message: string };
    return { reason, message };
  }
}
`,
};

interface Asked {
  readonly name: string;
  readonly key: string;
}

export interface Way {
  /** What is done under a name. */
  readonly does: "call" | "publish";
  readonly ask: (platform: Platform, asked: Asked) => HttpCall;
  /** Nothing else will ever be told under its key. */
  readonly isKept: (answer: HttpAnswer) => boolean;
}

/** By which a call that was made has failed: the function's own end, which is kept. */
const MADE = /^FUNCTION_(?:FAILED|CRASHED|TIMEOUT)$/;

export const WAYS = {
  "call over HTTP": {
    does: "call",
    ask: ({ gatewayPort: port, key: own }, { name, key }) => ({
      ...{ port, path: "/-/load/effect/", method: "POST", body: JSON.stringify({ name }) },
      headers: { ...EVENT, "x-skerry-key": own, "idempotency-key": key },
    }),
    isKept: ({ status, headers }) => status === 200 || headers["idempotent-replayed"] === "true",
  },
  "handler's call": {
    does: "call",
    ask: (platform, asked) => ofCaller(platform, { way: "call", ...asked }),
    isKept: ({ status, text }) => {
      if (status !== 200) return false;
      const { reason, made } = JSON.parse(text) as { readonly reason?: string; made?: string };
      return made !== undefined || MADE.test(reason ?? "");
    },
  },
  "publish over HTTP": {
    does: "publish",
    ask: ({ apiPort: port, key: own }, { name, key }) => ({
      ...{ port, path: `/v1/topics/${TOPIC}/messages`, method: "POST" },
      headers: {
        ...{ "content-type": "application/json", authorization: `Bearer ${own}` },
        "idempotency-key": key,
      },
      body: JSON.stringify({
        messages: Array.from({ length: MESSAGES }, (_, at) => ({ data: { name, at } })),
      }),
    }),
    isKept: ({ status }) => status === 200,
  },
  "handler's publish": {
    does: "publish",
    ask: (platform, asked) => ofCaller(platform, { way: "publish", ...asked }),
    isKept: ({ status }) => status === 200,
  },
} as const satisfies Readonly<Record<string, Way>>;

const EVENT = { "content-type": "application/json", "x-skerry-invoke": "event" };

function ofCaller({ gatewayPort: port, key }: Platform, asked: object): HttpCall {
  return {
    ...{ port, path: "/-/load/caller/", method: "POST", body: JSON.stringify(asked) },
    headers: { ...EVENT, "x-skerry-key": key },
  };
}

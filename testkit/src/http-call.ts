/**
 * One HTTP request by node:http, for tests that need the connection, the Host header or the raw
 * answer in hand.
 */
import type { Agent, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { getBuiltinModule } from "node:process";
import { systemClock } from "@skerry/base";

export interface HttpCall {
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Connections to keep; without one, each call has a connection of its own that ends with it. */
  readonly agent?: Agent;
  /** The whole exchange; default 120 s. */
  readonly deadlineMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const DEADLINE_MS = 120_000;

/**
 * Sends the request to 127.0.0.1 and reads the whole answer. Rejects when the connection fails or
 * ends early.
 */
export async function callHttp(call: HttpCall): Promise<HttpAnswer> {
  const response = await openHttp(call);
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) text += String(chunk);
  if (!response.complete) throw new TypeError("the answer ended early");
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** The same up to the head of the answer; the caller reads the body. */
export function openHttp(call: HttpCall): Promise<IncomingMessage> {
  const { port, path = "/", method = "GET", headers = {}, body, agent } = call;
  return new Promise((resolve, reject) => {
    const outgoing = getBuiltinModule("node:http").request(
      {
        ...{ port, path, method, host: "127.0.0.1" },
        agent: agent ?? false,
        headers: {
          ...headers,
          ...(body === undefined ? {} : { "content-length": lengthOf(body) }),
        },
      },
      (response) => {
        response.once("close", cancel);
        resolve(response);
      },
    );
    const cancel = systemClock().schedule(call.deadlineMs ?? DEADLINE_MS, () => {
      outgoing.destroy(new TypeError(`no answer to ${method} ${path} in time`));
    });
    outgoing.once("error", (error) => {
      cancel();
      reject(error);
    });
    outgoing.end(body);
  });
}

function lengthOf(body: string | Uint8Array): string {
  return String(typeof body === "string" ? Buffer.byteLength(body) : body.length);
}

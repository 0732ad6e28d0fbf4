/**
 * Calls of functions that control makes for someone who may: through the gateway, like any client,
 * with the platform's own key. Control has checked the caller's permission before.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "@skerry/base";
import type { CallResource } from "@skerry/api-schema";
import { GATEWAY_HEADERS, isBytesType, LIMITS, PATH_PREFIX } from "@skerry/contracts";
import { nodeHttp } from "@skerry/http";
import { fail } from "./errors.ts";

export interface GatewayCallsOptions {
  readonly gatewayUrl: string;
  /** The platform's own key, as it is now. */
  readonly key: () => string;
}

/** As many as a burst has callers, and a few beside them. */
const SOCKETS_MAX = 256;
/** A call may wait for a slot and then run for as long as functions may. */
const SILENCE_MS_MAX = 1_020_000;

export class GatewayCalls {
  readonly #clock: Clock;
  readonly #options: GatewayCallsOptions;
  readonly #agent = new nodeHttp.Agent({
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    maxFreeSockets: 32,
  });

  constructor(clock: Clock, options: GatewayCallsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Resolves with the answer, whatever its status; rejects with GATEWAY_UNREACHABLE. */
  async call(args: {
    readonly app: string;
    readonly fn: string;
    readonly event: string;
    readonly signal: AbortSignal;
  }): Promise<CallResource> {
    const startMs = this.#clock.monotonicMs();
    try {
      const response = await this.#send(args);
      const body = await readAll(response);
      const header = (name: string): string | null => {
        const value = response.headers[name];
        return typeof value === "string" ? value : null;
      };
      return {
        status: response.statusCode ?? 0,
        requestId: header(GATEWAY_HEADERS.requestId) ?? "",
        errorReason: header(GATEWAY_HEADERS.errorReason),
        result: resultOf(body, header("content-type")),
        tookMs: this.#clock.monotonicMs() - startMs,
      };
    } catch (error) {
      args.signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw fail("GATEWAY_UNREACHABLE", { why }, error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(args: {
    readonly app: string;
    readonly fn: string;
    readonly event: string;
    readonly signal: AbortSignal;
  }): Promise<IncomingMessage> {
    const { app, fn, event, signal } = args;
    const { gatewayUrl, key } = this.#options;
    const url = new URL(`/${PATH_PREFIX}/${app}/${fn}/`, gatewayUrl);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(event),
      authorization: `Bearer ${key()}`,
      [GATEWAY_HEADERS.invoke]: "event",
    };
    return new Promise((resolve, reject) => {
      const options = {
        method: "POST",
        headers,
        agent: this.#agent,
        signal,
        timeout: SILENCE_MS_MAX,
      };
      const req = nodeHttp.request(url, options, resolve);
      req.once("timeout", () => req.destroy(new RangeError(`no answer for ${SILENCE_MS_MAX} ms`)));
      req.once("error", reject);
      req.end(event);
    });
  }
}

/** Answers to events are bounded by the gateway; those of fetch handlers may stream for long. */
async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > LIMITS.payloadBytesMax) throw new RangeError("the answer is too large to show");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** As the command line prints it: JSON, text, or bytes as base64. */
function resultOf(body: Buffer, contentType: string | null): unknown {
  if (isBytesType(contentType)) return { base64: body.toString("base64") };
  const text = body.toString("utf8");
  if (text === "") return null;
  if (contentType?.includes("json") !== true) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

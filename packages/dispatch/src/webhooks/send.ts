/**
 * One call of a webhook: a POST over a connection that the platform's own rules allowed. What is
 * answered is read as far as its status; a redirect is an answer like any other and not followed.
 */
import { request as requestTls } from "node:https";
import { isIP, type Socket } from "node:net";
import { getBuiltinModule } from "node:process";
import { connect as connectTls } from "node:tls";
import { PlatformError, type Clock, type WireError } from "@skerry/base";
import type { NetworkTarget } from "@skerry/contracts";
import { fail } from "../errors.ts";
import type { CallVerdict } from "./decide.ts";

/** How webhooks are reached. */
export interface WebhookNetwork {
  /** Whether an operator named the host: it may be without TLS. */
  isNamed(target: NetworkTarget): boolean;
  /** Rejects with why it may not or cannot be reached. */
  connect(target: NetworkTarget): Promise<Socket>;
}

export interface WebhookCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface WebhookAnswer {
  readonly verdict: CallVerdict;
  readonly status: number | null;
  readonly error: WireError | null;
}

const GONE = 410;

/** Never rejects. */
export async function callWebhook(
  deps: { readonly network: WebhookNetwork; readonly clock: Clock },
  call: WebhookCall,
): Promise<WebhookAnswer> {
  try {
    const status = await post(deps, call);
    if (status >= 200 && status < 300) return { verdict: "delivered", status, error: null };
    const error = fail("WEBHOOK_STATUS", { target: call.url, status }).toWire();
    return { verdict: status === GONE ? "refused" : "again", status, error };
  } catch (cause) {
    const error = PlatformError.is(cause) ? cause : unreachable(call, cause);
    const verdict = error.retryable ? "again" : "refused";
    return { verdict, status: null, error: error.toWire() };
  }
}

function unreachable({ url }: WebhookCall, cause: unknown): PlatformError {
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  const why = typeof code === "string" ? code : "the connection broke";
  return fail("WEBHOOK_UNREACHABLE", { target: url, why }, cause);
}

async function post(
  { network, clock }: { readonly network: WebhookNetwork; readonly clock: Clock },
  call: WebhookCall,
): Promise<number> {
  const url = new URL(call.url);
  const isTls = url.protocol === "https:";
  const host = url.hostname.replaceAll(/^\[|\]$/g, "");
  const target = { host, port: Number(url.port || (isTls ? 443 : 80)) };
  if (!isTls && !network.isNamed(target)) throw fail("WEBHOOK_UNENCRYPTED", { target: call.url });
  const plain = await network.connect(target);
  const socket = isTls
    ? connectTls({ socket: plain, host, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : plain;
  const over = (error?: Error): void => {
    socket.destroy(error);
    plain.destroy();
  };
  const timedOut = fail("WEBHOOK_TIMEOUT", { target: call.url, timeoutMs: call.timeoutMs });
  const cancel = clock.schedule(call.timeoutMs, () => over(timedOut), { background: true });
  const onAbort = (): void => over(fail("WEBHOOK_UNREACHABLE", { target: call.url, why: "stop" }));
  call.signal.addEventListener("abort", onAbort);
  try {
    return await statusOf(url, socket, call);
  } finally {
    cancel();
    call.signal.removeEventListener("abort", onAbort);
    over();
  }
}

function statusOf(url: URL, socket: Socket, { headers, body }: WebhookCall): Promise<number> {
  return new Promise((resolve, reject) => {
    // Importing it would load Node's fetch into every control.
    const begin = url.protocol === "https:" ? requestTls : getBuiltinModule("node:http").request;
    const request = begin(url, {
      ...{ method: "POST", createConnection: () => socket },
      headers: {
        ...{ "content-type": "application/json", "content-length": String(body.length) },
        ...{ "user-agent": "skerry-webhook", ...headers },
      },
    });
    request.once("response", (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.on("error", reject);
    request.once("close", () => reject(request.errored ?? new DOMException("closed")));
    request.end(body);
  });
}

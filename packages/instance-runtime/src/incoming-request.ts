/**
 * The `Request` that a fetch handler gets: Node's own, except that its `signal` is made when it is
 * first asked for. A signal handed to Node's constructor costs more than the rest of the request
 * together (a weak reference and a finalizer each: 58 µs of CPU per request against 29). The price:
 * `fetch(request)` and `new Request(request)` do not follow the caller's cancel by themselves; `{
 * signal: request.signal }` makes them.
 */
import type { RequestHead } from "@skerry/contracts";
import type { Call } from "./call.ts";

export type MakeRequest = (call: Call) => Request;

/**
 * Loads Node's fetch when it is called, which takes a process that was not warmed for it 15 to 30
 * ms.
 */
export function createRequestMaker(): MakeRequest {
  class IncomingRequest extends Request {
    readonly #call: Call;

    constructor(call: Call, url: string, init: RequestInit) {
      super(url, init);
      this.#call = call;
    }

    static signalOf(request: IncomingRequest): AbortSignal {
      return request.#call.signal;
    }
  }
  Object.defineProperty(IncomingRequest.prototype, "signal", {
    get(this: IncomingRequest) {
      return IncomingRequest.signalOf(this);
    },
    enumerable: true,
    configurable: true,
  });
  Object.defineProperty(IncomingRequest, "name", { value: "Request" });
  return (call) => {
    const { m, u, h, a } = asHttp(call.head);
    return new IncomingRequest(call, `${schemeIn(h)}://${a}${u}`, {
      method: m,
      headers: pairsOf(h),
      ...bodyOf(call, m),
    });
  };
}

/** The gateway says it, and nobody else can. */
function schemeIn(flat: readonly string[]): "http" | "https" {
  const at = flat.findIndex((name, i) => i % 2 === 0 && name === "x-forwarded-proto");
  return at >= 0 && flat[at + 1] === "https" ? "https" : "http";
}

function bodyOf(call: Call, method: string): RequestInit {
  if (method === "GET" || method === "HEAD") {
    call.body.discard();
    return {};
  }
  const { whole } = call.body;
  if (whole === undefined) return { body: call.body.toStream(), duplex: "half" };
  return whole.length === 0 ? {} : { body: whole as Uint8Array<ArrayBuffer> };
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    pairs.push([flat[at] as string, flat[at + 1] as string]);
  }
  return pairs;
}

/** An invocation reaches a fetch handler as the POST of its event to the root. */
function asHttp(head: RequestHead): RequestHead {
  if (head.m !== "EVENT") return head;
  const named = head.h.some((one, i) => i % 2 === 0 && one === "content-type");
  const h = named ? head.h : [...head.h, "content-type", "application/json"];
  return { ...head, m: "POST", u: "/", h };
}

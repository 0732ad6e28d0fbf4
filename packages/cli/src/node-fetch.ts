/**
 * `fetch` over `node:http`, without the five minutes after which Node's own gives a silent answer
 * up: a function may run for longer, and a log may be quiet for hours. Only what the sdk needs:
 * addresses as text, text or streams as bodies, redirections left to the caller. Nor does it load
 * Node's own, a sixth of a short command's time: it uses neither `Headers` nor `Response`, nor an
 * import of `node:http`, which reads every export and so loads what `WebSocket` needs.
 */
import type { IncomingMessage } from "node:http";
import { getBuiltinModule } from "node:process";
import { Readable } from "node:stream";
import { arrayBuffer, text } from "node:stream/consumers";
import type { ReadableStream } from "node:stream/web";
import type { Fetch, FetchedAnswer } from "@skerry/sdk";

const WITHOUT_BODY = new Set([204, 205, 304]);

/** Rejects with the error of the connection, of the body, or with the signal's reason. */
export function createFetch(): Fetch {
  return (address, { method, headers, signal, body }) => {
    const url = new URL(address);
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const { request } = getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
      let answer: IncomingMessage | undefined;
      const req = request(url, { method, headers }, (res) => {
        answer = res;
        resolve(new Answer(res));
      });
      const onAbort = (): void => {
        const reason = signal?.reason as Error;
        reject(reason);
        answer?.destroy(reason);
        req.destroy(reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      req.once("close", () => signal?.removeEventListener("abort", onAbort));
      req.on("error", reject);
      if (body === undefined || typeof body === "string") req.end(body ?? "");
      else {
        const source = Readable.fromWeb(body as ReadableStream);
        source.on("error", (error) => req.destroy(error));
        req.once("close", () => source.destroy());
        source.pipe(req);
      }
      return undefined;
    });
  };
}

class Answer implements FetchedAnswer {
  readonly status: number;
  readonly headers: FetchedAnswer["headers"];
  readonly #res: IncomingMessage;
  #body: FetchedAnswer["body"] | undefined;

  constructor(res: IncomingMessage) {
    this.#res = res;
    this.status = res.statusCode ?? 500;
    this.headers = { get: (name) => res.headersDistinct[name.toLowerCase()]?.join(", ") ?? null };
    // What fails before anybody reads is told to who does.
    res.on("error", () => undefined);
    if (!WITHOUT_BODY.has(this.status)) return;
    this.#body = null;
    res.resume();
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body(): FetchedAnswer["body"] {
    if (this.#body === undefined)
      this.#body = Readable.toWeb(this.#res) as unknown as FetchedAnswer["body"];
    return this.#body;
  }

  async text(): Promise<string> {
    return this.#body === null ? "" : await text(this.#res);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body === null ? new ArrayBuffer(0) : await arrayBuffer(this.#res);
  }
}

/**
 * `fetch` over `node:http`, without the five minutes after which Node's own gives a silent answer
 * up: a function may run for longer, and a log may be quiet for hours. Only what the sdk needs:
 * addresses as text, text or streams as bodies, redirections left to the caller.
 */
import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

type ResponseBody = ConstructorParameters<typeof Response>[0];

const WITHOUT_BODY = new Set([204, 205, 304]);

/** Rejects with the error of the connection, of the body, or with the signal's reason. */
export function createFetch(): typeof globalThis.fetch {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    return new Promise((resolve, reject) => {
      const { signal, body, method = "GET" } = init ?? {};
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const headers = Object.fromEntries(new Headers(init?.headers));
      const start = url.protocol === "https:" ? requestHttps : requestHttp;
      const options: RequestOptions = { method, headers };
      let answer: IncomingMessage | undefined;
      const req = start(url, options, (res) => {
        answer = res;
        resolve(responseOf(res));
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
      if (body === undefined || body === null || typeof body === "string") req.end(body ?? "");
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

function responseOf(res: IncomingMessage): Response {
  const { statusCode: status = 500, rawHeaders } = res;
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  }
  if (!WITHOUT_BODY.has(status)) {
    return new Response(Readable.toWeb(res) as ResponseBody, { status, headers });
  }
  res.resume();
  return new Response(null, { status, headers });
}

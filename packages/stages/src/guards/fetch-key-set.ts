/**
 * Reads a set of keys from where its issuer keeps it: one GET over a connection that the platform's
 * own rules allowed, bounded in time and size. A redirect is not followed, because it would lead
 * where nobody named.
 */
import type { IncomingMessage } from "node:http";
import { request as requestTls } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "@skerry/base";
import type { NetworkTarget } from "@skerry/contracts";
import { nodeHttp } from "@skerry/http";

export interface FetchDeps {
  readonly clock: Clock;
  readonly connect: (target: NetworkTarget) => Promise<Socket>;
}

const BYTES_MAX = 256 << 10;
const TIMEOUT_MS = 5_000;

/** The `keys` of the set. Rejects with why there are none. */
export async function fetchKeySet(deps: FetchDeps, address: string): Promise<readonly unknown[]> {
  const url = new URL(address);
  const isTls = url.protocol === "https:";
  const host = url.hostname.replaceAll(/^\[|\]$/g, "");
  const timedOut = new DOMException(`no answer within ${TIMEOUT_MS} ms`);
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => undefined);
  const cancel = deps.clock.schedule(TIMEOUT_MS, () => over.reject(timedOut), { background: true });
  const dialled = deps.connect({ host, port: Number(url.port || (isTls ? 443 : 80)) });
  const sockets: Socket[] = [];
  try {
    // One that comes after the time is over is closed all the same.
    const plain = await Promise.race([dialled, over.promise]);
    sockets.push(plain);
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = isTls ? connectTls({ socket: plain, host, ...servername }) : plain;
    sockets.push(socket);
    return keysIn(await Promise.race([get(url, socket), over.promise]));
  } catch (error) {
    dialled.then((late) => late.destroy()).catch(() => undefined);
    throw error;
  } finally {
    cancel();
    for (const socket of sockets) socket.destroy();
  }
}

function get(url: URL, socket: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const begin = url.protocol === "https:" ? requestTls : nodeHttp.request;
    const request = begin(url, {
      createConnection: () => socket,
      headers: {
        accept: "application/jwk-set+json, application/json",
        "accept-encoding": "identity",
        "user-agent": "skerry-gateway",
      },
    });
    request.once("response", (response) => {
      collect(response).then(resolve, reject);
    });
    request.on("error", reject);
    request.once("close", () => reject(request.errored ?? new DOMException("it was closed")));
    request.end();
  });
}

async function collect(response: IncomingMessage): Promise<Uint8Array> {
  if (response.statusCode !== 200) throw new DOMException(`status ${response.statusCode}`);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > BYTES_MAX) throw new DOMException(`more than ${BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function keysIn(bytes: Uint8Array): readonly unknown[] {
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  const { keys } = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (!Array.isArray(keys)) throw new DOMException("it is no set of keys");
  return keys;
}

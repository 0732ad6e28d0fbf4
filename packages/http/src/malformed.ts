/**
 * What a connection gets that broke the protocol or its time limits: a minimal answer without a
 * body, then the end. The answer is sent only where the client cannot take it for the answer to
 * another request, and the closing waits a moment so that unread input does not reset the
 * connection before the client has read it.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { Clock } from "@skerry/base";

import { isLingering } from "./linger.ts";
import { nodeHttp } from "./node-http.ts";
import { cut } from "./respond.ts";

const LINGER_MS = 1_000;
const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ["ERR_HTTP_REQUEST_TIMEOUT", 408],
  ["HPE_HEADER_OVERFLOW", 431],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", 413],
]);

export interface Malformed {
  readonly error: NodeJS.ErrnoException;
  readonly socket: Socket;
  /** The newest response of the connection, when it has one. */
  readonly latest: ServerResponse | undefined;
  readonly clock: Clock;
}

/** Ends the connection of a `clientError`. Call once per connection. */
export function refuseMalformed(malformed: Malformed): void {
  const { error, socket, latest } = malformed;
  const status = statusOf(error);
  if (status === undefined || !socket.writable) return void socket.destroy();
  if (latest === undefined || isDone(latest)) return answerAndClose(malformed, status);
  if (isLingering(latest)) return closeSoon(malformed);
  if (latest.req.complete) return answerAfter(malformed, latest, status);
  // The broken bytes belong to the newest request. Its answer may stand for it, unless others come
  // first.
  if (latest.headersSent || latest.socket !== socket) return cut(socket);
  answerAndClose(malformed, status);
}

/** True when nothing more will be written for this response. */
export function isDone(res: ServerResponse): boolean {
  return res.writableFinished || res.destroyed;
}

/** Undefined for errors of the connection itself, where there is nobody to answer. */
function statusOf(error: NodeJS.ErrnoException): number | undefined {
  const code = error.code ?? "";
  return STATUS_OF.get(code) ?? (code.startsWith("HPE_") ? 400 : undefined);
}

function answerAfter(malformed: Malformed, latest: ServerResponse, status: number): void {
  if (!latest.headersSent) latest.shouldKeepAlive = false;
  latest.once("close", () => {
    if (malformed.socket.writable) answerAndClose(malformed, status);
  });
}

function answerAndClose(malformed: Malformed, status: number): void {
  const reason = nodeHttp.STATUS_CODES[status] ?? "";
  malformed.socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
  closeSoon(malformed);
}

function closeSoon({ socket, clock }: Malformed): void {
  const cancel = clock.schedule(LINGER_MS, () => socket.destroy(), { background: true });
  socket.once("close", cancel);
}

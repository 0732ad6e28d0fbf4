/**
 * What a connection gets that broke the protocol or its time limits: a minimal answer without a
 * body, then the end. The answer is sent only where the client cannot take it for the answer to
 * another request, and the closing waits a moment so that unread input does not reset the
 * connection before the client has read it.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { Clock, PlatformError } from "@skerry/base";

import { fail } from "./errors.ts";
import { isLingering } from "./linger.ts";
import { nodeHttp } from "./node-http.ts";
import { cut } from "./respond.ts";

const LINGER_MS = 1_000;
type Reason = "CHUNKS_TOO_LARGE" | "HEADERS_TOO_LARGE" | "MALFORMED" | "TOO_SLOW";
const REASON_OF: ReadonlyMap<string, Reason> = new Map([
  ["ERR_HTTP_REQUEST_TIMEOUT", "TOO_SLOW"],
  ["HPE_HEADER_OVERFLOW", "HEADERS_TOO_LARGE"],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", "CHUNKS_TOO_LARGE"],
]);

export interface Malformed {
  readonly error: NodeJS.ErrnoException;
  readonly socket: Socket;
  /** The newest response of the connection, when it has one. */
  readonly latest: ServerResponse | undefined;
  readonly clock: Clock;
  readonly errorHeaders: ((error: PlatformError) => readonly string[]) | undefined;
}

/** Ends the connection of a `clientError`. Call once per connection. */
export function refuseMalformed(malformed: Malformed): void {
  const { error, socket, latest } = malformed;
  const refusal = refusalOf(error);
  if (refusal === undefined || !socket.writable) return void socket.destroy();
  if (latest === undefined || isDone(latest)) return answerAndClose(malformed, refusal);
  if (isLingering(latest)) return closeSoon(malformed);
  if (latest.req.complete) return answerAfter(malformed, latest, refusal);
  // The broken bytes belong to the newest request. Its answer may stand for it, unless others come
  // first.
  if (latest.headersSent || latest.socket !== socket) return cut(socket);
  answerAndClose(malformed, refusal);
}

/** True when nothing more will be written for this response. */
export function isDone(res: ServerResponse): boolean {
  return res.writableFinished || res.destroyed;
}

/** Undefined for errors of the connection itself, where there is nobody to answer. */
function refusalOf(error: NodeJS.ErrnoException): PlatformError | undefined {
  const code = error.code ?? "";
  const reason = REASON_OF.get(code) ?? (code.startsWith("HPE_") ? "MALFORMED" : undefined);
  return reason === undefined ? undefined : fail(`REQUEST_${reason}`);
}

function answerAfter(malformed: Malformed, latest: ServerResponse, refusal: PlatformError): void {
  if (!latest.headersSent) latest.shouldKeepAlive = false;
  latest.once("close", () => {
    if (malformed.socket.writable) answerAndClose(malformed, refusal);
  });
}

function answerAndClose(malformed: Malformed, refusal: PlatformError): void {
  const { httpStatus: status } = refusal;
  const lines = [`HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? ""}`, "Connection: close"];
  const headers = malformed.errorHeaders?.(refusal) ?? [];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  malformed.socket.end([...lines, "Content-Length: 0", "", ""].join("\r\n"));
  closeSoon(malformed);
}

function closeSoon({ socket, clock }: Malformed): void {
  const cancel = clock.schedule(LINGER_MS, () => socket.destroy(), { background: true });
  socket.once("close", cancel);
}

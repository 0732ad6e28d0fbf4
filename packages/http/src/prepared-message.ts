/**
 * Answers that are sent over and over, but for one id: the message is made once, as Node would make
 * it, and leaves in one write. Making heads anew is a third of what Node spends on a small answer.
 */
import type { ServerResponse } from "node:http";
import { nodeHttp } from "./node-http.ts";
import type { AnswerHead } from "./answer-sink.ts";

/** A whole message as bytes, with a place for the id. */
export interface PreparedMessage {
  readonly bytes: Buffer;
  readonly idAt: number;
  /** The bytes are on their way out. */
  isOut: boolean;
}

/** What a message is made of. */
export interface PreparedParts extends AnswerHead {
  /** Name of the header whose value is another each time, and how long that is. */
  readonly idName: string;
  readonly idChars: number;
  readonly body: Uint8Array;
  readonly keepAliveTimeoutMs: number;
}

/**
 * A whole answer with a body, on a connection that is kept. The headers must have been sent before,
 * which has checked them, `Date` must be among them, and nothing that concerns the connection.
 */
export function prepareMessage(parts: PreparedParts): PreparedMessage {
  const { status, headers, idName, idChars, body, keepAliveTimeoutMs } = parts;
  let before = `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? "unknown"}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) before += `${headers[i]}: ${headers[i + 1]}\r\n`;
  before += `${idName}: `;
  const timeoutS = Math.floor(keepAliveTimeoutMs / 1_000);
  const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${timeoutS}`;
  const after = `\r\nContent-Length: ${body.length}\r\n${kept}\r\n\r\n`;
  const head = before + " ".repeat(idChars) + after;
  // Not of Node's pool, a piece of which keeps the whole of it for as long as it is kept.
  const bytes = Buffer.allocUnsafeSlow(head.length + body.length);
  bytes.write(head, "latin1");
  bytes.set(body, head.length);
  return { bytes, idAt: before.length, isOut: false };
}

/**
 * False where the answer has to wait for others, or is not for a connection of HTTP/1.1 that is
 * kept: it is to be sent as any other then.
 */
export function takesPrepared({ req, socket, shouldKeepAlive }: ServerResponse): boolean {
  return socket !== null && shouldKeepAlive && req.httpVersionMinor === 1;
}

/**
 * Answers with the message, where `takesPrepared`. The id is ASCII and as long as was said. Nothing
 * else of the response may be used.
 */
export function sendPrepared(res: ServerResponse, message: PreparedMessage, id: string): void {
  const { idAt, isOut } = message;
  // Most often the system takes the bytes at once, and they are free for the next.
  const bytes = isOut ? Buffer.from(message.bytes) : message.bytes;
  message.isOut = true;
  bytes.write(id, idAt, "latin1");
  res.socket?.write(bytes, (error) => {
    if (!isOut) message.isOut = false;
    // Node's server goes on with the connection when it is told that a response has left.
    if (!(error instanceof Error)) res.emit("finish");
  });
}

/**
 * The end of a connection whose request was answered before all of it had arrived. A client may
 * write its whole body before it reads, and a connection that is closed with unread bytes is reset,
 * which takes the answer with it. So the answer is sent, this side of the connection is ended (RFC
 * 9112, section 9.6), and what still comes is read and dropped until the client has ended, is
 * silent, or has sent more than anybody means to; the server's sweep cuts who takes too long.
 * Nothing of it is kept.
 */
import type { ServerResponse } from "node:http";

/**
 * As much as the largest upload that any part of the platform takes, and ten times the largest body
 * of a function's request: who sends a few times too much can read why. Exported for tests.
 */
export const LINGER_BYTES_MAX = 64 << 20;
/** A client that sends nothing for so long has had time to read. */
const LINGER_SILENCE_MS = 2_000;

const LINGERING: unique symbol = Symbol("skerry.http.lingering");
interface Lingering {
  [LINGERING]?: true;
}

/**
 * Sends `body` as the whole answer, its head being written already, and closes the connection once
 * the client can be expected to have read it. The request must still be arriving.
 */
export function endLingering(res: ServerResponse, body: string): void {
  const { req } = res;
  let dropped = 0;
  let isHalfClosed = false;
  const end = (): void => {
    req.off("data", onChunk).off("end", end).off("close", end);
    if (isHalfClosed) return void res.socket?.destroy();
    req.pause();
    res.end();
  };
  const onChunk = (chunk: Buffer): void => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES_MAX) end();
  };
  (res as Lingering)[LINGERING] = true;
  // Writing the body of an answer to HEAD sends nothing, not even the head.
  if (req.method === "HEAD") res.flushHeaders();
  res.write(body, () => {
    // Answers to earlier requests of this connection have left by now.
    if (res.writableEnded || res.socket === null) return;
    isHalfClosed = true;
    res.socket.end();
  });
  res.setTimeout(LINGER_SILENCE_MS, () => {
    const looked = dropped;
    // What came while this process was held up is read before the next turn.
    setImmediate(() => {
      if (dropped === looked) end();
    });
  });
  req.on("data", onChunk).on("end", end).on("close", end).resume();
}

/** True for a whole answer that has been written while its request is still arriving. */
export function isLingering(res: ServerResponse): boolean {
  return (res as Lingering)[LINGERING] === true;
}

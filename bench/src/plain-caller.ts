/**
 * A caller that costs next to nothing: one connection, one question, the answer's bytes counted.
 * The client of `node:http` takes about a millisecond of its own when its process has rested, which
 * is no part of what a cold start is.
 */
import { connect, type NetConnectOpts } from "node:net";

export interface PlainCaller extends Disposable {
  /** Sends `question` as it is; resolves with the answer's head when its whole body has come. */
  ask(question: string): Promise<string>;
}

export async function openPlain(to: NetConnectOpts): Promise<PlainCaller> {
  const socket = connect(to);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        let received = "";
        socket.on("data", (chunk) => {
          received += chunk.toString("latin1");
          const head = wholeAnswer(received);
          if (head !== undefined) resolve(head);
        });
        socket.once("error", reject);
        socket.once("close", () => reject(new Error(`closed before an answer: ${received}`)));
        socket.write(question);
      }),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The head of an answer that is whole: by its length, or by the last of its chunks. */
function wholeAnswer(received: string): string | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = received.slice(0, end);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length === undefined) return received.endsWith("0\r\n\r\n") ? head : undefined;
  return received.length - end - 4 >= Number(length) ? head : undefined;
}

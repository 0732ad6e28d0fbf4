/**
 * A TCP client that sends exactly the bytes it is given: what no conforming HTTP client would send.
 */
import { connect, type Socket } from "node:net";

import { systemClock } from "@skerry/base";

const DEADLINE_MS = 60_000;

export interface RawConnection extends Disposable {
  readonly socket: Socket;
  /** Everything received so far, one character per byte. */
  readonly received: string;
  /** True once the peer closed with a reset. */
  readonly wasReset: boolean;
  /** Sends text (one byte per character) or bytes. Ignored when the connection is gone. */
  write(bytes: string | Uint8Array): void;
  /**
   * Resolves with all that was received when it matches; rejects when the connection ends first.
   */
  receive(pattern: RegExp): Promise<string>;
  /** Resolves with all that was received when the peer has ended or reset the connection. */
  ended(): Promise<string>;
}

/** Connects to a port of 127.0.0.1. Waits of the connection reject after 60 s. */
export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: false });
  const seen = { text: "", isOver: false, wasReset: false };
  const checks = new Set<() => void>();
  const check = (): void => checks.forEach((run) => run());
  socket.on("data", (chunk) => {
    seen.text += chunk.toString("latin1");
    check();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    seen.wasReset ||= error.code === "ECONNRESET";
  });
  for (const end of ["end", "close"]) {
    socket.on(end, () => {
      seen.isOver = true;
      check();
    });
  }
  const wait = (isMet: () => boolean, what: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const settle = (run: () => void): void => {
        checks.delete(look);
        cancel();
        run();
      };
      const describe = (): string => `${what}; received ${JSON.stringify(seen.text.slice(-500))}`;
      const look = (): void => {
        if (isMet()) settle(() => resolve(seen.text));
        else if (seen.isOver) settle(() => reject(new TypeError(`closed before ${describe()}`)));
      };
      const cancel = systemClock().schedule(DEADLINE_MS, () =>
        settle(() => reject(new TypeError(`no ${describe()}`))),
      );
      checks.add(look);
      look();
    });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  return {
    socket,
    get received() {
      return seen.text;
    },
    get wasReset() {
      return seen.wasReset;
    },
    write(bytes) {
      if (!socket.destroyed)
        socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    },
    receive: (pattern) => wait(() => pattern.test(seen.text), `match of ${String(pattern)}`),
    ended: () => wait(() => seen.isOver, "end of connection"),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

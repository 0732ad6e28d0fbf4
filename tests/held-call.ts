/** A call that holds its instance for exactly as long as a test wants. */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";

export interface HeldCall {
  /** Of the answer; rejects when the connection was cut off. */
  readonly status: Promise<number | undefined>;
  /** Ends the body, for which the handler waits. */
  end(): void;
}

/** Sends a POST whose body does not end to a handler that reads it whole before it answers. */
export function holdCall(port: number, path: string): HeldCall {
  const held = request({ host: "127.0.0.1", port, path, method: "POST", agent: false });
  held.write("held");
  const status = once(held, "response").then(([answer]: IncomingMessage[]) => {
    answer?.resume();
    return answer?.statusCode;
  });
  status.catch(() => undefined);
  return { status, end: () => void held.end() };
}

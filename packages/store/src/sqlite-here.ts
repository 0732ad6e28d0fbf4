/**
 * The side that serves, in its caller's own thread: the same messages, cloned as between threads.
 */
import { MessageChannel } from "node:worker_threads";
import { openConnection } from "./sqlite-connection.ts";
import type { FromWorker, Listener, ToWorker } from "./sqlite-messages.ts";
import { serveOn } from "./sqlite-serving.ts";

export function serveHere(listener: Listener): (message: ToWorker) => void {
  const { port1: near, port2: far } = new MessageChannel();
  near.on("message", (message: FromWorker) => {
    listener.onMessage(message);
    if (message.kind === "closed" || message.kind === "refused") near.close();
  });
  near.once("close", () => listener.onExit());
  void serveOn(far, { openConnection });
  return (message) => near.postMessage(message);
}

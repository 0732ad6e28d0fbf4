/**
 * A server on the listening socket inherited as fd 3. It prints a line when it listens and stops
 * when its stdin ends: by draining, or, as the negative control, by `http.Server.close`.
 */
import { createServer } from "node:http";

import { silentLog, systemClock } from "@skerry/base";
import { readBody, sendBytes, serveHttp } from "@skerry/http";

const clock = systemClock();
const LISTENING_FD = 3;

async function startDraining(): Promise<() => Promise<unknown>> {
  const server = await serveHttp(
    {
      clock,
      log: silentLog(),
      requestId: () => "req-1",
      onRequest: async (req, res) => {
        const body = await readBody(req, { bytesMax: 1_000, deadlineMs: 10_000, clock });
        await new Promise<void>((resolve) => clock.schedule(body.length % 4, resolve));
        sendBytes(res, { status: 200, headers: [] }, body);
      },
    },
    { listen: { fd: LISTENING_FD } },
  );
  return () => server.drain({ deadlineMs: 20_000 });
}

async function startClosing(): Promise<() => Promise<unknown>> {
  const server = createServer((req, res) => void req.pipe(res));
  await new Promise<void>((resolve) => server.listen({ fd: LISTENING_FD }, resolve));
  return () => new Promise((resolve) => server.close(resolve));
}

const stop = await (process.argv[2] === "drain" ? startDraining() : startClosing());
process.stdout.write("listening\n");
process.stdin.resume().once("end", () => {
  void stop().then(() => process.exit(0));
});

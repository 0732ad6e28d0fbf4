/**
 * The fetch handler of the large bodies on bare `node:http`, in one process, as a team would put it
 * there; `/pipe` leaves the handler out.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import handler from "./functions/pass.ts";

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = Object.entries(request.headersDistinct).flatMap(([name, values]) =>
    (values ?? []).map((value): [string, string] => [name, value]),
  );
  const init = { method: "POST", headers, body: Readable.toWeb(request), duplex: "half" };
  const url = `http://${request.headers.host}${request.url}`;
  const { status, body } = handler.fetch(new Request(url, init as unknown as RequestInit));
  response.writeHead(status);
  if (body === null) return void response.end();
  await pipeline(Readable.fromWeb(body), response);
}

const server = createServer((request, response) => {
  const done = request.url === "/pipe" ? pipeline(request, response) : answer(request, response);
  // A client that has enough leaves in the middle; the next one is served.
  done.catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : 0 });
});
process.on("disconnect", () => process.exit(0));

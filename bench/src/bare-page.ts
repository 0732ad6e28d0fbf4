/**
 * What kept answers are measured against: `node:http` that has the same bytes at hand; with a key
 * and a certificate in its environment the same over TLS.
 */
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { PAGE, PAGE_HEADERS } from "./page.ts";

const { BENCH_KEY: key, BENCH_CERT: cert } = process.env;
const page = Buffer.from(PAGE);
const answer: RequestListener = (_request, response) => {
  response.writeHead(200, { ...PAGE_HEADERS, "content-length": page.length });
  response.end(page);
};
const server = key === undefined ? createServer(answer) : createTlsServer({ key, cert }, answer);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : 0 });
});
process.on("disconnect", () => process.exit(0));

/**
 * The proxy that code in the sandbox finds in HTTP_PROXY and HTTPS_PROXY: CONNECT for anything
 * encrypted, absolute URLs for plain HTTP, one request a connection there. It decides nothing: the
 * gateway does, and what it refuses is answered here with a status and its reason. Written on bare
 * sockets, because Node's HTTP server would double what an idle instance takes.
 */
import { createServer, type Socket } from "node:net";
import type { PlatformError } from "@skerry/base";
import type { PortDeps } from "./connect-ports.ts";
import { openTunnel } from "./local-tunnel.ts";
import { listenOnLoopback } from "./loopback.ts";

const HEAD_BYTES_MAX = 32 << 10;
const HEAD_END = "\r\n\r\n";
const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";

/** Listens; resolves to the port. */
export function openWebProxy(deps: PortDeps): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(deps, socket));
  return listenOnLoopback(server);
}

function serve(deps: PortDeps, socket: Socket): void {
  const r = deps.ownerOf(socket);
  let head: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const end = head.indexOf(HEAD_END);
    if (end < 0 && head.length <= HEAD_BYTES_MAX) return;
    socket.pause();
    socket.off("data", onData);
    socket.off("end", onEnd);
    const wanted = end < 0 ? undefined : readProxyRequest(head.toString("latin1", 0, end));
    if (wanted === undefined) return answer(socket, NO_REQUEST);
    forward(deps, socket, { ...wanted, rest: head.subarray(end + HEAD_END.length), r });
  };
  const onEnd = (): void => void socket.destroy();
  // What is wrong with it is its close's to tell.
  socket.on("error", () => undefined);
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.setNoDelay(true);
}

export interface ProxyRequest {
  /** `HOST:PORT`. */
  readonly authority: string;
  /** What the origin is sent in place of the head; undefined for CONNECT. */
  readonly head: string | undefined;
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.[01]$/;
const ABSOLUTE = /^http:\/\/([^/?#@\s]+)([/?][^\s#]*)?$/i;
const HAS_PORT = /:[0-9]+$/;
/** They concern the proxy or its connection, not the origin. */
const DROPPED = /^(?:proxy-[^:]*|connection|keep-alive|te|trailer|upgrade):/i;

/** Reads the head of a request to a proxy, RFC 9112 3.2.2 and 3.2.3; undefined for any other. */
export function readProxyRequest(text: string): ProxyRequest | undefined {
  const [line = "", ...fields] = text.split("\r\n");
  const [, method, target] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined || target === undefined) return undefined;
  if (method === "CONNECT") {
    return HAS_PORT.test(target) ? { authority: target, head: undefined } : undefined;
  }
  const [, authority, path = "/"] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined) return undefined;
  const kept = fields.filter((field) => !DROPPED.test(field));
  const origin = path.startsWith("?") ? `/${path}` : path;
  return {
    authority: HAS_PORT.test(authority) ? authority : `${authority}:80`,
    head: [`${method} ${origin} HTTP/1.1`, ...kept, "Connection: close", "", ""].join("\r\n"),
  };
}

interface Forwarded extends ProxyRequest {
  readonly rest: Buffer;
  readonly r: string | undefined;
}

function forward(deps: PortDeps, socket: Socket, { authority, head, rest, r }: Forwarded): void {
  const isConnect = head === undefined;
  void openTunnel(deps, socket, {
    head: { op: "web", a: authority, ...(r === undefined ? {} : { r }) },
    first: isConnect ? rest : Buffer.concat([Buffer.from(head, "latin1"), rest]),
    onOpen: () => void (isConnect && socket.write(ESTABLISHED)),
    onRefused: (error) => {
      deps.log("warn", `No connection to ${authority}: ${error.message} ${error.hint}`, r);
      answer(socket, { status: statusOf(error), text: error.message, reason: error.reason });
    },
  });
}

function statusOf({ code }: PlatformError): string {
  if (code === "PERMISSION_DENIED") return "403 Forbidden";
  if (code === "INVALID_ARGUMENT") return "400 Bad Request";
  return code === "RESOURCE_EXHAUSTED" ? "429 Too Many Requests" : "502 Bad Gateway";
}

interface Refused {
  readonly status: string;
  readonly text: string;
  readonly reason: string;
}

const NO_REQUEST: Refused = {
  status: "400 Bad Request",
  text: "This is a proxy for CONNECT and for http:// URLs.",
  reason: "BAD_REQUEST",
};

function answer(socket: Socket, { status, text, reason }: Refused): void {
  const body = Buffer.from(`${text}\n`);
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${body.length}`,
    `x-skerry-error: ${reason}`,
    "connection: close",
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join("\r\n")}${HEAD_END}`), body]));
  socket.resume();
}

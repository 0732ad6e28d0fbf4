/**
 * HTTP/1.1 as careless software reads it: whatever could be meant is taken for meant. A server of
 * this kind shows each byte that a gateway passes on without having understood it, and a forwarder
 * of another kind shows that the corpus would find one that does.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";

/**
 * Which framing wins: a transfer coding, however it is spelled; a length; or neither, where the
 * method is one that has no body as a rule.
 */
export type Preference = "coding" | "length" | "method";

export interface LaxRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** All that was taken for the request. */
  readonly text: string;
}

const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS"]);

/** The first request of `text`, one character per byte; undefined until it is whole. */
export function takeRequest(text: string, prefers: Preference): LaxRequest | undefined {
  const [head = "", ended] = /^[^]*?\n\r?\n/.exec(text) ?? [];
  if (head === "" && ended === undefined) return undefined;
  const [first = "", ...lines] = head.trim().split(/\r?\n|\r/);
  const [method = "", target = ""] = first.trim().split(/\s+/);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(":");
    const name = plain(line.slice(0, at)).replaceAll("_", "-").toLowerCase();
    const said = headers.get(name);
    const value = plain(line.slice(at + 1));
    headers.set(name, said === undefined ? value : `${said}, ${value}`);
  }
  const rest = text.slice(head.length);
  const taken = takeBody(rest, { method, headers, prefers });
  if (taken === undefined) return undefined;
  return { method, target, headers, body: taken.body, text: head + rest.slice(0, taken.length) };
}

/** Without what a careless reader does not see. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- the control characters are what goes
  return text.replaceAll(/[\u0000-\u001f"]/g, "").trim();
}

interface Taken {
  readonly body: string;
  readonly length: number;
}

function takeBody(
  rest: string,
  head: Pick<LaxRequest, "method" | "headers"> & { readonly prefers: Preference },
): Taken | undefined {
  const { method, headers, prefers } = head;
  if (prefers === "method" && BODILESS.has(method)) return { body: "", length: 0 };
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  const isCoded =
    prefers === "length" ? coding === "chunked" : coding?.includes("chunked") === true;
  if (isCoded && !(prefers === "length" && length !== undefined)) return takeChunks(rest);
  const bytes = Math.max(0, readLength(length));
  return rest.length < bytes ? undefined : { body: rest.slice(0, bytes), length: bytes };
}

/** The last of several, in any notation, as far as it can be read. */
function readLength(said = ""): number {
  const text = said.split(",").at(-1)?.trim() ?? "";
  const bytes = /^[+-]?0x/i.test(text) ? Number(text.replace(/^[+-]/, "")) : Number.parseInt(text);
  // As a 64-bit counter has it.
  return Number.isNaN(bytes) ? 0 : Number(BigInt.asIntN(64, BigInt(bytes)));
}

function takeChunks(rest: string): Taken | undefined {
  let body = "";
  let at = 0;
  for (;;) {
    const line = /^[^\n]*\n/.exec(rest.slice(at))?.[0];
    if (line === undefined) return undefined;
    at += line.length;
    const bytes = Math.max(0, readLength(`0x${line.trim().replace(/^\+|^0x/i, "")}`) || lead(line));
    if (bytes === 0) break;
    if (rest.length < at + bytes) return undefined;
    body += rest.slice(at, at + bytes);
    at += bytes;
    at += /^\r?\n?/.exec(rest.slice(at))?.[0].length ?? 0;
  }
  const trailers = /^(?:[^\r\n][^\n]*\n)*\r?\n/.exec(rest.slice(at));
  return trailers === null ? undefined : { body, length: at + trailers[0].length };
}

/** Of a chunk's size with something behind it. */
function lead(line: string): number {
  const bytes = Number.parseInt(line.trim(), 16);
  return Number.isNaN(bytes) ? 0 : bytes;
}

export interface Victim {
  readonly port: number;
  /** Requests as it read them, with the number of their connection. */
  readonly seen: (LaxRequest & { readonly connection: number })[];
}

/** A careless server, which answers each request with what it read. */
export async function startVictim(t: TestContext, prefers: Preference): Promise<Victim> {
  const seen: Victim["seen"] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    let text = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (;;) {
        const request = takeRequest(text, prefers);
        if (request === undefined) return;
        text = text.slice(request.text.length);
        seen.push({ ...request, connection });
        socket.write(answerTo(request));
        if (/close/i.test(request.headers.get("connection") ?? "")) return void socket.end();
      }
    });
  });
  const port = await listen(t, server);
  return { port, seen };
}

function answerTo({ method, target }: LaxRequest): string {
  const body = `answer to ${method} ${target}`;
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
  return method === "HEAD" ? head : head + body;
}

/**
 * What a gateway would be that copies framing as it came and understands it its own way: one kept
 * connection behind it, and answers in the order of requests.
 */
export async function startForwarder(
  t: TestContext,
  { prefers, to }: { readonly prefers: Preference; readonly to: number },
): Promise<number> {
  const behind = connect(to, "127.0.0.1");
  t.after(() => behind.destroy());
  const waiting: Socket[] = [];
  let answers = "";
  const deliver = (): void => {
    while (waiting.length > 0) {
      const [head, length] = /^[^]*?Content-Length: (\d+)\r\n\r\n/.exec(answers) ?? [];
      if (head === undefined || answers.length < head.length + Number(length)) return;
      const end = head.length + Number(length);
      waiting.shift()?.write(answers.slice(0, end));
      answers = answers.slice(end);
    }
  };
  behind.on("data", (chunk) => {
    answers += chunk.toString("latin1");
    deliver();
  });
  const server = createServer((client) => {
    let text = "";
    client.on("error", () => undefined);
    client.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const request = takeRequest(text, prefers);
      if (request === undefined) return;
      text = text.slice(request.text.length);
      waiting.push(client);
      behind.write(request.text, "latin1");
      deliver();
    });
  });
  return await listen(t, server);
}

export async function listen(t: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

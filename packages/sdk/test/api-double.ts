/**
 * The remote party: a real HTTP server that answers as it is told and remembers what it was asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Answer = (res: ServerResponse, asked: Asked) => void;

export interface ApiDouble extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  /** What to answer, one after the other; the last goes on. */
  readonly answers: Answer[];
}

export async function startApiDouble(...answers: Answer[]): Promise<ApiDouble> {
  const asked: Asked[] = [];
  const server = createServer((req, res) => {
    void text(req).then((body) => {
      const seen = { method: req.method ?? "", url: req.url ?? "", headers: req.headers, body };
      asked.push(seen);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(res, seen);
    });
  });
  // Who waits for the next request is not ended under a machine that is held up.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Answers with JSON. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (res) => {
    res.writeHead(status, { "content-type": "application/json", ...headers });
    res.end(status === 204 ? undefined : JSON.stringify(value));
  };
}

/** Answers with an error as the API words it. */
export function refusal(status: number, error: Readonly<Record<string, unknown>>): Answer {
  const whole = { code: "INTERNAL", reason: "MADE_UP", message: "m", hint: "h", ...error };
  return json({ error: whole }, status);
}

/** Breaks the connection off, after `before` was sent as the begin of a body. */
export function broken(before?: string): Answer {
  return (res) => {
    if (before === undefined) return res.destroy();
    res.writeHead(200, { "content-type": "application/x-ndjson" });
    res.write(before, () => res.destroy());
    return undefined;
  };
}

/** Sends lines of JSON and ends. */
export function jsonLines(values: readonly unknown[]): Answer {
  return (res) => {
    res.writeHead(200, { "content-type": "application/x-ndjson" });
    res.end(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  };
}

/** As much of a Redis client as one script needs: RESP over one kept connection, in order. */
import { connect, type Socket } from "node:net";

export type Answer = string | number | null | readonly Answer[];

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Redis {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #unread = Buffer.alloc(0);

  constructor(port: number, host: string) {
    this.#socket = connect(port, host).setNoDelay(true);
    this.#socket.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#socket.on("error", (error) => this.#giveUp(error));
    this.#socket.on("close", () => this.#giveUp(new Error("Redis closed the connection")));
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed;
  }

  send(...words: readonly (string | number)[]): Promise<Answer> {
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`*${words.length}\r\n${parts.join("")}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (let read = parse(this.#unread, 0); read !== undefined; read = parse(this.#unread, 0)) {
      this.#unread = this.#unread.subarray(read.end);
      const waiting = this.#waiting.shift();
      if (read.answer instanceof Error) waiting?.reject(read.answer);
      else waiting?.resolve(read.answer);
    }
  }

  #giveUp(error: Error): void {
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

interface Parsed {
  readonly answer: Answer | Error;
  readonly end: number;
}

/** One answer from `at` on; undefined while it is not all there. */
function parse(bytes: Buffer, at: number): Parsed | undefined {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("utf8", at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case "-":
      return { answer: new Error(line), end };
    case ":":
      return { answer: Number(line), end };
    case "$":
      return parseText(bytes, end, Number(line));
    case "*":
      return parseList(bytes, end, Number(line));
    default:
      return { answer: line, end };
  }
}

function parseText(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { answer: null, end: at };
  const end = at + length + 2;
  if (bytes.length < end) return undefined;
  return { answer: bytes.toString("utf8", at, at + length), end };
}

function parseList(bytes: Buffer, at: number, length: number): Parsed | undefined {
  const answers: Answer[] = [];
  let end = at;
  for (let index = 0; index < length; index += 1) {
    const next = parse(bytes, end);
    if (next === undefined) return undefined;
    if (next.answer instanceof Error) return next;
    answers.push(next.answer);
    end = next.end;
  }
  return { answer: answers, end };
}

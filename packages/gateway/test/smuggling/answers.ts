/** What a server behind a gateway may answer, though it should not, by class. */

export interface LyingAnswer {
  readonly class: string;
  /** All bytes, one character each; they leave at once. */
  readonly bytes: string;
  /** GET when absent. */
  readonly method?: string;
  /** Said once the answer has been passed on, over the connection that is then idle. */
  readonly later?: string;
  /** Instead of those bytes to whoever asks once more. */
  readonly again?: string;
  /** The server ends the connection behind its answer. */
  readonly ends?: true;
  /** What the client gets, its body after an empty line; it is told of a failure when absent. */
  readonly told?: { readonly status: number; readonly body: string; readonly isBroken?: true };
  /** The connection may be used again. */
  readonly isKept?: true;
}

const STOLEN = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";

function answer(lines: readonly string[], body: string): string {
  return `HTTP/1.1 200 OK\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n${body}`;
}

const OK = answer(["Content-Length: 2"], "ok");
const CHUNKED = "Transfer-Encoding: chunked";
const TOLD = { status: 200, body: "ok" } as const;
const BROKEN = { status: 200, body: "ok", isBroken: true } as const;

function lies(of: string, list: readonly string[]): readonly LyingAnswer[] {
  return list.map((bytes) => ({ class: of, bytes }));
}

export const LYING_ANSWERS: readonly LyingAnswer[] = [
  { class: "honest", bytes: OK, told: TOLD, isKept: true },
  {
    class: "honest",
    bytes: answer([CHUNKED], "2;a=b\r\nok\r\n0\r\nX: 1\r\n\r\n"),
    told: TOLD,
    isKept: true,
  },
  ...lies("split answer", [
    answer(["Content-Length: 2", "X: a\rSet-Cookie: b=c"], "ok"),
    answer(["Content-Length: 2", "X: a\nSet-Cookie: b=c"], "ok"),
    answer(["Content-Length: 2", "X: a\r\n Set-Cookie: b=c"], "ok"),
    answer(["Content-Length: 2", "X: a\0b"], "ok"),
    answer(["Content-Length: 2", "X\0: a"], "ok"),
    answer(["Content-Length: 2", "X : a"], "ok"),
    answer(["Content-Length: 2", " X: a"], "ok"),
    answer(["Content-Length: 2", "X y: a"], "ok"),
    answer(["Content-Length: 2", "X: a\x01b"], "ok"),
    `HTTP/1.1 200 OK\nContent-Length: 2\n\nok`,

    answer(["Content-Length: 2", `X: ${"a".repeat(20_000)}`], "ok"),
  ]),
  ...lies("status line", [
    "HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 1000 X\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 2x0 X\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0 200 X\r\nContent-Length: 2\r\n\r\nok",
    "ICY 200 X\r\nContent-Length: 2\r\n\r\nok",
    "ok",
    "\0",
    "GET / HTTP/1.1\r\n\r\n",
  ]),
  ...lies("length", [
    answer(["Content-Length: 2", "Content-Length: 6"], "ok"),
    answer(["Content-Length: 2, 2"], "ok"),
    answer(["Content-Length: +2"], "ok"),
    answer(["Content-Length: -2"], "ok"),
    answer(["Content-Length: 0x2"], "ok"),
    answer(["Content-Length: 18446744073709551618"], "ok"),
    answer(["Content-Length: 2", CHUNKED], "2\r\nok\r\n0\r\n\r\n"),
    answer([CHUNKED, "Content-Length: 2"], "2\r\nok\r\n0\r\n\r\n"),
  ]),
  ...["+2\r\nok\r\n", "0x2\r\nok\r\n", "g\r\nok\r\n", "\r\nok\r\n", "2\nok\r\n"].map((body) => ({
    class: "chunks",
    bytes: answer([CHUNKED], `${body}0\r\n\r\n`),
    told: { status: 200, body: "", isBroken: true } as const,
  })),
  { class: "chunks", bytes: answer([CHUNKED], "2\r\nokok\r\n0\r\n\r\n"), told: BROKEN },
  { class: "chunks", bytes: answer([CHUNKED], "2\r\nok\n0\r\n\r\n"), told: BROKEN },
  { class: "chunks", bytes: answer([CHUNKED], "2\r\nok\r\n0\r\nX : 1\r\n\r\n"), told: BROKEN },
  { class: "chunks", bytes: answer([CHUNKED], "2\r\nok\r\n"), ends: true, told: BROKEN },
  { class: "length", bytes: answer(["Content-Length: 9"], "ok"), ends: true, told: BROKEN },
  { class: "until the end", bytes: answer([], "ok"), ends: true, told: TOLD },
  {
    class: "until the end",
    bytes: answer(["Transfer-Encoding: identity"], "ok"),
    ends: true,
    told: TOLD,
  },
  {
    class: "until the end",
    bytes: answer(["Transfer-Encoding: chunked, x"], "ok"),
    ends: true,
    told: TOLD,
  },
  { class: "until the end", bytes: "HTTP/1.0 200 OK\r\n\r\nok", ends: true, told: TOLD },
  { class: "until the end", bytes: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", told: TOLD },
  {
    class: "until the end",
    bytes: answer(["Connection: close", "Content-Length: 2"], "ok"),
    told: TOLD,
  },
  { class: "until the end", bytes: "", ends: true },
  // Behind an answer.
  { class: "extra bytes", bytes: OK + STOLEN, told: TOLD },
  { class: "extra bytes", bytes: `${OK}X`, told: TOLD },
  {
    class: "extra bytes",
    bytes: answer(["Connection: close", "Content-Length: 2"], `ok${STOLEN}`),
    told: TOLD,
  },
  { class: "extra bytes", bytes: answer([CHUNKED], `2\r\nok\r\n0\r\n\r\n${STOLEN}`), told: TOLD },
  { class: "extra bytes", bytes: OK + STOLEN.slice(0, 30), later: STOLEN.slice(30), told: TOLD },
  { class: "unasked answer", bytes: OK, later: STOLEN, told: TOLD },
  { class: "unasked answer", bytes: OK, later: "H", told: TOLD },
  { class: "unasked answer", bytes: OK, later: "\r\n", told: TOLD },
  {
    class: "unasked answer",
    bytes: OK,
    later: "HTTP/1.1 408 Timeout\r\nConnection: close\r\n\r\n",
    told: TOLD,
  },
  ...[["GET", TOLD] as const, ["POST", { status: 408, body: "" }] as const].map(
    ([method, told]) => ({
      ...{ class: "closed as it is asked", method, told, ends: true as const },
      ...{ bytes: "HTTP/1.1 408 Timeout\r\nConnection: close\r\n\r\n", again: OK },
    }),
  ),
  // Those that have no body.
  { class: "bodiless", bytes: `HTTP/1.1 204 X\r\n\r\n${STOLEN}`, told: { status: 204, body: "" } },
  {
    class: "bodiless",
    bytes: `HTTP/1.1 204 X\r\nContent-Length: 6\r\n\r\nstolen`,
    told: { status: 204, body: "" },
  },
  {
    class: "bodiless",
    bytes: `HTTP/1.1 204 X\r\n${CHUNKED}\r\n\r\n6\r\nstolen\r\n0\r\n\r\n`,
    told: { status: 204, body: "" },
  },
  {
    class: "bodiless",
    bytes: `HTTP/1.1 304 X\r\nContent-Length: 6\r\n\r\nstolen`,
    told: { status: 304, body: "" },
  },
  {
    class: "bodiless",
    bytes: `HTTP/1.1 304 X\r\nContent-Length: 6\r\n\r\n${STOLEN}`,
    told: { status: 304, body: "" },
  },
  { class: "bodiless", method: "HEAD", bytes: OK, told: { status: 200, body: "" } },
  {
    class: "bodiless",
    method: "HEAD",
    bytes: answer(["Content-Length: 45"], STOLEN),
    told: { status: 200, body: "" },
  },
  {
    class: "bodiless",
    method: "HEAD",
    bytes: answer([CHUNKED], "6\r\nstolen\r\n0\r\n\r\n"),
    told: { status: 200, body: "" },
  },
  {
    class: "bodiless",
    method: "HEAD",
    bytes: answer(["Content-Length: 45"], ""),
    told: { status: 200, body: "" },
    isKept: true,
  },
  // Before an answer.
  {
    class: "interim answers",
    bytes: `HTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 100 X\r\n\r\n${OK}`,
    told: TOLD,
    isKept: true,
  },
  { class: "interim answers", bytes: "HTTP/1.1 100 X\r\n\r\n".repeat(5_000) },
  { class: "interim answers", bytes: "HTTP/1.1 199 X\r\nContent-Length: 6\r\n\r\nstolen" },
  {
    class: "interim answers",
    bytes: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
  },
  { class: "interim answers", bytes: `HTTP/1.1 101 X\r\n\r\n${OK}` },
];

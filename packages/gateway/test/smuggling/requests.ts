/**
 * Requests that two readers could frame differently, by class. `SMUGGLED` stands where the careless
 * one of them sees a request of its own.
 */
import type { Preference } from "./lax-http.ts";

export interface HostileRequest {
  readonly class: string;
  /** All bytes, one character each, for a path and host. */
  readonly bytes: (path: string, host: string) => string;
  /** What the careless server behind goes by; it prefers codings when absent. */
  readonly against?: Preference;
  /** It never becomes whole, and its client leaves. */
  readonly isEndless?: true;
  /**
   * What the server behind reads, where the request may pass; it is refused where this is absent.
   */
  readonly passes?: Passes;
}

export interface Passes {
  /** POST when absent. */
  readonly method?: string;
  /** `/x` when absent. */
  readonly target?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The connection is not for others after it. */
  readonly isAlone?: true;
  /** Its head may pass, before what comes behind it is refused. */
  readonly isLate?: true;
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: victim\r\n\r\n";
const HEX = SMUGGLED.length.toString(16);
/** Ends the body for who reads chunks; goes on for who counts bytes. */
const ENDED = `0\r\n\r\n${SMUGGLED}`;
/** One chunk, in which who counts bytes sees the request. */
const CHUNK = `${HEX}\r\n${SMUGGLED}\r\n0\r\n\r\n`;
const CHUNKED = "Transfer-Encoding: chunked";
const LENGTH = `Content-Length: ${ENDED.length}`;

/** A POST with these header lines and this body. */
function post(
  of: string,
  lines: readonly string[],
  ...[body, passes]: readonly [body: string, passes?: Passes]
): HostileRequest {
  const bytes = (path: string, host: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n${body}`;
  return { class: of, bytes, ...(passes === undefined ? {} : { passes }) };
}

function endless(one: HostileRequest): HostileRequest {
  return { ...one, isEndless: true };
}

function each<T>(list: readonly T[], make: (one: T) => HostileRequest): readonly HostileRequest[] {
  return list.map(make);
}

/** With a whole request line and head of its own. */
function raw(of: string, bytes: HostileRequest["bytes"], passes?: Passes): HostileRequest {
  return { class: of, bytes, ...(passes === undefined ? {} : { passes }) };
}

const against = (prefers: Preference, list: readonly HostileRequest[]): readonly HostileRequest[] =>
  list.map((one) => ({ ...one, against: prefers }));

const BOTH: readonly HostileRequest[] = [
  post("CL.TE", [LENGTH, CHUNKED], ENDED),
  post("CL.TE", [CHUNKED, LENGTH], ENDED),
  post("CL.TE", ["Connection: content-length", LENGTH, CHUNKED], ENDED),
  ...against("length", [
    post("TE.CL", [CHUNKED, "Content-Length: 4"], CHUNK),
    post("TE.CL", ["Content-Length: 4", CHUNKED], CHUNK),
    post("TE.CL", [CHUNKED, "Content-Length: 0"], CHUNK),
    post("TE.CL", ["Connection: transfer-encoding", "Content-Length: 4", CHUNKED], CHUNK),
  ]),
];

const SPELLINGS: readonly HostileRequest[] = [
  ...each(
    [
      ...["xchunked", "chunked, identity", "identity, chunked", "identity", "chunked;q=1", ""],
      ...['"chunked"', "\x0bchunked", "chunked\x0c", "\0chunked", "chunked\0", "chunk\red", "cow"],
      ...["chunked\r\nTransfer-Encoding: x", "x\r\nTransfer-Encoding: chunked", "\r\n chunked"],
      ...["chunked, chunked", "gzip, chunked", "chunked\r\n\tx", "\xa0chunked", ",chunked"],
    ].map((value) => `Transfer-Encoding: ${value}`),
    (line) => post("TE.TE", [LENGTH, line], ENDED),
  ),
  ...each(
    [
      ...[
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding\t: chunked",
      ],
      ...["X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked"],
      ...[
        "Transfer-Encoding\r\n : chunked",
        "Transfer\0-Encoding: chunked",
        "TRANSFER-ENCODING: chunked",
      ],
      ...[
        "Transfer-Encoding\x0b: chunked",
        '"Transfer-Encoding": chunked',
        "\x01Transfer-Encoding: chunked",
      ],
      ...["Transfer-Encoding=chunked: x"],
    ],
    (line) => post("TE.TE", [LENGTH, line], ENDED),
  ),
  // Without a length, an unknown coding would go on until the connection ends.
  ...each(["identity", "chunked, x", "gzip", "x, chunked"], (value) =>
    post("TE.TE", [`Transfer-Encoding: ${value}`], ENDED),
  ),
  post("TE.TE", ["TrAnSfEr-EnCoDiNg:\tCHUNKED "], "2\r\nab\r\n0\r\n\r\n", { body: "ab" }),
];

const LENGTHS: readonly HostileRequest[] = [
  ...each(
    [
      ["0", "45"],
      ["45", "0"],
      ["45", "45"],
    ],
    (values) =>
      post(
        "duplicate length",
        values.map((one) => `Content-Length: ${one}`),
        "x".repeat(45),
      ),
  ),
  ...each(["0, 5", "5, 5", "5,", ",5", "0\r\n 5"], (value) =>
    post("duplicate length", [`Content-Length: ${value}`], "x".repeat(5)),
  ),
  ...each(
    [
      ...[
        "+5",
        "-5",
        "-0",
        "0x5",
        "5e0",
        "5.0",
        "5 5",
        "5;",
        "5\x0b",
        "\x0b5",
        "5\0",
        "\x005",
        "0b1",
      ],
      ...["18446744073709551621", "9223372036854775808", "4294967296000000000005", "", "x", "\xb2"],
      ...["0\r5", "1000000000000000", "0000000000000005"],
    ],
    (value) => post("malformed length", [`Content-Length: ${value}`], "x".repeat(5)),
  ),
  ...each(["Content-Length : 5", " Content-Length: 5", "Content\0-Length: 5"], (line) =>
    post("malformed length", [line], "x".repeat(5)),
  ),
  post("malformed length", ["Content-Length: \t 5 \t"], "abcde", { body: "abcde" }),
  post("malformed length", ["Content-Length: 0000010"], "0123456789", {
    ...{ body: "0123456789", headers: { "content-length": "10" } },
  }),
  post("malformed length", ["Content-Length: 00"], "", {
    body: "",
    headers: { "content-length": "0" },
  }),
];

const CHUNKS: readonly HostileRequest[] = [
  ...each(
    [
      ...["+2", "-2", "0x2", "2h", " 2", "2 ", "", "10000000000000002", "2\0"],
      ...["2,", "2\t", "\x0b2", "2_", '"2"'],
    ],
    (size) => post("bad chunk size", [CHUNKED], `${size}\r\nab\r\n0\r\n\r\n`),
  ),
  endless(post("bad chunk size", [CHUNKED], "ffffffffffffffff\r\nab\r\n0\r\n\r\n")),
  endless(post("left in the middle", [CHUNKED], "2\r\nab\r\n")),
  endless(post("left in the middle", [CHUNKED], `${HEX}\r\n${SMUGGLED}`)),
  endless(post("left in the middle", ["Content-Length: 99"], SMUGGLED)),
  post("bad chunk size", [CHUNKED], `2\r\nabcd\r\n0\r\n\r\n`),
  post("bad chunk size", [CHUNKED], `2\r\nab0\r\n\r\n`),
  post("bad chunk size", [CHUNKED], `2\r\nab\n0\r\n\r\n`),
  post("bad chunk size", [CHUNKED], `2\nab\r\n0\r\n\r\n`),
  post("bad chunk size", [CHUNKED], `2\rab\r\n0\r\n\r\n`),
  post("bad chunk size", [CHUNKED], `2\r\nab\r\n0\n\n`),
  post("bad chunk size", [CHUNKED], `2\r\nab\r\n0\r\n\n`),
  post("bad chunk size", [CHUNKED], `2\r\nab\r\n0\r\rX`),
  // RFC 9112, 7.1.1; line ends inside them are where readers part (TERM.EXT, EXT.TERM).
  ...each([";a=b", ";a", ';a="b;c"', ";a;b=c", ";=b"], (extension) =>
    post("chunk extension", [CHUNKED], `2${extension}\r\nab\r\n0${extension}\r\n\r\n`, {
      body: "ab",
    }),
  ),
  ...each(
    [";\n", ";a\nx", ";a=\rb", ';a="\n"', ";\0", ";a=\x0b", ";a b", `;${"a".repeat(20_000)}`],
    (extension) => post("chunk extension", [CHUNKED], `2${extension}\r\nab\r\n0\r\n\r\n`),
  ),
  post("chunk extension", [CHUNKED], `0;\n\r\n${SMUGGLED}`),
  ...each(["X-Trailer: 1", "Host: other", "X-Skerry-Principal: me"], (line) =>
    post("trailers", [CHUNKED, "Trailer: x-trailer"], `2\r\nab\r\n0\r\n${line}\r\n\r\n`, {
      body: "ab",
      headers: {
        "x-trailer": undefined,
        trailer: undefined,
        "content-length": undefined,
        "x-skerry-principal": undefined,
      },
    }),
  ),
  ...each(
    [
      "X : 1",
      "X\n",
      "X: \0",
      "X: 1\n",
      " X: 1",
      "X: 1\r\n 2",
      SMUGGLED.trim(),
      "Content-Length: 5",
      CHUNKED,
    ],
    (line) => post("trailers", [CHUNKED], `2\r\nab\r\n0\r\n${line}\r\n\r\n`),
  ),
];

const LINES: readonly HostileRequest[] = [
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\nHost: ${host}\n\n`),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: y\n\r\n`),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\n`),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\rX: y\r\n\r\n`),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: a\rb\r\n\r\n`),
  raw(
    "bare line ends",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: a\nb: c\r\n\r\n`,
  ),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\rHost: ${host}\r\r`),
  raw("bare line ends", (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: y\r\r\n\r\n`),
  raw(
    "folded lines",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n b\r\n\r\n`,
  ),
  raw(
    "folded lines",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n\tb\r\n\r\n`,
  ),
  raw(
    "folded lines",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX:\r\n ${LENGTH}\r\n\r\n`,
  ),
  raw(
    "folded lines",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n  \r\nX: a\r\n\r\n`,
  ),
  raw("folded lines", (path, host) => `GET ${path} HTTP/1.1\r\n X: a\r\nHost: ${host}\r\n\r\n`),
  ...each(
    [
      "X\0: a",
      "X: a\0b",
      "X: a\x01",
      "X: \x7f",
      "X\x7f: a",
      "X Y: a",
      ": a",
      "X",
      "(X): a",
      "X\xe9: a",
      "X: \x08",
    ],
    (line) =>
      raw(
        "control bytes",
        (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${line}\r\n\r\n`,
      ),
  ),
];

const BODIES: readonly HostileRequest[] = against("method", [
  ...each(["GET", "DELETE", "OPTIONS", "HEAD"], (method) =>
    raw(
      "body of a bodiless method",
      (path, host) =>
        `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
      { method, isAlone: true },
    ),
  ),
  raw(
    "body of a bodiless method",
    (path, host) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${CHUNKED}\r\n\r\n${CHUNK}`,
    { method: "GET", isAlone: true },
  ),
  raw(
    "body of a bodiless method",
    (path, host) => `TRACE ${path} HTTP/1.1\r\nHost: ${host}\r\n${LENGTH}\r\n\r\n${ENDED}`,
    {
      ...{ method: "TRACE", isAlone: true },
    },
  ),
  ...each(["100-continue", "100-Continue", "x 100-continue", "100-continue, x"], (value) =>
    post("expect", [`Expect: ${value}`, "Content-Length: 5"], "abcde", {
      ...{ body: "abcde", headers: { expect: undefined } },
    }),
  ),
  post("expect", ["Expect: 100-continue", "Content-Length: 0"], "", {
    headers: { expect: undefined },
  }),
  post("expect", ["Expect: 100-continue", CHUNKED], "2\r\nab\r\n0\r\n\r\n", {
    ...{ body: "ab", headers: { expect: undefined } },
  }),
  ...each(["y", ""], (value) => post("expect", [`Expect: ${value}`, "Content-Length: 5"], "abcde")),
  post("expect", ["Expect:\r\n 100-continue", "Content-Length: 5"], "abcde"),
]);

const TARGETS: readonly HostileRequest[] = [
  ...each(
    [
      ...["GET PATH HTTP/1.1 HTTP/1.1", "GET\tPATH HTTP/1.1", "GET PATH\tHTTP/1.1"],
      ...[
        "GET PATH\x0bHTTP/1.1",
        "GET PATH HTTP/1.1\x0b",
        "GET PATH HTTP/1.2",
        "GET PATH HTTP/2.0",
        "GET PATH HTTP/01.1",
      ],
      ...[
        "GET PATH http/1.1",
        "GET PATH",
        "get PATH HTTP/1.1",
        "GE\0T PATH HTTP/1.1",
        "G/ET PATH HTTP/1.1",
        "SMUGGLE PATH HTTP/1.1",
      ],
      ...[
        "GET PATH\0 HTTP/1.1",
        "GET PATH\x80 HTTP/1.1",
        "GET PATH#x HTTP/1.1",
        "GET PATH\\..\\smuggled HTTP/1.1",
        "CONNECT PATH HTTP/1.1",
      ],
      ...[
        "GET PATH/../smuggled HTTP/1.1",
        "GET PATH/%2e%2e/smuggled HTTP/1.1",
        "GET PATH/..;/smuggled HTTP/1.1",
        "GET /PATH HTTP/1.1",
        "GET PATH%0d%0aX:y HTTP/1.1",
      ],
      ...[
        "GET PATH/..%2fsmuggled HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT victim:80 HTTP/1.1",
        "PRI * HTTP/2.0",
      ],
      ...[
        "GET PATH?a b HTTP/1.1",
        "GET PATH?a#b HTTP/1.1",
        "GET PATH HTTP/1.1\r",
        " GET PATH HTTP/1.1",
      ],
    ],
    (line) =>
      raw("request line", (path, host) => `${line.replace("PATH", path)}\r\nHost: ${host}\r\n\r\n`),
  ),
  raw(
    "request line",
    (path, host) => `GET ${path}?a=%0d%0aX:%20y HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    {
      ...{ method: "GET", target: "/x?a=%0d%0aX:%20y" },
    },
  ),
  raw("request line", (path, host) => `GET  ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, {
    method: "GET",
  }),
  raw(
    "absolute target",
    (path, host) => `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    { method: "GET" },
  ),
  raw(
    "absolute target",
    (path, host) => `GET http://${host}${path}?x HTTP/1.1\r\nHost: ${host}:80\r\n\r\n`,
    { method: "GET", target: "/x?x" },
  ),
  ...each(
    [
      "http://victim",
      "http://HOST@victim",
      "http://victim#HOST",
      "ftp://HOST",
      "http:/",
      "http://HOST\\",
      "//HOST",
    ],
    (form) =>
      raw(
        "absolute target",
        (path, host) =>
          `GET ${form.replace("HOST", host)}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      ),
  ),
  ...each(
    [
      ...[
        "Host: HOST\r\nHost: victim",
        "Host: victim\r\nHost: HOST",
        "Host : HOST",
        "Host: HOST\0",
        "Host: HOST, victim",
        "Host:\r\n HOST",
        "X: y",
      ],
      ...["Host: HOST\r\nHost:", "Host: HOST/x", "Host: x@HOST", "Host: HOST:x"],
    ],
    (lines) =>
      raw("host", (path, host) => `GET ${path} HTTP/1.1\r\n${lines.replace("HOST", host)}\r\n\r\n`),
  ),
];

const HOPS: readonly HostileRequest[] = [
  raw(
    "upgrade",
    (path, host) =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${SMUGGLED}`,
    {
      ...{ method: "GET", headers: { upgrade: undefined } },
    },
  ),
  raw(
    "upgrade",
    (path, host) =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    { method: "GET", headers: { upgrade: undefined, "http2-settings": undefined } },
  ),
  post("upgrade", ["Connection: Upgrade", "Upgrade: TLS/1.0", "Content-Length: 2"], "ab", {
    body: "ab",
    headers: { upgrade: undefined },
  }),
  post("underscores", ["Content_Length: 0", "Content-Length: 45"], "x".repeat(45), {
    body: "x".repeat(45),
  }),
  post("underscores", ["Content-Length: 45", "Content_Length: 0"], "x".repeat(45), {
    body: "x".repeat(45),
  }),
  post("underscores", [LENGTH, "Transfer_Encoding: chunked"], ENDED, { body: ENDED }),
  post(
    "underscores",
    ["Content-Length: 2", "X_Forwarded_For: 1.1.1.1", "X_Skerry_Principal: me"],
    "ab",
    {
      ...{
        body: "ab",
        headers: { "x-forwarded-for": "127.0.0.1", "x-skerry-principal": undefined },
      },
    },
  ),
  post(
    "connection list",
    [
      "Connection: close, host, content-length, transfer-encoding, content-type, authorization, cookie, x-forwarded-for, x-forwarded-host, x-skerry-request-id, x-mine",
      ...[
        "Content-Length: 2",
        "Authorization: Basic x",
        "Cookie: a=b",
        "Content-Type: text/x",
        "X-Mine: 1",
        "Keep-Alive: x",
        "TE: trailers",
        "Proxy-Connection: x",
      ],
    ],
    "ab",
    {
      body: "ab",
      headers: {
        ...{
          "content-length": "2",
          authorization: "Basic x",
          cookie: "a=b",
          "content-type": "text/x",
        },
        ...{ "x-forwarded-for": "127.0.0.1", "x-mine": undefined, te: undefined },
        ...{ "keep-alive": undefined, "proxy-connection": undefined },
      },
    },
  ),
  raw(
    "old version",
    (path, host) => `POST ${path} HTTP/1.0\r\nHost: ${host}\r\n${CHUNKED}\r\n\r\n${CHUNK}`,
  ),
  raw(
    "old version",
    (path, host) =>
      `POST ${path} HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab`,
    { body: "ab" },
  ),
];

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...BOTH,
  ...SPELLINGS,
  ...LENGTHS,
  ...CHUNKS,
  ...LINES,
  ...BODIES,
  ...TARGETS,
  ...HOPS,
];

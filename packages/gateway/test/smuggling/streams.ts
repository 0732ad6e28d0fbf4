/** Requests of HTTP/2 that would be others once written as HTTP/1.1, by class. */
import { frame, headerBlock } from "@skerry/testkit";
import type { Preference } from "./lax-http.ts";
import type { Passes } from "./requests.ts";

export interface HostileStream {
  readonly class: string;
  /** Flat, pseudo headers first; `PATH` and `HOST` stand for those of the case. */
  readonly lines: readonly string[];
  /** DATA; none when absent. */
  readonly body?: string;
  /** Behind the body. */
  readonly trailers?: readonly string[];
  readonly against?: Preference;
  /** As of `HostileRequest`. */
  readonly passes?: Passes;
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: victim\r\n\r\n";
const ENDED = `0\r\n\r\n${SMUGGLED}`;
const PSEUDO = [":method", "POST", ":scheme", "https", ":path", "PATH", ":authority", "HOST"];

/** With one pseudo header said otherwise. */
function saying(name: string, value: string): readonly string[] {
  return PSEUDO.map((one, i) => (PSEUDO[i - 1] === name ? value : one));
}

function streams(
  of: string,
  list: readonly (readonly string[])[],
  more: Partial<HostileStream> = {},
): readonly HostileStream[] {
  return list.map((lines) => ({ class: of, lines: [...PSEUDO, ...lines], ...more }));
}

const BODY = { body: ENDED } as const;
const WHOLE = { body: ENDED, passes: { body: ENDED } } as const;
const LEFT_OUT = { x: undefined, y: undefined, "x y": undefined, "transfer-encoding": "chunked" };
const TRAILERS = { "x-trailer": undefined, trailer: undefined, "content-length": undefined };

export const HOSTILE_STREAMS: readonly HostileStream[] = [
  ...streams("H2.CL", [[], ["content-length", String(ENDED.length)], ["te", "trailers"]], WHOLE),
  ...streams(
    "H2.CL",
    [
      ...["5", "99", "+45", "-1", "0x2d", "45, 45", "", "18446744073709551661"].map(
        (value) => ["content-length", value] as const,
      ),
      ["content-length", "45", "content-length", "45"],
      ["content-length", "45", "content-length", "0"],
    ],
    BODY,
  ),
  ...streams("H2.CL", [["content-length", "0"]], { ...BODY, passes: { body: "", isLate: true } }),
  ...streams(
    "H2.TE",
    [
      ...["chunked", "identity", "CHUNKED", "x"].map((one) => ["transfer-encoding", one] as const),
      ["te", "chunked"],
      ["Transfer-Encoding", "chunked"],
      ["content-length", "45", "transfer-encoding", "chunked"],
    ],
    BODY,
  ),
  ...streams(
    "H2.TE",
    [
      ["transfer_encoding", "chunked"],
      ["content_length", "0"],
    ],
    WHOLE,
  ),
  ...streams("hop by hop", [
    ["connection", "keep-alive"],
    ["connection", "transfer-encoding"],
    ["keep-alive", "x"],
    ["proxy-connection", "x"],
    ["upgrade", "websocket"],
  ]),
  // nghttp2 leaves such a line out and goes on with the rest.
  ...streams(
    "line breaks",
    [
      ["x", "y\r\ntransfer-encoding: x"],
      ["x", "y\ntransfer-encoding: x"],
      ["x", "y\rtransfer-encoding: x"],
      ["x", "y\0"],
      ["x", "y\x01"],
      ["x\r\ntransfer-encoding: x\r\ny", "z"],
      ["transfer-encoding ", "x"],
      ["transfer-encoding:", "x"],
      ["x: y", "z"],
      ["x y", "z"],
      ["x\0", "z"],
      ["", "z"],
    ],
    { body: ENDED, passes: { body: ENDED, headers: LEFT_OUT } },
  ),
  ...streams("line breaks", [["X", "z"]], BODY),
  ...[
    ...[
      "GET /smuggled HTTP/1.1\r\nX: y",
      "GET /smuggled",
      "get",
      "connect",
      "CONNECT",
      "head",
      "SMUGGLE",
    ],
    ...["", "POST ", "GET\0", "PO\nST"],
  ].map((value) => ({ class: "method", lines: saying(":method", value), ...BODY })),
  ...[
    ...["PATH HTTP/1.1\r\nX: y\r\n\r\nGET /smuggled", "PATH HTTP/1.1", "PATH\r\nX: y", "PATH\0"],
    ...["PATH#x", "PATH/../smuggled", "//victim/", "http://victim/", "*", "", "x", "PATH\\x"],
    ...["PATH\x80"],
  ].map((value) => ({ class: "path", lines: saying(":path", value), ...BODY })),
  ...["HOST\r\nX: y", "x@HOST", "HOST/x", "HOST x", "HOST, victim", "", "HOST\0"].map((value) => ({
    ...{ class: "authority", lines: saying(":authority", value) },
    ...BODY,
  })),
  ...["http", "https://victim/x?", "HTTPS\r\n", ""].map((value) => ({
    ...{ class: "scheme", lines: saying(":scheme", value) },
    ...BODY,
  })),
  ...streams("pseudo headers", [
    [":path", "/smuggled"],
    [":method", "GET"],
    [":protocol", "websocket"],
    [":status", "200"],
    ["x", "y", ":path", "/smuggled"],
    ["host", "victim"],
    ["host", "HOST", "host", "HOST"],
  ]),
  ...streams("trailers", [["trailer", "x-trailer"]], {
    ...WHOLE,
    ...{ trailers: ["x-trailer", "1"], passes: { body: ENDED, headers: TRAILERS } },
  }),
  ...streams("trailers", [[]], { ...BODY, trailers: [":path", "/smuggled"] }),
  ...streams("trailers", [[]], { ...BODY, trailers: ["transfer-encoding", "chunked"] }),
  ...["GET", "DELETE", "OPTIONS"].map((method) => ({
    ...{ class: "body of a bodiless method", lines: saying(":method", method) },
    ...{ body: SMUGGLED, against: "method" as const, passes: { method, isAlone: true as const } },
  })),
];

/** All frames of a case, on a stream of that number. */
export function framesOf(
  { lines, body, trailers }: HostileStream,
  { stream, path, host }: { readonly stream: number; readonly path: string; readonly host: string },
): Buffer {
  const said = lines.map((text) => text.replace("PATH", path).replace("HOST", host));
  const frames = [frame.headers(stream, headerBlock(said), body === undefined)];
  if (body !== undefined) frames.push(frame.data(stream, body, trailers === undefined));
  if (trailers !== undefined) frames.push(frame.headers(stream, headerBlock(trailers), true));
  return Buffer.concat(frames);
}

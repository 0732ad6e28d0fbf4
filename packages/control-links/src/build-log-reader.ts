/** Reads what an agent tells while it builds: lines of JSON, of which the last is its reply. */
import { BUILD_LOG } from "@skerry/contracts";
import { z } from "zod";

/** A line of JSON may be longer than its text, and an error carries more than a line. */
const LINE_CHARS_MAX = 512 << 10;

const logLine = z.union([
  z.object({ l: z.string().transform((text) => text.slice(0, BUILD_LOG.lineCharsMax)) }),
  z.object({ r: z.unknown() }),
]);

export class BuildLogReader {
  readonly #decoder = new TextDecoder();
  readonly #hear: (text: string) => void;
  #partial = "";
  #reply: unknown;

  constructor(hear: (text: string) => void) {
    this.#hear = hear;
  }

  /** What the last line carried, unchecked; undefined when there was none. */
  get reply(): unknown {
    return this.#reply;
  }

  take(chunk: Uint8Array): void {
    const lines = (this.#partial + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#partial = (lines.pop() ?? "").slice(0, LINE_CHARS_MAX);
    for (const line of lines) this.#takeLine(line);
  }

  /** What has another shape is no line: it is left out. */
  #takeLine(line: string): void {
    const { data } = logLine.safeParse(parsed(line));
    if (data === undefined) return;
    if ("l" in data) this.#hear(data.l);
    else this.#reply = data.r;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Functions that the cross-process suites deploy, as the files of their folders. */
import type { SourceFiles } from "@skerry/testkit";

/** Answers with the query or the event, and writes one line. */
export const ECHO: SourceFiles = {
  "index.ts": `
interface Asked { readonly query?: Record<string, string>; readonly word?: string }
export function handler(event: Asked, context: { requestId: string }): object {
  const word: string = event.query?.["word"] ?? event.word ?? "nothing";
  console.log("heard " + word);
  return { word, requestId: context.requestId, pid: process.pid };
}
`,
};

/** A fetch handler that counts what it streams: \`/?parts=N\` sends N lines, one at a time. */
export const STREAM: SourceFiles = {
  "index.ts": `
async function* parts(count: number): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < count; part += 1) {
    yield new TextEncoder().encode("part " + part + "\\n");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    if (request.method === "POST") {
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += chunk.length;
      return Response.json({ bytes });
    }
    const body = ReadableStream.from(parts(Number(searchParams.get("parts") ?? "3")));
    return new Response(body, { headers: { "content-type": "text/plain" } });
  },
};
`,
};

/** Goes wrong in the way that is asked for. */
export const FAULTY: SourceFiles = {
  "index.ts": `
import { explode } from "./lib/deep.ts";

interface Asked { readonly query?: Record<string, string>; readonly do?: string }

function fill(): never {
  const kept: Uint8Array[] = [];
  for (;;) kept.push(new Uint8Array(1 << 20).fill(kept.length));
}

const FAULTS: Record<string, () => unknown> = {
  nothing: () => ({ fine: true }),
  throw: () => explode("on purpose"),
  exit: () => process.exit(3),
  kill: () => process.kill(process.pid, "SIGKILL"),
  abort: () => process.abort(),
  hang: () => new Promise(() => undefined),
  deaf: () => { process.on("SIGTERM", () => undefined); return new Promise(() => undefined); },
  spin: () => { for (;;); },
  memory: fill,
  heap: () => { const kept: object[] = []; for (;;) kept.push({ at: kept.length, more: [kept.length] }); },
  bigint: () => ({ value: 10n }),
  status: () => ({ statusCode: 99, body: "" }),
  large: () => "x".repeat(7 << 20),
  output: () => { for (;;) process.stdout.write("y".repeat(65_536) + "\\n"); },
  fork: async () => {
    const { spawn } = await import("node:child_process");
    for (;;) {
      spawn(process.execPath, ["-e", "for (;;) { try { require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);']) } catch {} }"])
        .on("error", () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

export async function handler(event: Asked): Promise<unknown> {
  return await (FAULTS[event.query?.["do"] ?? event.do ?? "nothing"] ?? FAULTS.nothing)!();
}
`,
  "lib/deep.ts": `
export interface Unused { readonly a: number }

export function explode(why: string): never {
  throw new RangeError(why);
}
`,
};

/** Line of \`throw\` in \`lib/deep.ts\` above. */
export const EXPLODES_AT = "lib/deep.ts:5";

/** Fails while it is loaded unless it is configured. */
export const BROKEN: SourceFiles = {
  "index.ts": `
const settings: { readonly url?: string | undefined } = { url: process.env["SHOP_URL"] };
export const length: number = (settings as { url: string }).url.length;
export function handler(): string { return String(length); }
`,
};

/** Holds its only slot until asked time has passed. */
export const SLOW: SourceFiles = {
  "index.ts": `
export async function handler(event: { query?: Record<string, string> }): Promise<object> {
  const forMs = Number(event.query?.["ms"] ?? "1000");
  await new Promise((resolve) => setTimeout(resolve, forMs));
  return { sleptMs: forMs };
}
`,
};

/** A fetch handler that sends back what it is sent; one instance serves many. */
export const MIRROR: SourceFiles = {
  "index.ts": `
export default {
  async fetch(request: Request): Promise<Response> {
    return new Response(await request.text(), { headers: { "x-pid": String(process.pid) } });
  },
};
`,
};

/** As the mirror, a tenth of a second later. */
export const HOLDING_MIRROR: SourceFiles = {
  "index.ts": `
export default {
  async fetch(request: Request): Promise<Response> {
    const text = await request.text();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return new Response(text);
  },
};
`,
};

/** Says who it is, first while it takes its time to be loaded, except in builds. */
export const TARDY: SourceFiles = {
  "index.ts": `
if (process.env["SKERRY_APP"] !== "build") {
  console.log(process.env["SKERRY_INSTANCE_ID"]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
}
export const handler = (): string | undefined => process.env["SKERRY_INSTANCE_ID"];
`,
};

/** One runtime's fixture on a platform, as the cases speak to it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GATEWAY_HEADERS, type FunctionConfigInput, type LogLineResource } from "@skerry/contracts";
import { openHttp, until, type HttpCall, type Platform } from "@skerry/testkit";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));

/** `fixture.json`; the README has what each folder has to do. */
export interface Fixture {
  readonly directory: string;
  readonly title: string;
  readonly runtime: NonNullable<FunctionConfigInput["runtime"]>;
  readonly program?: string;
  /** Another fixture whose folders are this one's too. */
  readonly sameAs?: string;
  readonly errorName: string;
  readonly throwsAt: string;
  readonly lacks: Readonly<Record<string, string>>;
}

/** All fixtures, the liar too. */
export function readFixtures(): readonly Fixture[] {
  return readdirSync(FIXTURES)
    .toSorted()
    .map((name) => {
      const text = readFileSync(join(FIXTURES, name, "fixture.json"), "utf8");
      const fixture = JSON.parse(text) as Omit<Fixture, "directory">;
      return { ...fixture, directory: join(FIXTURES, fixture.sameAs ?? name) };
    });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly text: string;
  readonly requestId: string;
  /** What the platform said went wrong; empty when nothing did. */
  readonly reason: string;
  /** The error's message; empty when nothing went wrong. */
  readonly message: string;
}

/** The functions that a fixture's two folders become. */
const FUNCTIONS: Readonly<Record<string, readonly [folder: string, config: FunctionConfigInput]>> =
  {
    event: ["event", { env: { GREETING: "grüezi" } }],
    busy: ["event", { concurrency: 8, maxInstances: 1, rest: "run" }],
    late: ["event", { timeoutMs: 500, maxInstances: 1 }],
    web: ["web", { maxInstances: 1 }],
  };
export type FunctionName = "event" | "busy" | "late" | "web";

export interface TargetOptions {
  readonly platform: Platform;
  readonly fixture: Fixture;
  /** For what has to come, such as a line of the log. */
  readonly deadlineMs: number;
}

export class Target {
  readonly fixture: Fixture;
  readonly #platform: Platform;
  readonly #deadlineMs: number;
  readonly #app: string;
  #tokens = 0;

  constructor({ platform, fixture, deadlineMs }: TargetOptions) {
    this.fixture = fixture;
    this.#platform = platform;
    this.#deadlineMs = deadlineMs;
    this.#app = `on-${fixture.title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  }

  get gatewayPort(): number {
    return this.#platform.gatewayPort;
  }

  get key(): string {
    return this.#platform.key;
  }

  get app(): string {
    return this.#app;
  }

  async deploy(): Promise<void> {
    for (const [fn, [folder, config]] of Object.entries(FUNCTIONS)) {
      await this.#platform.deployFolder({
        ...{ app: this.#app, fn, folder: join(this.fixture.directory, folder) },
        config: { runtime: this.fixture.runtime, auth: "none", memoryMb: 128, ...config },
      });
    }
  }

  /** A word that no other request of the suite has. */
  token(): string {
    this.#tokens += 1;
    return `${this.#app}-${this.#tokens}`;
  }

  /** Invokes with an event; the answer's text is the result as JSON. */
  invoke(fn: FunctionName, event: unknown): Promise<Answer> {
    const headers = {
      [GATEWAY_HEADERS.invoke]: "event",
      [GATEWAY_HEADERS.key]: this.key,
      "content-type": "application/json",
    };
    return this.call(fn, "/", { method: "POST", headers, body: JSON.stringify(event) });
  }

  /** The result of an invocation that has to succeed. */
  async resultOf(fn: FunctionName, event: unknown): Promise<unknown> {
    const { status, text } = await this.invoke(fn, event);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  /** Calls the URL; the body is read to its end. Rejects when it ends early. */
  async call(fn: FunctionName, path: string, call: Omit<HttpCall, "port"> = {}): Promise<Answer> {
    const response = await this.open(fn, path, call);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    if (!response.complete) throw new TypeError("the answer ended early");
    const body = Buffer.concat(chunks);
    const text = body.toString();
    const reason = String(response.headers["x-skerry-error"] ?? "");
    return {
      ...{ status: response.statusCode ?? 0, headers: response.headers, body, text, reason },
      requestId: String(response.headers["x-skerry-request-id"]),
      message: reason === "" ? "" : (JSON.parse(text) as WireError).error.message,
    };
  }

  /** The same up to the head of the answer. */
  open(
    fn: FunctionName,
    path: string,
    call: Omit<HttpCall, "port"> = {},
  ): Promise<IncomingMessage> {
    return openHttp({
      ...{ port: this.gatewayPort, path: `/-/${this.#app}/${fn}${path}`, ...call },
    });
  }

  /** Calls the URL and leaves when the signal says so; never rejects. */
  async abandoned(fn: FunctionName, path: string, signal: AbortSignal): Promise<void> {
    const url = `http://127.0.0.1:${this.gatewayPort}/-/${this.#app}/${fn}${path}`;
    await fetch(url, { signal })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  }

  /** Resolves with the function's log once it has lines that match all of `patterns`. */
  async log(fn: FunctionName, ...patterns: readonly RegExp[]): Promise<readonly LogLineResource[]> {
    const params = { app: this.#app, fn };
    const query = { tail: "true", limit: 1_000 };
    return await until(
      `log of ${fn} with ${patterns.join(", ")}`,
      async () => {
        const lines: LogLineResource[] = [];
        for await (const line of this.#platform.client.listLogs({ params, query }))
          lines.push(line);
        const isThere = (pattern: RegExp): boolean => lines.some(({ text }) => pattern.test(text));
        return patterns.every(isThere) ? lines : undefined;
      },
      { deadlineMs: this.#deadlineMs },
    );
  }
}

interface WireError {
  readonly error: { readonly message: string };
}

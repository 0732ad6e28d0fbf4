/** One runtime's fixture on a platform, as the cases speak to it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { InvocationMoment, LogLineResource, TopicMessageResource } from "@skerry/api-schema";
import { type FunctionConfigInput, GATEWAY_HEADERS } from "@skerry/contracts";
import { fetchOnce, openHttp, until, type HttpCall, type Platform } from "@skerry/testkit";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));

export const KINDS = ["event", "web"] as const;
export type Kind = (typeof KINDS)[number];

/** `fixture.json`; the README has what each folder has to do. */
export interface Fixture {
  /** Its folder's. */
  readonly name: string;
  readonly directory: string;
  readonly title: string;
  readonly runtime: NonNullable<FunctionConfigInput["runtime"]>;
  readonly command?: string;
  /** Of an instance; 128 when absent. */
  readonly memoryMb?: number;
  /** Which of the two folders it has; both when absent. */
  readonly serves?: readonly Kind[];
  /** Whose what it prints is; its request's when absent. */
  readonly printsFor?: "instance";
  /** A path, or a name that is looked for as a shell does. */
  readonly program?: string;
  /** What its package.json asks a registry for, which no test of CI may. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Is run in a copy of each folder before it is deployed. */
  readonly make?: readonly [tool: string, ...arguments_: string[]];
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
      const fixture = JSON.parse(text) as Omit<Fixture, "name" | "directory">;
      return { ...fixture, name, directory: join(FIXTURES, fixture.sameAs ?? name) };
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

function writePackage(folder: string, dependencies: NonNullable<Fixture["packages"]>): void {
  const text = JSON.stringify({ private: true, dependencies });
  writeFileSync(join(folder, "package.json"), text);
}

/** The functions that a fixture's two folders become. */
const FUNCTIONS: Readonly<Record<string, readonly [folder: Kind, config: FunctionConfigInput]>> = {
  event: ["event", { env: { GREETING: "grüezi" } }],
  busy: ["event", { concurrency: 8, maxInstances: 1, rest: "run" }],
  late: ["event", { timeoutMs: 1_000, maxInstances: 1 }],
  brief: ["event", { idleTimeoutMs: 200, maxInstances: 1 }],
  web: ["web", { maxInstances: 1 }],
};
export type FunctionName = "event" | "busy" | "late" | "brief" | "web";

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

  get memoryMb(): number {
    return this.fixture.memoryMb ?? 128;
  }

  serves(kind: Kind): boolean {
    return this.fixture.serves?.includes(kind) ?? true;
  }

  async deploy(): Promise<void> {
    const { directory, make, packages, serves = KINDS } = this.fixture;
    if (make === undefined && packages === undefined) return await this.#deployFrom(directory);
    const made = mkdtempSync(join(tmpdir(), "skerry-runtime-"));
    try {
      cpSync(directory, made, { recursive: true });
      for (const folder of serves.map((kind) => join(made, kind))) {
        if (packages !== undefined) writePackage(folder, packages);
        if (make === undefined) continue;
        const [tool, ...toolArguments] = make;
        await promisify(execFile)(tool, toolArguments, { cwd: folder });
      }
      await this.#deployFrom(made);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }

  async #deployFrom(directory: string): Promise<void> {
    const { runtime, command } = this.fixture;
    const own = { runtime, ...(command !== undefined && { command }) };
    const shared = { ...own, auth: "none", memoryMb: this.memoryMb } as const;
    const wanted = Object.entries(FUNCTIONS)
      .filter(([, [kind]]) => this.serves(kind))
      .map(([fn, [kind, config]]) => ({
        ...{ fn, folder: join(directory, kind), config: { ...shared, ...config } },
      }));
    await this.#platform.deployFolders(this.#app, wanted);
  }

  /** A word that no other request of the suite has. */
  token(): string {
    this.#tokens += 1;
    return `${this.#app}-${this.#tokens}`;
  }

  /** Invokes with an event; the answer's text is the result as JSON. */
  invoke(fn: FunctionName, event: unknown, more: HttpCall["headers"] = {}): Promise<Answer> {
    const headers = {
      ...more,
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

  /**
   * Calls the URL until its answer arrives in more than one piece; each time all of it has to be
   * `parts`. Those that lie here when they are looked for come as one.
   */
  async inPieces(fn: FunctionName, path: string, parts: readonly string[]): Promise<void> {
    const come = async (): Promise<boolean> => {
      const pieces: string[] = [];
      for await (const piece of await this.open(fn, path)) pieces.push(String(piece));
      assert.equal(pieces.join(""), parts.join(""));
      return pieces.length > 1;
    };
    await until("an answer in pieces", come, { deadlineMs: this.#deadlineMs });
  }

  /** Calls the URL and leaves when the signal says so; never rejects. */
  async abandoned(fn: FunctionName, path: string, signal: AbortSignal): Promise<void> {
    const url = `http://127.0.0.1:${this.gatewayPort}/-/${this.#app}/${fn}${path}`;
    await fetchOnce(url, { signal })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  }

  /** A topic of one partition that is this fixture's own. */
  async topic(): Promise<string> {
    const topic = this.#app;
    const body = { partitions: 1, retentionMs: 3_600_000 };
    await this.#platform.client.putTopic({ params: { topic }, body });
    return topic;
  }

  /** All that a topic keeps. */
  async messages(topic: string): Promise<readonly TopicMessageResource[]> {
    return (await this.#platform.client.listTopicMessages({ params: { topic } })).items;
  }

  /** Has an event accepted to run later, and says how it goes from then on, to its end. */
  async *job(fn: FunctionName, event: object): AsyncGenerator<JobMoment, void, void> {
    const { client } = this.#platform;
    const params = { app: this.#app, fn };
    const { id: request } = await client.acceptInvocation({ params, body: { event } });
    const signal = AbortSignal.timeout(this.#deadlineMs);
    const cancel = async (): Promise<void> => {
      await client.cancelInvocation({ params: { request }, body: {} });
    };
    const result = async (): Promise<string> => {
      const bytes = await client.getAcceptedResult({ params: { request } });
      return String(JSON.parse(Buffer.from(bytes).toString()));
    };
    for await (const moment of client.followInvocation({ params: { request }, signal })) {
      yield { ...moment, cancel, result };
    }
  }

  /** What the ledger keeps of an accepted invocation that has to succeed. */
  async acceptedResult(fn: FunctionName, event: object): Promise<KeptResult> {
    const { client } = this.#platform;
    const accepted = { params: { app: this.#app, fn }, body: { event } };
    const params = { request: (await client.acceptInvocation(accepted)).id };
    const signal = AbortSignal.timeout(this.#deadlineMs);
    for await (const { state, settledAt } of client.followInvocation({ params, signal }))
      if (settledAt !== null) assert.equal(state, "succeeded");
    const { result } = await client.getAcceptedInvocation({ params });
    return { type: result?.type ?? null, bytes: await client.getAcceptedResult({ params }) };
  }

  /** Resolves once work that a request of the function left has a record of its own. */
  async backgroundRecord(fn: FunctionName): Promise<void> {
    const params = { app: this.#app, fn };
    await until(
      `a record of work that ${fn} left`,
      async () => {
        const { items } = await this.#platform.client.listInvocations({ params });
        return items.some(({ startKind }) => startKind === "background");
      },
      { deadlineMs: this.#deadlineMs },
    );
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

export interface KeptResult {
  /** Its content type. */
  readonly type: string | null;
  readonly bytes: Uint8Array;
}

/** How an accepted invocation stands. */
export interface JobMoment extends Pick<InvocationMoment, "state" | "stopping" | "progress"> {
  readonly cancel: () => Promise<void>;
  readonly result: () => Promise<string>;
}

interface WireError {
  readonly error: { readonly message: string };
}

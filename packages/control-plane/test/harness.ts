/** A control plane over a real store, real HTTP and a real socket, in a directory of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, PlatformError, systemClock, systemRandom, type LogFields } from "@skerry/base";
import { openCodeStore, type CodeStore } from "@skerry/code-store";
import type { DeploymentResource } from "@skerry/api-schema";
import type { BuildHead } from "@skerry/contracts";
import { serveHttp, type HttpServer } from "@skerry/http";
import { MasterKeys } from "@skerry/secrets";
import { openPostgresStore, openSqliteStoreHere, type Store } from "@skerry/store";
import { openApiDocument } from "@skerry/openapi";
import { LeapClock } from "@skerry/testkit";
import { createOpenApiCheck } from "@skerry/testkit/openapi-check";
import {
  openControlPlane,
  storeModule,
  type ControlLimits,
  type ControlPlane,
  type ControlStore,
  type LinkSocket,
} from "../src/index.ts";
import { failingModuleUrl, withFault } from "./failing-module.ts";
import { instancesReply } from "./instances.ts";
import { LedgerDouble } from "./ledger-double.ts";
import { RedrivesDouble } from "./redrives-double.ts";
import { PageDouble } from "./page-double.ts";
import { built, PeerDouble, type PeerOptions } from "./peer-double.ts";
import { InvocationsDouble, LogsDouble, MetricsDouble } from "./records-double.ts";
import { sourceZip } from "./source-zip.ts";
import { BusDouble } from "./bus-double.ts";
import { TimersDouble } from "./timers-double.ts";
import { TopicsDouble } from "./topics-double.ts";

export interface Reply<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface Problem {
  readonly error: {
    readonly code: string;
    readonly reason: string;
    readonly message: string;
    readonly hint: string;
    readonly requestId: string;
    readonly retryable: boolean;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** Every answer that a test gets is held against the API's own description. */
const API = createOpenApiCheck(
  openApiDocument({ version: "0.1.0-test", apiUrl: "http://127.0.0.1:4400" }),
);

/** Called before and after each call of the store; may wait, or throw in its place. */
export interface StoreFaults {
  before(procedure: string, args: unknown): Promise<void> | void;
  after(procedure: string, args: unknown): Promise<void> | void;
  /** Calls whose transaction fails after its last statement. */
  failsAtTheEnd(procedure: string): boolean;
}

export interface Request {
  readonly body?: unknown;
  readonly raw?: Buffer | string;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface HarnessOptions {
  readonly metricsOpen?: boolean;
  readonly connectTargets?: readonly string[];
}

/** Everything is closed and removed when the test that made it ends. */
export class Harness implements AsyncDisposable {
  /** Control's own. */
  readonly clock = new LeapClock();
  readonly logs = new LogsDouble();
  readonly invocations = new InvocationsDouble();
  readonly ledger = new LedgerDouble();
  readonly redrives = new RedrivesDouble();
  readonly page = new PageDouble();
  readonly metrics = new MetricsDouble();
  readonly timers = new TimersDouble();
  readonly bus = new BusDouble();
  readonly topics = new TopicsDouble();
  readonly platformLog: { readonly message: string; readonly fields: LogFields }[] = [];
  readonly faults: StoreFaults = {
    before: () => undefined,
    after: () => undefined,
    failsAtTheEnd: () => false,
  };
  readonly directory: string;
  readonly #lastCalls = new Map<string, unknown>();
  readonly #limits: Partial<ControlLimits>;
  readonly #databaseUrl: string | undefined;
  readonly #options: HarnessOptions;
  readonly #peers: PeerDouble[] = [];
  #running: Running | undefined;
  /** Text of the platform's own admin key. */
  adminKey = "";

  private constructor(
    directory: string,
    limits: Partial<ControlLimits>,
    options: HarnessOptions & { readonly databaseUrl: string | undefined },
  ) {
    this.directory = directory;
    this.#limits = limits;
    const { databaseUrl, ...rest } = options;
    this.#databaseUrl = databaseUrl;
    this.#options = rest;
  }

  /** Over SQLite, or over the PostgreSQL database of that URL. */
  static async open(
    limits: Partial<ControlLimits> = {},
    databaseUrl?: string,
    options: HarnessOptions = {},
  ): Promise<Harness> {
    const directory = await mkdtemp(join(tmpdir(), "skerry-control-"));
    const harness = new Harness(directory, limits, { ...options, databaseUrl });
    await harness.start();
    return harness;
  }

  get control(): ControlPlane {
    return this.#now.control;
  }

  get store(): Store {
    return this.#now.store;
  }

  get codeStore(): CodeStore {
    return this.#now.codeStore;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#now.http.port}`;
  }

  get socketPath(): string {
    return join(this.directory, "run", "control.sock");
  }

  get secretsKeyPath(): string {
    return join(this.directory, "secrets.key");
  }

  get #now(): Running {
    if (this.#running === undefined) throw new Error("the control plane is stopped");
    return this.#running;
  }

  async start(): Promise<void> {
    const log = createLog((_level, message, fields) => this.platformLog.push({ message, fields }));
    const { clock } = this;
    const random = systemRandom();
    const modules = [{ module: storeModule, url: failingModuleUrl }];
    const deps = { log, clock, random };
    const store =
      this.#databaseUrl === undefined
        ? await openSqliteStoreHere(deps, { directory: join(this.directory, "state"), modules })
        : await openPostgresStore(deps, { url: this.#databaseUrl, modules, poolMax: 4 });
    const codeStore = await openCodeStore(
      { random, clock, log },
      { directory: join(this.directory, "code") },
    );
    const { logs, page, invocations, ledger, redrives, timers, topics, bus } = this;
    const secretKeys = new MasterKeys(deps, { path: this.secretsKeyPath, command: "" });
    await secretKeys.ensure();
    const control = await openControlPlane(
      {
        ...{ store: this.#faulty(store), codeStore, logs, invocations, clock, random, log },
        metrics: this.metrics,
        events: { ledger, redrives, timers, topics, bus },
        secretKeys,
        page,
      },
      {
        ...{ build: "0.1.0-test", apiUrl: "http://127.0.0.1:4400" },
        ...{ gatewayUrl: "http://127.0.0.1:4480", limits: { ...GUARDS, ...this.#limits } },
        ...this.#options,
      },
    );
    this.adminKey = (await control.ensureAdminKey(this.adminKey)) ?? this.adminKey;
    const links = await control.listenLinks(this.socketPath);
    const http = await serveHttp(
      { clock, log, requestId: () => "unused", onRequest: control.apiHandler },
      { listen: { host: "127.0.0.1", port: 0 }, limits: { keepAliveTimeoutMs: KEEP_ALIVE_MS } },
    );
    this.#running = { store, codeStore, control, links, http };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    for (const peer of this.#peers.splice(0)) peer.close();
    running.control.beginDrain();
    await running.http.drain({ deadlineMs: 0 });
    await running.links.close();
    await running.control.close();
    await running.store.close();
  }

  /** As a crash would leave it: nothing but what is on disk survives. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  peer(options: PeerOptions): PeerDouble {
    const peer = new PeerDouble(this.socketPath, options);
    this.#peers.push(peer);
    return peer;
  }

  /** An agent that builds everything well, unless told otherwise. */
  agent(
    build: (head: BuildHead) => object | undefined | Promise<object | undefined> = built,
  ): PeerDouble {
    return this.peer({
      role: "agent",
      id: AGENT_ID,
      answer: (head) => (head.op === "build" ? build(head as BuildHead) : instancesReply([])),
    });
  }

  async send<T = unknown>(method: string, path: string, request: Request = {}): Promise<Reply<T>> {
    const { body, raw, key = this.adminKey, signal } = request;
    const headers = new Headers(request.headers);
    if (key !== null) headers.set("authorization", `Bearer ${key}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(payload === undefined ? {} : { body: payload }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const problems = API.answerProblems(
      { method, path },
      { status: response.status, headers: response.headers, body: text },
    );
    if (problems.length > 0) throw new Error(`${method} ${path}: ${problems.join("; ")}`);
    const isJson = response.headers.get("content-type") === "application/json";
    const value = (isJson && text !== "" ? JSON.parse(text) : text) as T;
    return { status: response.status, headers: response.headers, body: value };
  }

  /** Signs in as a browser would, with a link of the admin key; the cookie to send. */
  async signIn(key = this.adminKey): Promise<{ readonly id: string; readonly cookie: string }> {
    const made = await this.send<{ url: string }>("POST", "/v1/sign-in-links", { key, body: {} });
    const link = made.body.url.split("#sign-in=")[1] ?? "";
    const headers = { "sec-fetch-site": "same-origin" };
    const reply = await this.send("POST", "/session", { key: null, headers, body: { link } });
    const cookie = reply.headers.get("set-cookie")?.split(";")[0] ?? "";
    const { body } = await this.send<{ consoleSessionId: string }>("GET", "/v1/principal", {
      ...{ key: null, headers: { ...headers, cookie } },
    });
    return { id: body.consoleSessionId, cookie };
  }

  /** Uploads one file as the source of a function of the app; its digest. */
  async upload(app: string, text: string): Promise<string> {
    const { digest, bytes } = sourceZip(text);
    const path = `/v1/apps/${app}/packages/${digest}`;
    const reply = await this.send("PUT", path, { raw: bytes });
    if (reply.status !== 201) throw new Error(`upload: ${JSON.stringify(reply.body)}`);
    return digest;
  }

  /** Uploads and deploys functions named after their source; the deployment as it was accepted. */
  async deploy(
    app: string,
    sources: Readonly<Record<string, string>>,
    config: object = {},
  ): Promise<DeploymentResource> {
    const functions = [];
    for (const [name, text] of Object.entries(sources)) {
      functions.push({ name, sourceDigest: await this.upload(app, text), config });
    }
    const path = `/v1/apps/${app}/deployments`;
    const reply = await this.send<DeploymentResource>("POST", path, { body: { functions } });
    if (reply.status !== 202) throw new Error(`deploy: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  /** The deployment once it has ended; rejects when it does not end. */
  async ended({ app, id }: Pick<DeploymentResource, "app" | "id">): Promise<DeploymentResource> {
    const clock = systemClock();
    const endMs = clock.monotonicMs() + ENDED_WITHIN_MS;
    const path = `/v1/apps/${app}/deployments/${id}?waitMs=5000`;
    while (clock.monotonicMs() < endMs) {
      const { body } = await this.send<DeploymentResource>("GET", path);
      if (body.state === "succeeded" || body.state === "failed") return body;
    }
    throw new Error(`deployment ${id} of ${app} did not end`);
  }

  /** Arguments of the latest call of a procedure. */
  lastCall(procedure: string): unknown {
    return this.#lastCalls.get(procedure);
  }

  #faulty(store: Store): ControlStore {
    const call = async (module: never, name: never, args: never): Promise<unknown> => {
      this.#lastCalls.set(name, args);
      await this.faults.before(name, args);
      const fails = this.faults.failsAtTheEnd(name);
      const result: unknown = await store.call(
        module,
        name,
        fails ? (withFault(args as object) as never) : args,
      );
      await this.faults.after(name, args);
      return result;
    };
    return { call: call as Store["call"] };
  }
}

const ENDED_WITHIN_MS = 60_000;

/** So that no client asks over a connection that is being closed for its silence. */
const KEEP_ALIVE_MS = 600_000;

/** Nothing comes near these on a machine that is held up, unless a test sets one to see it pass. */
const GUARDS: Partial<ControlLimits> = {
  appliedDeadlineMs: 120_000,
  agentAnswerMs: 60_000,
  figuresAnswerMs: 60_000,
  silenceMsMax: 600_000,
};

interface Running {
  readonly store: Store;
  readonly codeStore: CodeStore;
  readonly control: ControlPlane;
  readonly links: LinkSocket;
  readonly http: HttpServer;
}

export const AGENT_ID = "node_01kzzzzzzzzzzzzzzzzzzzzzzz";

/** What a store that is down rejects with. */
export function storeDown(): PlatformError {
  return new PlatformError({
    ...{ code: "UNAVAILABLE", reason: "STORE_UNAVAILABLE", retryable: true },
    ...{ message: "The store is down.", hint: "Wait." },
  });
}

/**
 * A gateway between doubles that speak the real protocols over real sockets: clients in front,
 * behind it agents and instances whose behaviour each test writes. For tests only.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintKey } from "@skerry/accounts";
import {
  createIdSource,
  silentLog,
  systemClock,
  systemRandom,
  type AccountId,
  type AppId,
  type FunctionId,
  type GatewayApiId,
  type InstanceId,
  type NodeId,
  type SecretId,
} from "@skerry/base";
import {
  CONFIG_FORMAT,
  decodeInterimRecord,
  decodeMeterRecord,
  decodeTraceEntry,
  METER_RECORD_BYTES,
  serverKeyScope,
  type ActionEntry,
  type AgentNote,
  type ConfigEntry,
  type FunctionConfigInput,
  type FunctionEntry,
  type GatewayNote,
  type HandlerKind,
  type InstanceGrant,
  type MeterRecord,
  type RequestHead,
  type Role,
  type RouteInput,
  type SetQuotas,
  type SpecialiseReply,
  type SpooledLogLine,
  type StartHead,
  type StageEntry,
  type StartReply,
  type TraceEntry,
} from "@skerry/contracts";
import { functionConfig, route } from "@skerry/contracts/schemas";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type LinkStream,
  type StreamHandler,
} from "@skerry/link";
import { systemNetwork } from "@skerry/reach";
import { createMemoryStore } from "@skerry/response-cache";
import { startGateway, type Gateway } from "../src/gateway.ts";
import type { GatewayDeps, GatewayOptions } from "../src/ports.ts";

export const clock = systemClock();
const random = systemRandom();
export const ids = createIdSource({ clock, random });

/** One request as an instance double sees it, its body still arriving. */
export class Call {
  readonly head: RequestHead;
  readonly stream: LinkStream;
  readonly instance: InstanceDouble;
  /** Resolves with the whole body. */
  readonly body: Promise<Buffer>;
  readonly cancelled: Promise<string>;
  readonly handler: StreamHandler;
  onWritable: () => void = () => undefined;
  receivedBytes = 0;

  constructor(
    instance: InstanceDouble,
    opened: { stream: LinkStream; head: string; body: Uint8Array; end: boolean },
  ) {
    this.instance = instance;
    this.head = JSON.parse(opened.head) as RequestHead;
    this.stream = opened.stream;
    const parts: Uint8Array[] = [];
    let resolveBody: (body: Buffer) => void = () => undefined;
    let resolveCancelled: (why: string) => void = () => undefined;
    this.body = new Promise((resolve) => (resolveBody = resolve));
    this.cancelled = new Promise((resolve) => (resolveCancelled = resolve));
    const take = (chunk: Uint8Array, end: boolean): void => {
      parts.push(Buffer.from(chunk));
      this.receivedBytes += chunk.length;
      if (!instance.holdsCredit) this.stream.grant(chunk.length);
      if (end) resolveBody(Buffer.concat(parts));
    };
    this.handler = {
      onReply: () => undefined,
      onBody: take,
      onWritable: () => this.onWritable(),
      onFailed: (error) => resolveCancelled(error.message),
    };
    take(opened.body, opened.end);
  }

  get method(): string {
    return this.head.m;
  }

  header(name: string): string | undefined {
    const at = this.head.h.findIndex((text, i) => i % 2 === 0 && text === name);
    return at < 0 ? undefined : this.head.h[at + 1];
  }

  /** Answers with a whole body. */
  answer(body: string | Uint8Array, options: { s?: number; h?: readonly string[] } = {}): void {
    this.begin(body, options, true);
  }

  begin(
    body: string | Uint8Array,
    options: { s?: number; h?: readonly string[]; st?: true } = {},
    end = false,
  ): void {
    const { s = 200, h = ["content-type", "text/plain"], ...more } = options;
    this.stream.reply(JSON.stringify({ s, h, t: 10, ...more }), Buffer.from(body), end);
  }

  fail(kind: "failed" | "bad_response" | "too_large", name = "TypeError", message = "no"): void {
    const head = { s: 502, h: [], t: 10, e: { kind, name, message } };
    this.stream.reply(JSON.stringify(head), undefined, true);
  }
}

export type Handle = (call: Call) => void;

/** An instance that speaks link as the acceptor. */
export class InstanceDouble {
  readonly grant: InstanceGrant;
  readonly socket: Socket;
  readonly calls: Call[] = [];
  readonly link: Link;
  holdsCredit = false;
  /** Requests that were asked to come to their end. */
  readonly aborted: string[] = [];
  /** Says what came of its code; set once the gateway has asked. */
  sayLoaded: ((reply: SpecialiseReply | string) => void) | undefined;

  constructor(
    grant: InstanceGrant,
    socket: Socket,
    handle: (call: Call, remainingMs: number | undefined) => void,
  ) {
    this.grant = grant;
    this.socket = socket;
    this.link = new Link(
      { pipe: socketPipe(socket), clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "acceptor",
        peer: "gateway",
        hello: { role: "instance" },
        accept: (opened) => {
          if (opened.head === `{"op":"loaded"}`) {
            this.sayLoaded = (reply) => {
              const text = typeof reply === "string" ? reply : JSON.stringify(reply);
              opened.stream.reply(text, undefined, true);
            };
            return IGNORING_STREAM;
          }
          const { op, r } = JSON.parse(opened.head) as { op: string; r: string };
          if (op === "abort") {
            this.aborted.push(r);
            opened.stream.reply("{}", undefined, true);
            return IGNORING_STREAM;
          }
          const call = new Call(this, opened);
          this.calls.push(call);
          handle(call, opened.remainingMs);
          return call.handler;
        },
      },
    );
  }

  get id(): InstanceId {
    return this.grant.instanceId;
  }
}

/** Answers a start; undefined leaves it without an answer. */
export type OnStart = (
  head: StartHead,
  agent: AgentDouble,
) => StartReply | undefined | Promise<StartReply | undefined>;

/** An agent that starts instance doubles. */
export class AgentDouble {
  readonly nodeId: NodeId = ids.id("node");
  readonly agentId: string;
  readonly socketPath: string;
  readonly starts: StartHead[] = [];
  readonly notes: GatewayNote[] = [];
  readonly instances: InstanceDouble[] = [];
  handle: Handle = (call) => call.answer(`${call.head.m} ${call.head.u}`);
  /** Told of each request beside `handle`, with the deadline it came with. */
  onOpened: (call: Call, remainingMs: number | undefined) => void = () => undefined;
  onStart: OnStart = (head) => this.grantStart(head);
  /** What its grants say besides. */
  grantMore: Partial<InstanceGrant> = {};
  readonly #world: World;
  readonly #server: Server;
  readonly #links = new Set<Link>();

  constructor(world: World, name: string) {
    this.#world = world;
    this.agentId = name;
    this.socketPath = join(world.directory, `${name}.sock`);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.socketPath, resolve));
    return this;
  }

  /** Makes an instance and gives its link to the gateway, as a start or unasked. */
  async grantStart(
    head: Pick<StartHead, "functionId" | "revisionId" | "version"> & {
      readonly reason: InstanceGrant["reason"];
    },
    changes: Partial<InstanceGrant> = {},
  ): Promise<StartReply> {
    const known = this.#world.entries.find(({ key }) => key === `function/${head.functionId}`);
    const handlerKind =
      known?.value?.kind === "function" ? known.value.latest.handlerKind : "event";
    const grant: InstanceGrant = {
      instanceId: ids.id("inst"),
      nodeId: this.nodeId,
      functionId: head.functionId,
      revisionId: head.revisionId,
      ...(head.version === undefined ? {} : { version: head.version }),
      handlerKind,
      startKind: "blank",
      reason: head.reason,
      ...{ placeUs: 100, bootUs: 200, codeUs: 300, initUs: 400 },
      ...this.grantMore,
      ...changes,
    };
    const [near, far] = await socketPair();
    const instance = new InstanceDouble(grant, far, (call, remainingMs) => {
      this.onOpened(call, remainingMs);
      this.handle(call);
    });
    this.instances.push(instance);
    this.#world.gateway.onInstance(grant, near, "agent");
    return { ok: true, instance: grant };
  }

  note(note: AgentNote): void {
    for (const link of this.#links) link.note(JSON.stringify(note));
  }

  /** An instance ends, which its agent says at once. */
  died(instance: InstanceDouble): void {
    const exit = { code: 1, signal: null, outOfMemory: false };
    this.note({ op: "exited", instanceId: instance.id, exit });
    instance.socket.destroy();
  }

  /** Notes of one kind about one instance. */
  notesOf(instance: InstanceDouble, op: GatewayNote["op"]): readonly GatewayNote[] {
    return this.notes.filter((note) => note.op === op && note.instanceId === instance.id);
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.close("the test's agent ends");
    for (const { socket } of this.instances) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const link: Link = new Link(
      { pipe: socketPipe(socket), clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        side: "acceptor",
        peer: "gateway",
        hello: { role: "agent" },
        onNote: (text) => this.notes.push(JSON.parse(text) as GatewayNote),
        onClosed: () => this.#links.delete(link),
        accept: (opened) => {
          const head = JSON.parse(opened.head) as StartHead;
          this.starts.push(head);
          void Promise.resolve(this.onStart(head, this)).then((reply) => {
            if (reply !== undefined) opened.stream.reply(JSON.stringify(reply), undefined, true);
          });
          return IGNORING_STREAM;
        },
      },
    );
    this.#links.add(link);
  }
}

/** Two connected sockets. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const path = join(mkdtempSync(join(tmpdir(), "pair-")), "s");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const near = connect(path);
  await new Promise<void>((resolve) => near.once("connect", () => resolve()));
  const far = await accepted;
  server.close();
  rmSync(join(path, ".."), { recursive: true });
  return [near, far];
}

export interface FunctionSpec {
  readonly appId?: AppId;
  readonly app?: string;
  readonly name?: string;
  readonly kind?: HandlerKind;
  readonly config?: FunctionConfigInput;
}

export interface StageSpec {
  readonly app?: string;
  readonly api?: string;
  readonly apiId?: GatewayApiId;
  readonly stage?: string;
  readonly publication?: number;
  readonly qualifier?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly routes?: readonly RouteInput[];
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Buffer;
  /** The platform's error, when it is one. */
  readonly error: { readonly reason: string; readonly message: string; readonly requestId: string };
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export class World {
  readonly directory = mkdtempSync(join(tmpdir(), "gateway-"));
  readonly accountId: AccountId = ids.id("acct");
  readonly records: MeterRecord[] = [];
  readonly interims: MeterRecord[] = [];
  readonly traces: TraceEntry[] = [];
  readonly handedOver: { grant: InstanceGrant; socket: Socket }[] = [];
  readonly entries: ConfigEntry[] = [];
  readonly agents: AgentDouble[] = [];
  /** What was written to access logs. */
  readonly accessLines: SpooledLogLine[] = [];
  readonly #apps = new Map<string, AppId>();
  onAppend: (records: readonly MeterRecord[]) => void = () => undefined;
  gateway: Gateway = undefined as never;

  /** Adds to the configuration that lies on disk when the gateway starts. */
  fn(spec: FunctionSpec = {}, accountId = this.accountId): FunctionEntry {
    const entry = functionEntry(accountId, { appId: this.appId(spec.app ?? "shop"), ...spec });
    this.#add(`function/${entry.id}`, entry);
    return entry;
  }

  appId(app: string): AppId {
    const known = this.#apps.get(app) ?? ids.id("app");
    this.#apps.set(app, known);
    return known;
  }

  /** Adds what a stage of the API `shop/public` serves. */
  stage(spec: StageSpec): StageEntry {
    const { app = "shop", api = "public", stage = "release", routes = [] } = spec;
    const apiId = spec.apiId ?? ids.id("api");
    const entry: StageEntry = {
      ...{ kind: "stage", apiId, accountId: this.accountId, appId: this.appId(app) },
      ...{ app, api, stage, publication: spec.publication ?? 1 },
      ...{ qualifier: spec.qualifier ?? "$LATEST", variables: spec.variables ?? {} },
      routes: routes.map((one) => route.parse({ auth: "none", ...one })),
    };
    this.#add(`stage/${apiId}/${stage}`, entry);
    return entry;
  }

  /** Adds a host that leads to a stage. */
  domain(host: string, { apiId, app, stage, accountId }: StageEntry): void {
    const certificate = null;
    const entry = { host, accountId, app, apiId, stage, httpsOnly: false, certificate };
    this.#add(`domain/${host}`, { kind: "domain", ...entry });
  }

  /** Adds a key and returns its text. */
  key(role: Role = "developer", apps: readonly string[] | null = null): string {
    const id = ids.id("key");
    const { text, secretSha256 } = mintKey(id, random);
    this.#add(`key/${id}`, {
      ...{ kind: "key", id, role, apps, secretSha256 },
      accountId: this.accountId,
    });
    return text;
  }

  /** Adds an action. */
  action(entry: Omit<ActionEntry, "kind" | "id" | "accountId">): void {
    const id = ids.id("act");
    this.#add(`action/${id}`, { kind: "action", id, accountId: this.accountId, ...entry });
  }

  /** Adds a server key of an app and returns its id; it opens to `secret`. */
  serverKey(app: string, secret: string): SecretId {
    const id = ids.id("sec");
    const sealed = { format: 1, keyId: "k", wrappedKey: "w", value: secret } as const;
    this.#add(`secret/${id}`, {
      ...{ kind: "secret", id, accountId: this.accountId, app: serverKeyScope(app) },
      ...{ name: "players", version: 1, sealed },
    });
    return id;
  }

  /** Sets quotas of the world's account. */
  quotas(set: SetQuotas): void {
    const { accountId } = this;
    this.#add(`quotas/${accountId}`, { kind: "quotas", accountId, set });
  }

  #add(key: string, value: ConfigEntry["value"]): void {
    this.entries.push({ seq: this.entries.length + 1, key, value });
  }

  async agent(): Promise<AgentDouble> {
    const agent = await new AgentDouble(this, `agent-${this.agents.length}`).listen();
    this.agents.push(agent);
    return agent;
  }

  get port(): number {
    return this.gateway.stats().port ?? 0;
  }

  async start(
    options: Partial<GatewayOptions> = {},
    deps: Partial<GatewayDeps> = {},
  ): Promise<Gateway> {
    const snapshotPath = join(this.directory, "config.json");
    const { entries } = this;
    if (entries.length > 0) {
      const snapshot = { format: CONFIG_FORMAT, seq: entries.length, entries };
      writeFileSync(snapshotPath, JSON.stringify(snapshot));
    }
    this.gateway = await startGateway(
      {
        ...{ clock, random, log: silentLog(), network: systemNetwork() },
        meter: { append: (bytes) => this.#append(bytes), isBehind: () => false },
        handOver: (grant, socket) => void this.handedOver.push({ grant, socket }),
        accessSpool: {
          append: (bytes) => {
            const lines = Buffer.from(bytes).toString().trimEnd().split("\n");
            this.accessLines.push(...lines.map((line) => JSON.parse(line) as SpooledLogLine));
          },
        },
        cacheStore: createMemoryStore({ bytesMax: 1 << 20 }),
        sourceDirectory: (digest) => join(this.directory, digest),
        openServerKey: ({ sealed }) => Promise.resolve(sealed.value),
        ...deps,
      },
      {
        gatewayId: ids.id("gw"),
        listen: { host: "127.0.0.1", port: 0 },
        controlSocketPath: join(this.directory, "control.sock"),
        snapshotPath,
        agents: this.agents,
        build: "test",
        ...options,
      },
    );
    await until(() => this.gateway.stats().agents === this.agents.length);
    return this.gateway;
  }

  #append(bytes: Uint8Array): void {
    const added: MeterRecord[] = [];
    for (let at = 0; at < bytes.length; at += METER_RECORD_BYTES) {
      const record = decodeMeterRecord(bytes, at);
      if (record !== undefined) added.push(record);
      const interim = decodeInterimRecord(bytes, at);
      if (interim !== undefined) this.interims.push(interim);
      const trace = decodeTraceEntry(bytes, at);
      if (trace !== undefined) this.traces.push(trace);
    }
    this.records.push(...added);
    this.onAppend(added);
  }

  async close(): Promise<void> {
    await this.gateway.close();
    for (const agent of this.agents) await agent.close();
    for (const { socket } of this.handedOver) socket.destroy();
    rmSync(this.directory, { recursive: true });
  }

  /** Asks the gateway; rejects when the connection breaks. */
  async ask(asked: Asked = {}): Promise<Answered> {
    return await askPort(this.port, asked);
  }

  /** Asks `app/fn` by path. */
  async call(fn: FunctionEntry, asked: Asked = {}): Promise<Answered> {
    return await this.ask({ ...asked, path: `/-/${fn.app}/${fn.name}${asked.path ?? "/"}` });
  }
}

export function functionEntry(accountId: AccountId, spec: FunctionSpec): FunctionEntry {
  const id: FunctionId = ids.id("fn");
  return {
    kind: "function",
    id,
    accountId,
    appId: spec.appId ?? ids.id("app"),
    app: spec.app ?? "shop",
    name: spec.name ?? "hello",
    latest: {
      id: ids.id("rev"),
      sourceDigest: "src_0",
      artefactKey: "art_0",
      handlerKind: spec.kind ?? "event",
      runtimeBuild: "node26",
      config: functionConfig.parse({ auth: "none", ...spec.config }),
      createdWallMs: clock.wallMs(),
    },
  };
}

export async function askPort(port: number, asked: Asked): Promise<Answered> {
  const { method = asked.body === undefined ? "GET" : "POST", path = "/", host, body } = asked;
  return await new Promise((resolve, reject) => {
    const req = httpRequest(
      {
        ...{ host: "127.0.0.1", port, method, path, agent: false },
        headers: {
          ...(host === undefined ? {} : { host }),
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
          ...asked.headers,
        },
      },
      (res) => {
        const parts: Buffer[] = [];
        res.on("data", (part: Buffer) => parts.push(part));
        res.on("error", reject);
        res.on("end", () => {
          const bytes = Buffer.concat(parts);
          const text = bytes.toString();
          resolve({
            ...{ status: res.statusCode ?? 0, headers: res.headers, body: text, bytes },
            get error() {
              return (JSON.parse(text) as { error: Answered["error"] }).error;
            },
          });
        });
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

/** Waits for a condition; fails after a minute. */
export async function until(holds: () => boolean, what = String(holds)): Promise<void> {
  const endMs = clock.monotonicMs() + 60_000;
  while (!holds()) {
    if (clock.monotonicMs() > endMs) throw new TypeError(`never came true: ${what}`);
    await new Promise<void>((resolve) => clock.schedule(2, resolve));
  }
}

/** Waits until a value has stayed the same for a while, and returns it. */
export async function steady(value: () => number, forMs = 150): Promise<number> {
  let seen = value();
  for (let sameMs = 0; sameMs < forMs; sameMs += 10) {
    await new Promise<void>((resolve) => clock.schedule(10, resolve));
    if (value() !== seen) sameMs = 0;
    seen = value();
  }
  return seen;
}

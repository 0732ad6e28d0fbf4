/**
 * Starts the real bootstrap as a child process and speaks to it over its link, as agent and gateway
 * do.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock, type PlatformError } from "@skerry/base";
import {
  LOG_LINE_MARK,
  type BundleManifest,
  type CodeCacheReply,
  type ReplyHead,
  type RequestHead,
  type RuntimeLogLine,
  type SpecialiseHead,
  type SpecialiseReply,
} from "@skerry/contracts";
import {
  bufferText,
  IGNORING_STREAM,
  Link,
  socketPipe,
  type LinkStream,
  type OpenedStream,
  type SocketPipe,
  type StreamHandler,
} from "@skerry/link";
import { build } from "esbuild";
import { nodeFlags, RUNTIME_ENTRY, warmArgument, type WarmKind } from "../src/index.ts";

export interface Artefact {
  readonly directory: string;
  readonly manifest: BundleManifest;
}

/** A temporary directory that is removed with the test. */
export function scratch(after: (run: () => void) => void): string {
  const directory = mkdtempSync(join(tmpdir(), "skerry-runtime-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

let runtimeFile: Promise<string> | undefined;

/** The bootstrap bundled once per test process, the way the agent does. */
export function bundledRuntime(): Promise<string> {
  runtimeFile ??= bundleRuntime();
  return runtimeFile;
}

async function bundleRuntime(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "skerry-runtime-bundle-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  const outfile = join(directory, "runtime.cjs");
  await build({
    entryPoints: [fileURLToPath(RUNTIME_ENTRY)],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    logLevel: "error",
  });
  return outfile;
}

/** Writes plain JavaScript as an artefact. */
export function plainArtefact(
  directory: string,
  source: string,
  options: {
    readonly format?: "cjs" | "esm";
    readonly files?: Readonly<Record<string, string>>;
  } = {},
): Artefact {
  const format = options.format ?? "cjs";
  const bundle = format === "cjs" ? "bundle.cjs" : "bundle.mjs";
  const files = Object.entries(options.files ?? {});
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, bundle), source);
  for (const [name, text] of files) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return writeManifest(directory, { bundle, bundleFormat: format, assetFiles: files.length });
}

/** Builds a user's TypeScript folder as the platform's build does: bundle and linked source map. */
export async function builtArtefact(
  directory: string,
  sources: Readonly<Record<string, string>>,
  sourcemap: "linked" | "inline" | "external" = "linked",
): Promise<Artefact> {
  const folder = join(directory, "src");
  const out = join(directory, "out");
  mkdirSync(out, { recursive: true });
  for (const [name, text] of Object.entries(sources)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const built = await build({
    absWorkingDir: folder,
    entryPoints: ["index.ts"],
    outfile: join(folder, "bundle.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    sourcemap,
    write: false,
  });
  for (const { path, contents } of built.outputFiles) {
    writeFileSync(join(out, path.slice(folder.length + 1)), contents);
  }
  return writeManifest(out, { bundle: "bundle.cjs", bundleFormat: "cjs", assetFiles: 0 });
}

export function writeManifest(
  directory: string,
  facts: Pick<BundleManifest, "bundle" | "bundleFormat" | "assetFiles"> & {
    readonly codeCache?: string;
  },
): Artefact {
  const manifest: BundleManifest = {
    format: 1,
    codeCache: null,
    handlerKind: null,
    initFailure: null,
    ...facts,
  };
  writeFileSync(join(directory, "artefact.json"), JSON.stringify(manifest));
  return { directory, manifest };
}

export interface Answered {
  readonly head: ReplyHead;
  readonly body: Buffer;
  text(): string;
  json(): unknown;
}

export interface RequestOptions {
  readonly id?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: Uint8Array | string;
  readonly remainingMs?: number;
  readonly coldReason?: RequestHead["c"];
  readonly parent?: string;
  readonly attempt?: RequestHead["iv"];
  /** Asks to leave HTTP. */
  readonly upgrade?: RequestHead["up"];
}

/** A stream whose parts the test sends and takes one by one. */
export interface OpenRequest {
  readonly stream: LinkStream;
  /** Resolves with the head; rejects when the instance cancelled or went. */
  readonly replied: Promise<ReplyHead>;
  /** Resolves with the whole body. */
  readonly finished: Promise<Buffer>;
  /** Body bytes that have arrived. */
  received(): number;
  /** The same as they are. */
  bytes(): Buffer;
  /** Resolves when the stream takes bytes again. */
  writable(): Promise<void>;
}

const LOOK_MS = 50;

function specialiseHead(codeDirectory: string): SpecialiseHead {
  return {
    op: "specialise",
    codeDirectory,
    handler: "handler",
    names: { app: "shop", fn: "hello", revision: "rev_1" },
    instanceId: "inst_1",
    env: {},
    memoryMb: 128,
    timeoutMs: 10_000,
    payloadBytesMax: 6 << 20,
  };
}

export class Instance {
  readonly child: ChildProcess;
  readonly socket: Socket;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** Whole lines of stdout: entries and raw text. */
  readonly entries: RuntimeLogLine[] = [];
  rawOutput = "";
  stderr = "";
  link: Link;
  pipe: SocketPipe;
  instanceFacts: Readonly<Record<string, string | number>> | undefined;
  /** Takes what the instance opens. */
  accept: (opened: OpenedStream) => StreamHandler = ({ stream }) => {
    stream.cancel("nobody takes it");
    return IGNORING_STREAM;
  };
  readonly #waiting = new Set<() => void>();
  #stdoutRest = "";
  #requests = 0;

  constructor(child: ChildProcess) {
    this.child = child;
    this.socket = child.stdio[3] as Socket;
    this.exited = once(child, "exit").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#onStdout(text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    this.pipe = socketPipe(this.socket);
    this.link = this.connect();
  }

  /** Speaks to the instance as a new initiator; after `park` on the link before. */
  connect(caller: "gateway" | "agent" = "gateway"): Link {
    this.pipe = socketPipe(this.socket);
    this.link = new Link(
      {
        pipe: this.pipe,
        clock: systemClock(),
        text: bufferText(Buffer),
        scheduleFlush: (flush) => void setImmediate(flush),
      },
      {
        side: "initiator",
        peer: "instance",
        hello: { role: caller, caller },
        // A busy machine starts a process in its own time.
        waitsForHello: true,
        accept: (opened) => this.accept(opened),
        onHello: ({ facts }) => {
          this.instanceFacts = facts;
          this.#changed();
        },
      },
    );
    return this.link;
  }

  async specialise(
    { directory }: Pick<Artefact, "directory">,
    changes: Partial<SpecialiseHead> = {},
  ): Promise<SpecialiseReply> {
    const head = { ...specialiseHead(directory), ...changes };
    return JSON.parse((await this.ask(JSON.stringify(head))).head) as SpecialiseReply;
  }

  /** Specialises by a last word, and speaks to the instance as the next peer. */
  leaveWith({ directory }: Pick<Artefact, "directory">): void {
    this.link.leave(JSON.stringify(specialiseHead(directory)));
    this.pipe.detach();
    this.connect();
  }

  /** Specialises and insists that it worked. */
  async load(
    artefact: Pick<Artefact, "directory">,
    changes: Partial<SpecialiseHead> = {},
  ): Promise<void> {
    const reply = await this.specialise(artefact, changes);
    if (!reply.ok) throw new Error(`specialise failed: ${reply.name}: ${reply.message}`);
  }

  async codeCache(): Promise<{ readonly reply: CodeCacheReply; readonly bytes: Buffer }> {
    const { head, body } = await this.ask(JSON.stringify({ op: "code-cache" }));
    return { reply: JSON.parse(head) as CodeCacheReply, bytes: body };
  }

  ask(head: string): Promise<{ head: string; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let replied = "";
      const take = (chunk: Uint8Array, end: boolean): void => {
        chunks.push(new Uint8Array(chunk));
        stream.grant(chunk.length);
        if (end) resolve({ head: replied, body: Buffer.concat(chunks) });
      };
      const stream = this.link.open(
        head,
        { end: true },
        {
          onReply: (text, body, end) => {
            replied = text;
            take(body, end);
          },
          onBody: take,
          onWritable: () => undefined,
          onFailed: reject,
        },
      );
    });
  }

  /** Opens a request; its body is what `options` has, ended unless `more` is to come. */
  open(options: RequestOptions = {}, more = false, autoGrant = true): OpenRequest {
    const { method = "GET", path = "/", headers = [], body } = options;
    const head: RequestHead = {
      op: "request",
      id: options.id ?? this.nextId(),
      m: method,
      u: path,
      h: headers,
      a: "hello.shop.localhost:4480",
      ...(options.coldReason === undefined ? {} : { c: options.coldReason }),
      ...(options.parent === undefined ? {} : { p: options.parent }),
      ...(options.attempt === undefined ? {} : { iv: options.attempt }),
      ...(options.upgrade === undefined ? {} : { up: options.upgrade }),
    };
    const replied = Promise.withResolvers<ReplyHead>();
    const finished = Promise.withResolvers<Buffer>();
    finished.promise.catch(() => undefined);
    replied.promise.catch(() => undefined);
    const chunks: Uint8Array[] = [];
    let received = 0;
    let wake: (() => void) | undefined;
    const onBody = (chunk: Uint8Array, end: boolean): void => {
      received += chunk.length;
      chunks.push(new Uint8Array(chunk));
      if (autoGrant) stream.grant(chunk.length);
      if (end) finished.resolve(Buffer.concat(chunks));
      this.#changed();
    };
    const stream = this.link.open(
      JSON.stringify(head),
      {
        end: !more,
        ...(body === undefined
          ? {}
          : { body: typeof body === "string" ? Buffer.from(body) : body }),
        ...(options.remainingMs === undefined ? {} : { remainingMs: options.remainingMs }),
      },
      {
        onReply: (text, chunk, end) => {
          replied.resolve(JSON.parse(text) as ReplyHead);
          onBody(chunk, end);
        },
        onBody,
        onWritable: () => wake?.(),
        onFailed: (error: PlatformError) => {
          replied.reject(error);
          finished.reject(error);
        },
      },
    );
    return {
      stream,
      replied: replied.promise,
      finished: finished.promise,
      received: () => received,
      bytes: () => Buffer.concat(chunks),
      writable: () => new Promise((resolve) => (wake = resolve)),
    };
  }

  /** One request to its end. */
  async request(options: RequestOptions = {}): Promise<Answered> {
    const { replied, finished } = this.open(options);
    const head = await replied;
    const body = await finished;
    return {
      head,
      body,
      text: () => body.toString(),
      json: () => JSON.parse(body.toString()) as unknown,
    };
  }

  /** An invocation with an event. */
  invoke(event: unknown, options: RequestOptions = {}): Promise<Answered> {
    return this.request({ method: "EVENT", body: JSON.stringify(event), ...options });
  }

  nextId(): string {
    this.#requests += 1;
    return `00000000-0000-7000-8000-${String(this.#requests).padStart(12, "0")}`;
  }

  /**
   * Resolves when `condition` holds; fails after a minute. It is looked at when output or frames
   * arrive, and in between, since not all that the link does is told here.
   */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        clearInterval(looks);
        this.#waiting.delete(check);
      };
      const check = (): void => {
        if (!condition()) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        const seen = `stderr: ${this.stderr}; log: ${JSON.stringify(this.entries)}`;
        reject(new Error(`never came; ${seen}`));
      }, 60_000);
      const looks = setInterval(check, LOOK_MS);
      this.#waiting.add(check);
    });
  }

  /** Messages of the log, optionally of one request. */
  messages(requestId?: string): string[] {
    return this.entries
      .filter(({ r }) => requestId === undefined || r === requestId)
      .map(({ m }) => m);
  }

  #onStdout(text: string): void {
    const lines = (this.#stdoutRest + text).split("\n");
    this.#stdoutRest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith(LOG_LINE_MARK)) {
        this.entries.push(JSON.parse(line.slice(1)) as RuntimeLogLine);
      } else {
        this.rawOutput += `${line}\n`;
      }
    }
    this.#changed();
  }

  #changed(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** A fresh instance that runs this source; both end with the test. */
export async function runSource(
  t: { readonly after: (run: () => void | Promise<void>) => void },
  source: string,
  options: SourceOptions = {},
): Promise<Instance> {
  const directory = join(
    scratch((run) => t.after(run)),
    "code",
  );
  const instance = await startInstance((run) => t.after(run), options);
  await instance.load(plainArtefact(directory, source, options), options.specialise);
  return instance;
}

export interface SourceOptions extends StartOptions {
  readonly format?: "cjs" | "esm";
  readonly files?: Readonly<Record<string, string>>;
  readonly specialise?: Partial<SpecialiseHead>;
}

export interface StartOptions {
  readonly memoryMb?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly warm?: WarmKind;
}

/** Starts a blank; it is killed when the test ends. */
export async function startInstance(
  after: (run: () => Promise<void>) => void,
  options: StartOptions = {},
): Promise<Instance> {
  const file = await bundledRuntime();
  const flags = nodeFlags(options.memoryMb ?? 128);
  const child = spawn(process.execPath, [...flags, file, warmArgument(options.warm ?? "none")], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...options.env },
  });
  const instance = new Instance(child);
  after(async () => {
    child.kill("SIGKILL");
    await instance.exited;
    instance.link.close("the test is over");
  });
  return instance;
}

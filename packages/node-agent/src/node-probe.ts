/**
 * Tries this node's walls: starts instances as functions are started, lets the probes of
 * `@skerry/sandbox` ask from inside, and adds what only the agent can see, the link's own frames.
 * One run at a time; who asks meanwhile gets its answer. Nothing of a run is left.
 */
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, type Clock, type IdSource } from "@skerry/base";
import {
  readSpecialiseReply,
  type ArtefactManifest,
  type ProbeReply,
  type RequestHead,
  type SpecialiseHead,
} from "@skerry/contracts";
import {
  judge,
  judgeUnwalled,
  PROBE_MODULE,
  runProbes,
  writeProbeFiles,
  type ProbedSandbox,
  type ProbeVerdict,
  type Sandbox,
  type SandboxDriver,
} from "@skerry/sandbox";
import { fail } from "./errors.ts";
import { judgeLink, type LinkEvidence } from "./link-probes.ts";
import { CODE_MOUNT, limitsOf, type Reply, type RuntimeProcess } from "./runtime-process.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import type { Runtimes } from "./runtimes.ts";

export interface NodeProbeDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly runtimes: Runtimes;
  /** Directory for the run's own files; sandboxes' uids can pass through it. */
  readonly buildsDirectory: string;
  startRuntime(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly codeDirectory: string;
  }): Promise<RuntimeProcess>;
}

/** A small function's class. */
const MEMORY_MB = 192;
const ANSWER_TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 1 << 20;
/** Less than the shortest answer of a probe. */
const TOO_FEW_BYTES = 4;

export class NodeProbe {
  readonly #deps: NodeProbeDeps;
  #running: Promise<ProbeReply> | undefined;

  constructor(deps: NodeProbeDeps) {
    this.#deps = deps;
  }

  get underWay(): number {
    return this.#running === undefined ? 0 : 1;
  }

  /** Never rejects. */
  run(): Promise<ProbeReply> {
    this.#running ??= this.#run()
      .catch((error: unknown): ProbeReply => {
        const why = PlatformError.from(error).message;
        return { ok: false, error: fail("NODE_PROBE_FAILED", { why }, error).toWire() };
      })
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<ProbeReply> {
    const { clock, sandboxes, ids, buildsDirectory } = this.#deps;
    const startedMs = clock.monotonicMs();
    if (sandboxes.level.rung === "process") {
      const probes = [...judgeUnwalled(sandboxes.level), ...judgeLink(null)];
      return { ok: true, tookMs: clock.monotonicMs() - startedMs, probes };
    }
    const directory = join(buildsDirectory, ids.id("inst"));
    const started: RuntimeProcess[] = [];
    try {
      const probes = await this.#probe(directory, started);
      return { ok: true, tookMs: clock.monotonicMs() - startedMs, probes };
    } finally {
      await Promise.all(started.map((instance) => instance.destroy()));
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #probe(directory: string, started: RuntimeProcess[]): Promise<readonly ProbeVerdict[]> {
    const { sandboxes, runtimes } = this.#deps;
    const runtime = await runtimes.of("node26");
    const directories = ["subject", "neighbour", "forger"].map((name) => join(directory, name));
    await Promise.all(directories.map(layProbe));
    const start = async (codeDirectory: string): Promise<RuntimeProcess> => {
      const instance = await this.#deps.startRuntime({
        ...{ runtime, memoryMb: MEMORY_MB, codeDirectory },
      });
      started.push(instance);
      await specialise(instance);
      return instance;
    };
    const [subjectDirectory = "", neighbourDirectory = "", forgerDirectory = ""] = directories;
    const subject = await start(subjectDirectory);
    const neighbour = await start(neighbourDirectory);
    const evidence = await runProbes({
      level: sandboxes.level,
      subject: probed(subject),
      neighbour: probed(neighbour),
      directory: CODE_MOUNT,
      limits: limitsOf(MEMORY_MB),
      hostFile: join(runtime.directory, "runtime.cjs"),
      neighbourFile: join(neighbourDirectory, PROBE_MODULE),
      startBare:
        process.arch === "x64" ? (program) => this.#startBare(program, subjectDirectory) : null,
    });
    const link = await attackLink(await start(forgerDirectory), neighbour);
    return [...judge(evidence), ...judgeLink(link)];
  }

  #startBare(program: string, directory: string): Promise<Sandbox> {
    return this.#deps.sandboxes.start({
      id: this.#deps.ids.id("inst"),
      command: [join(CODE_MOUNT, program)],
      env: {},
      cwd: CODE_MOUNT,
      mounts: [{ kind: "ro", source: directory, target: CODE_MOUNT }],
      limits: limitsOf(MEMORY_MB),
    });
  }
}

/** An artefact whose handler is the probe. */
async function layProbe(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755);
  writeProbeFiles(directory);
  const manifest: ArtefactManifest = {
    ...{ format: 1, bundle: PROBE_MODULE, bundleFormat: "esm", codeCache: null, assetFiles: 0 },
    ...{ handlerKind: "event", initFailure: null },
  };
  await writeFile(join(directory, "artefact.json"), JSON.stringify(manifest), { mode: 0o644 });
}

function specialiseHead(instance: RuntimeProcess): SpecialiseHead {
  return {
    op: "specialise",
    codeDirectory: instance.codeDirectoryInside,
    handler: "handler",
    names: { app: "doctor", fn: "probe", revision: "probe" },
    instanceId: instance.id,
    env: {},
    memoryMb: MEMORY_MB,
    timeoutMs: ANSWER_TIMEOUT_MS,
    payloadBytesMax: ANSWER_BYTES_MAX,
  };
}

async function specialise(instance: RuntimeProcess): Promise<void> {
  const question = { head: specialiseHead(instance), timeoutMs: ANSWER_TIMEOUT_MS };
  const reply = readSpecialiseReply((await instance.ask({ ...question, bodyBytesMax: 0 })).head);
  if (!reply.ok) throw fail("INSTANCE_START_FAILED", { why: `${reply.name}: ${reply.message}` });
}

/** One request to the probe's handler, as a gateway would send it. */
async function request(
  instance: RuntimeProcess,
  event: unknown,
  bodyBytesMax = ANSWER_BYTES_MAX,
): Promise<Reply> {
  const head: RequestHead = { op: "request", id: instance.id, m: "EVENT", u: "/", h: [], a: "" };
  const body = Buffer.from(JSON.stringify(event));
  return await instance.ask({ head, body, timeoutMs: ANSWER_TIMEOUT_MS, bodyBytesMax });
}

function probed(instance: RuntimeProcess): ProbedSandbox {
  return {
    sandbox: instance.sandbox,
    ended: () => instance.end(),
    ask: async (event) => {
      const { head, body } = await request(instance, event);
      const { e } = head as { readonly e?: { readonly name: string; readonly message: string } };
      if (e !== undefined) {
        throw fail("INSTANCE_START_FAILED", { why: `the probe threw ${e.name}: ${e.message}` });
      }
      return JSON.parse(body.toString("utf8")) as unknown;
    },
  };
}

/** Any question that is answered at once. */
const SMALL_TALK = { part: "fork", directory: "", count: 0 };

async function attackLink(
  forger: RuntimeProcess,
  neighbour: RuntimeProcess,
): Promise<LinkEvidence> {
  const second = await neighbour.ask({
    ...{ head: specialiseHead(neighbour), timeoutMs: ANSWER_TIMEOUT_MS, bodyBytesMax: 0 },
  });
  const answers = (instance: RuntimeProcess, bodyBytesMax?: number): Promise<boolean> =>
    request(instance, SMALL_TALK, bodyBytesMax).then(
      () => true,
      () => false,
    );
  const tooMuch = await answers(neighbour, TOO_FEW_BYTES);
  const forged = await request(forger, { part: "forge" }).then(
    () => "kept" as const,
    (error: unknown) =>
      PlatformError.from(error).reason === "RUNTIME_SILENT" ? ("kept" as const) : "cut off",
  );
  return {
    secondCode: readSpecialiseReply(second.head).ok,
    tooMuch,
    forged,
    neighbourAnswers: await answers(neighbour),
  };
}

/**
 * The runtimes of this node. Node's is laid down when the agent starts; a language's is when code
 * first asks for it, because it needs an interpreter that the machine may lack or get later.
 */
import { unreachable, type Log } from "@skerry/base";
import type { FunctionConfig, HandlerKind, RuntimeName } from "@skerry/contracts";
import { LANGUAGE_RUNTIMES } from "@skerry/instance-runtime";
import { keptBuild } from "./kept-runtimes.ts";
import { prepareLanguageRuntime } from "./language-runtime.ts";
import { fetchNode24, type Node24Options } from "./node24.ts";
import {
  prepareNodeRuntime,
  prepareProgramRuntime,
  type NodeRuntimeOptions,
} from "./node-runtime.ts";
import type { RuntimeBuild } from "./runtime-build.ts";

/** What code runs in: a language's runtime, or the shim beside a program of its own. */
export type RuntimeKind = Exclude<RuntimeName, "custom"> | "program";

export interface Runtimes {
  /** Rejects with RUNTIME_MISSING, which names what to install, or RUNTIME_UNUSABLE. */
  of(kind: RuntimeKind): Promise<RuntimeBuild>;
  /**
   * The build that a revision recorded, as long as its files are kept; else that of now, which the
   * log says once for each. Rejects as `of` does.
   */
  recorded(kind: RuntimeKind, id: string): Promise<RuntimeBuild>;
  /** Ids of the builds of now, as far as anything asked for them. */
  current(): Promise<readonly string[]>;
}

/** Kinds whose handlers are bundled. */
export function isNode(kind: RuntimeKind): boolean {
  return kind === "node26" || kind === "node24";
}

/** What `config` asks for, whatever the code turns out to be. */
export function runtimeKindOf(config: {
  readonly runtime: RuntimeName;
  readonly command?: string | null | undefined;
}): RuntimeKind {
  const { runtime, command } = config;
  return runtime === "custom" || typeof command === "string" ? "program" : runtime;
}

export type RuntimesOptions = NodeRuntimeOptions & Node24Options & { readonly log: Log };

/** Resolves when Node's runtime is there. Rejects with RUNTIME_UNUSABLE. */
export async function prepareRuntimes(options: RuntimesOptions): Promise<Runtimes> {
  const node = await prepareNodeRuntime(options);
  const prepared = new Map<RuntimeKind, Promise<RuntimeBuild>>([
    ["node26", Promise.resolve(node)],
    ["program", Promise.resolve(prepareProgramRuntime(node))],
  ]);
  const of = (kind: RuntimeKind): Promise<RuntimeBuild> => {
    const known = prepared.get(kind);
    if (known !== undefined) return known;
    const preparing = prepare(kind, options);
    prepared.set(kind, preparing);
    // What is missing may be installed before the next one asks.
    preparing.catch(() => prepared.delete(kind));
    return preparing;
  };
  return {
    of,
    recorded: recordedIn(of, options),
    current: async () => {
      const builds = await Promise.allSettled(prepared.values());
      return builds.flatMap((one) => (one.status === "fulfilled" ? [one.value.id] : []));
    },
  };
}

function recordedIn(
  of: Runtimes["of"],
  { runtimesDirectory, log }: RuntimesOptions,
): Runtimes["recorded"] {
  const kept = new Map<string, Promise<RuntimeBuild | undefined>>();
  return async (kind, id) => {
    const now = await of(kind);
    if (now.id === id) return now;
    let reading = kept.get(id);
    if (reading === undefined) {
      reading = keptBuild(runtimesDirectory, id, now).catch(() => undefined);
      kept.set(id, reading);
      if ((await reading) === undefined) {
        log.warn("a recorded runtime is not kept here; its code runs in that of now", {
          recorded: id,
          now: now.id,
        });
      }
    }
    return (await reading) ?? now;
  };
}

function prepare(kind: RuntimeKind, options: RuntimesOptions): Promise<RuntimeBuild> {
  switch (kind) {
    case "python3":
    case "php8":
      return prepareLanguageRuntime({
        runtimesDirectory: options.runtimesDirectory,
        source: LANGUAGE_RUNTIMES[kind],
      });
    case "node24":
      return fetchNode24(options).then((found) => prepareNodeRuntime({ ...options, ...found }));
    case "node26":
    case "program":
      throw new TypeError(`${kind} is prepared at the start`);
    default:
      return unreachable(kind);
  }
}

/** What of a revision decides which blanks may become its instances. */
export interface Warmth {
  readonly config: Pick<FunctionConfig, "runtime" | "memoryMb"> & {
    readonly command?: string | undefined;
    readonly layers?: readonly string[] | undefined;
  };
  readonly handlerKind: HandlerKind;
  /** What it recorded; without it the build of now. */
  readonly runtimeBuild?: string;
}

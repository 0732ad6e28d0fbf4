/** Control of a simulated world: dispatch as it is, over the world's store, clock and links. */
import { createIdSource, silentLog } from "@skerry/base";
import { Peers, type ConfigLog, type Peer } from "@skerry/control-links";
import { bufferText, IGNORING_STREAM, Link, type BytePipe } from "@skerry/link";
import {
  connectProcesses,
  type Dice,
  type SimulatedPipes,
  type SimulatedProcess,
  type Timeline,
} from "@skerry/testkit/simulation";
import type { createDispatch as CreateDispatch, Dispatch } from "../../src/index.ts";
import type { DispatchLimits } from "../../src/limits.ts";
import { NO_WEBHOOKS } from "../no-webhooks.ts";
import type { StoreSide } from "./shared-store.ts";

export interface PlatformDeps {
  readonly createDispatch: typeof CreateDispatch;
  readonly timeline: Timeline;
  readonly process: SimulatedProcess;
  readonly store: StoreSide;
  readonly dice: Dice;
  readonly configLog: ConfigLog;
  readonly isShared: boolean;
  readonly limits: Partial<DispatchLimits>;
}

const LOOKS_EVERY_MS = 1_000;
const SILENCE_MS_MAX = 6_000;

export class SimulatedPlatform {
  readonly dispatch: Dispatch;
  readonly process: SimulatedProcess;
  readonly store: StoreSide;
  isListening = false;
  readonly #deps: PlatformDeps;
  readonly #peers: Peers;
  readonly #pipes = new Map<string, SimulatedPipes>();

  constructor(deps: PlatformDeps) {
    const { createDispatch, process, store, dice, configLog, isShared, limits } = deps;
    const { clock } = process;
    const { random } = dice;
    const ids = createIdSource({ clock, random });
    this.#deps = deps;
    this.process = process;
    this.store = store;
    this.dispatch = createDispatch(
      { store, configLog, clock, random, ids, log: silentLog(), webhooks: NO_WEBHOOKS },
      { limits, ...(isShared ? { looksEveryMs: LOOKS_EVERY_MS } : {}) },
    );
    this.#peers = new Peers(clock);
    this.#peers.watch(this.dispatch.room);
  }

  /** Dies, as control does, when the store does not let it begin. */
  start(): void {
    this.dispatch.start().then(
      () => (this.isListening = this.process.isAlive),
      () => this.die(),
    );
  }

  die(): void {
    this.process.die();
    this.isListening = false;
    for (const name of [...this.#pipes.keys()]) this.cut(name);
  }

  /** Breaks the link of a gateway. */
  cut(name: string): void {
    this.#pipes.get(name)?.cut();
    this.#pipes.delete(name);
  }

  hasLink(name: string): boolean {
    return this.#peers.ofRole("gateway").some(({ id }) => id === name);
  }

  /** The gateway's end of a new link; undefined while nobody listens. */
  connect(name: string, gateway: SimulatedProcess): BytePipe | undefined {
    if (!this.isListening) return undefined;
    const { timeline, process, dice } = this.#deps;
    const pipes = connectProcesses(timeline, [gateway, process], () => dice.whole(1, 3));
    this.#pipes.set(name, pipes);
    this.#accept(pipes.ends[1]);
    return pipes.ends[0];
  }

  #accept(pipe: BytePipe): void {
    const { clock } = this.process;
    let peer: Peer | undefined;
    const link: Link = new Link(
      { pipe, clock, text: bufferText(Buffer), scheduleFlush: setImmediate },
      {
        ...{ side: "acceptor", peer: "gateway", silenceMsMax: SILENCE_MS_MAX },
        hello: { role: "control", build: "test" },
        accept: (opened) => {
          const served = peer && this.dispatch.room.accept(peer, opened);
          if (served === undefined) queueMicrotask(() => opened.stream.cancel("not served"));
          return served ?? IGNORING_STREAM;
        },
        onHello: ({ facts }) => {
          const id = String(facts["id"]);
          const named = { id, role: "gateway", nodeId: id, build: "test" } as const;
          peer = { ...named, link, appliedSeq: undefined };
          this.#peers.add(peer);
        },
        onClosed: () => {
          if (peer !== undefined) this.#peers.remove(peer);
        },
      },
    );
  }
}

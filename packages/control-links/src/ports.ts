/** What control's ends of the links need from the rooms around them. */
import type { ConfigEntry } from "@skerry/contracts";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { Peer, PeerWatcher } from "./peers.ts";

/** A room that linked peers reach beside the config log, and that is told who is there. */
export interface LinkRoom extends PeerWatcher {
  /**
   * A stream that a peer opened; undefined when it is not for this room. What the peer says is for
   * the room to check and to bound.
   */
  readonly accept: (peer: Peer, opened: OpenedStream) => StreamHandler | undefined;
}

/** A piece of the config log. */
export interface ConfigPage {
  /** Number of the last write at the time of reading. */
  readonly seq: number;
  /** True when it begins at the start of the log and replaces whatever the reader holds. */
  readonly fromStart: boolean;
  readonly entries: readonly ConfigEntry[];
  /** False when `limit` cut it off. Read on from its last number. */
  readonly complete: boolean;
}

/** The config log as watches read it. */
export interface ConfigLog {
  /** Number of the last write. */
  seq(): Promise<number>;
  /** What was written after `after`; `startedAtSeq` is where a reader of the whole log began. */
  read(args: {
    readonly after: number;
    readonly limit: number;
    readonly startedAtSeq: number;
  }): Promise<ConfigPage>;
}

/** Bounds of the links, in milliseconds and bytes where their names say so. */
export interface LinkLimits {
  /** Links of gateways and agents. */
  readonly peersMax: number;
  /** A peer that says nothing for this long, although asked, is cut off. */
  readonly silenceMsMax: number;
  /** Entries of the config log read at once for one consumer. */
  readonly configPageMax: number;
  /** For an agent to be there before a build fails. */
  readonly agentWaitMs: number;
  /** An agent that left is waited for this long before artefacts go that it may use. */
  readonly agentAbsenceMs: number;
  /** For one build and its wait on the node, and how often it is tried when agents are lost. */
  readonly buildDeadlineMs: number;
  readonly buildAttemptsMax: number;
  /** For an agent's answer about its instances. */
  readonly agentAnswerMs: number;
  /** For a node to try its walls. */
  readonly probeDeadlineMs: number;
  /** For a role's figures, and how large they may be. */
  readonly figuresAnswerMs: number;
  readonly figuresBytesMax: number;
  /** Body of one answer. */
  readonly linkAnswerBytesMax: number;
}

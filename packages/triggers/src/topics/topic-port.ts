/**
 * A group of a topic as a log: what `createLogSource` makes a trigger of. The calls are the
 * fragments of this folder, each run as a transaction by whoever has the store.
 */
import type { TopicGroupId, TopicId } from "@skerry/base";
import type { LaneLease, LogMessage, LogPort } from "../contract/log-port.ts";
import type { SeekTarget } from "../contract/trigger.ts";
import type { PartitionLag, StartAt } from "./groups.ts";
import type { Lease, LeaseHeld, Rebalanced } from "./leases.ts";
import type { HeldLease, OpenedPosition, SaveArgs, Saved } from "./positions.ts";
import { placedMessages, type PartitionRead, type Piece, type ReadArgs } from "./read.ts";
import { encodeMessages } from "./records.ts";

/** The fragments, by their names. */
export interface TopicCalls {
  /** Of all groups that the holder serves; may be shared by their ports. */
  rebalance(): Promise<Rebalanced>;
  openPosition(args: HeldLease): Promise<OpenedPosition | { readonly kind: "fenced" }>;
  readPartition(args: ReadArgs): Promise<PartitionRead | undefined>;
  readOffsets(
    args: Omit<ReadArgs, "from" | "messagesMax" | "bytesMax"> & Offsets,
  ): Promise<readonly Piece[]>;
  savePosition(args: SaveArgs): Promise<Saved>;
  releaseLeases(args: {
    readonly holder: string;
    readonly leases: readonly Lease[];
  }): Promise<void>;
  pauseGroup(args: { readonly groupId: TopicGroupId; readonly paused: boolean }): Promise<boolean>;
  seekGroup(args: { readonly groupId: TopicGroupId; readonly to: StartAt }): Promise<boolean>;
  readLag(args: { readonly groupId: TopicGroupId }): Promise<readonly PartitionLag[]>;
}

interface Offsets {
  readonly offsets: readonly number[];
}

export interface TopicPortOptions {
  readonly topicId: TopicId;
  readonly groupId: TopicGroupId;
  readonly holder: string;
  readonly wallMs: () => number;
}

/** The lane of a partition; batches and messages of it begin with it. */
export function laneOf({ groupId, partition }: Omit<Lease, "token">): string {
  return `${groupId}/${partition}`;
}

function partitionOf({ lane }: Pick<LaneLease, "lane">): number {
  return Number(lane.slice(lane.lastIndexOf("/") + 1));
}

/** Where a group's source is to go on from, as the contract says it: by lane. */
export function seekTargetOf(groupId: TopicGroupId, to: StartAt): SeekTarget {
  if (to.kind !== "offsets") return to;
  const lanes = Object.entries(to.offsets).map(([partition, offset]) => {
    return [laneOf({ groupId, partition: Number(partition) }), offset] as const;
  });
  return { kind: "offsets", offsets: Object.fromEntries(lanes) };
}

function startAtOf(to: SeekTarget): StartAt {
  if (to.kind !== "offsets") return to;
  const partitions = Object.entries(to.offsets).map(([lane, offset]) => {
    return [partitionOf({ lane }), offset] as const;
  });
  return { kind: "offsets", offsets: Object.fromEntries(partitions) };
}

export function createTopicPort(calls: TopicCalls, options: TopicPortOptions): LogPort {
  const { topicId, groupId, holder, wallMs } = options;
  const held = (lease: LaneLease): HeldLease => ({
    ...{ groupId, partition: partitionOf(lease), holder, token: lease.token },
  });
  return {
    async leases() {
      const { held: all, unwanted } = await calls.rebalance();
      const unwantedLanes = new Set(unwanted.map(laneOf));
      return all.filter((one) => one.groupId === groupId).map((one) => leaseOf(one, unwantedLanes));
    },
    async open(lease) {
      const opened = await calls.openPosition(held(lease));
      if (opened.kind === "fenced") return undefined;
      const offsets = opened.open.map(({ offset }) => offset);
      const at = { topicId, partition: partitionOf(lease), offsets };
      const pieces = offsets.length === 0 ? [] : await calls.readOffsets(at);
      const { paused: isPaused, ...start } = opened;
      return { ...start, isPaused, messages: placedMessages(pieces) };
    },
    async read(lease, want) {
      const at = { topicId, partition: partitionOf(lease) };
      const read = await calls.readPartition({ ...at, ...want });
      if (read === undefined) return { messages: [], nextOffset: want.from, endOffset: want.from };
      const { pieces, nextOffset, endOffset } = read;
      return { messages: placedMessages(pieces), nextOffset, endOffset };
    },
    async save(lease, { saved, dead }) {
      const letters = dead.map(({ message, ...one }) => ({ ...one, record: recordOf(message) }));
      const args = { ...held(lease), saved, dead: letters, nowMs: wallMs() };
      return (await calls.savePosition(args)).kind;
    },
    release: (lease) => calls.releaseLeases({ holder, leases: [held(lease)] }),
    async setPaused(paused) {
      await calls.pauseGroup({ groupId, paused });
    },
    async seek(to) {
      await calls.seekGroup({ groupId, to: startAtOf(to) });
    },
    async lag() {
      const partitions = await calls.readLag({ groupId });
      return partitions.reduce((sum, { lag }) => sum + lag, 0);
    },
  };
}

function leaseOf(one: LeaseHeld, unwanted: ReadonlySet<string>): LaneLease {
  const lane = laneOf(one);
  const { token, endOffset, paused: isPaused } = one;
  return { lane, token, endOffset, isPaused, isUnwanted: unwanted.has(lane) };
}

function recordOf(message: LogMessage): Uint8Array {
  return encodeMessages([message], () => 0).records;
}

/** Transactions on topics, for a module of the store that has their tables. */
import { append } from "./append.ts";
import {
  createGroup,
  findGroupOf,
  listAllGroups,
  listGroups,
  pauseGroup,
  readLag,
  removeGroup,
  seekGroup,
  setGroup,
  startOffsets,
} from "./groups.ts";
import { leave, rebalance, releaseLeases } from "./leases.ts";
import { listDeadLetters, openPosition, savePosition } from "./positions.ts";
import { readOffsets, readPartition } from "./read.ts";
import {
  countDeadLetters,
  discardDeadLetters,
  endRedrive,
  listRedrives,
  takeRedrives,
} from "./redrive.ts";
import { trimTopic } from "./retention.ts";
import {
  addPartitions,
  createTopic,
  findTopic,
  listPartitions,
  listTopics,
  removeTopic,
  setRetention,
  sweepRemoved,
} from "./topics.ts";

/** Those that only read. */
export const TOPIC_READS = {
  countDeadLetters,
  findGroupOf,
  findTopic,
  listAllGroups,
  listDeadLetters,
  listGroups,
  listPartitions,
  listRedrives,
  listTopics,
  openPosition,
  readLag,
  readOffsets,
  readPartition,
  startOffsets,
} as const;

export const TOPIC_CHANGES = {
  addPartitions,
  append,
  createGroup,
  createTopic,
  discardDeadLetters,
  endRedrive,
  leave,
  pauseGroup,
  rebalance,
  releaseLeases,
  removeGroup,
  removeTopic,
  savePosition,
  seekGroup,
  setGroup,
  setRetention,
  sweepRemoved,
  takeRedrives,
  trimTopic,
} as const;

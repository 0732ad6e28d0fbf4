/** The fragments of topics as a module of the store, for their tests. */
import type { TopicId } from "@skerry/base";
import { defineStoreModule, type ModuleSource, type Tx, type TxStep } from "@skerry/store";
import {
  takeLetters,
  TOPIC_CHANGES,
  TOPIC_MAKER_COLUMNS,
  TOPIC_READS,
  TOPIC_REDRIVE_COLUMNS,
  TOPIC_REDRIVEN_COLUMN,
  TOPIC_TABLES,
} from "../src/index.ts";

/** As if a partition kept so many bytes. */
function* fillPartition(
  tx: Tx,
  args: { readonly topicId: TopicId; readonly partition: number; readonly bytes: number },
): TxStep<void> {
  yield* tx.run("UPDATE topic_partitions SET bytes = ? WHERE topic_id = ? AND partition = ?", [
    ...[args.bytes, args.topicId, args.partition],
  ]);
}

export const storeModule = defineStoreModule({
  name: "topics",
  database: "ledger",
  migrations: [
    { version: 1, sql: [...TOPIC_TABLES, ...TOPIC_MAKER_COLUMNS, ...TOPIC_REDRIVE_COLUMNS] },
    { version: 2, sql: TOPIC_REDRIVEN_COLUMN },
  ],
  reads: Object.keys(TOPIC_READS) as (keyof typeof TOPIC_READS)[],
  procedures: { ...TOPIC_READS, ...TOPIC_CHANGES, fillPartition, takeLetters },
});

export const topicsSource: ModuleSource = { module: storeModule, url: import.meta.url };

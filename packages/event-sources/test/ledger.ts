/** The ledger's tables as dispatch makes them, and what tests look at and do to them. */
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import { ASYNC_POLICY } from "@skerry/contracts";
import {
  accept,
  CALL_COLUMNS,
  claim,
  DELIVERY_LANES,
  DELIVERY_TABLES,
  LEDGER_TABLES,
  KEY_ANSWERS,
  OPEN_TABLES,
  PROGRESS_TABLES,
  listWebhooks,
  nameLanes,
  readBalance,
  REDRIVE_DUE_COLUMNS,
  REDRIVE_TABLES,
  settle,
} from "@skerry/invocations";
import { defineStoreModule, type ModuleSource, type Tx, type TxStep } from "@skerry/store";
import {
  TIMER_MAKER_COLUMNS,
  TIMER_TABLES,
  TOPIC_MAKER_COLUMNS,
  TOPIC_REDRIVE_COLUMNS,
  TOPIC_TABLES,
} from "@skerry/triggers";

/** Invocations of a function that end now, and that a topic is to be told of. */
interface Owed {
  readonly accountId: AccountId;
  readonly functionId: FunctionId;
  readonly topic: string;
  readonly ids: readonly RequestId[];
  readonly orderingKey: string | null;
  readonly maxAgeMs: number;
  readonly seq: number;
  readonly nowMs: number;
}

function* owe(tx: Tx, owed: Owed): TxStep<void> {
  const { accountId, functionId, topic, ids, orderingKey, maxAgeMs, seq, nowMs } = owed;
  for (const [i, id] of ids.entries()) {
    const item = {
      ...{ seq: seq + i, id, accountId, functionId, app: "shop", fn: "work", orderingKey },
      ...({ source: "url", sourceId: null, acceptedMs: nowMs, dueMs: nowMs } as const),
      ...{ expiresMs: nowMs + 1_000, idempotency: null, event: {}, payload: Buffer.from("1") },
    };
    yield* accept(tx, { items: [item], slot: 0 });
    const held = { functionId, holder: "one", nowMs, requestIds: [id], slot: 0 };
    yield* claim(tx, held);
    const ended = { id, attempt: 1, outcome: "ok", policy: ASYNC_POLICY, chance: 0 } as const;
    const onSuccess = { kind: "topic", target: topic, accountId, maxAgeMs } as const;
    yield* settle(tx, {
      ...{ holder: "one", items: [{ ...ended, startedMs: nowMs, endedMs: nowMs }], nowMs },
      ...{ destinations: { [functionId]: { onSuccess } }, slot: 0 },
    });
  }
}

interface Delivery {
  readonly id: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly [column: string]: string | number | null;
}

export const storeModule = defineStoreModule({
  name: "ledger",
  database: "ledger",
  migrations: [
    { version: 1, sql: LEDGER_TABLES },
    { version: 2, sql: TIMER_TABLES },
    { version: 3, sql: TOPIC_TABLES },
    { version: 4, sql: DELIVERY_TABLES },
    { version: 5, sql: [...TIMER_MAKER_COLUMNS, ...TOPIC_MAKER_COLUMNS] },
    { version: 6, sql: PROGRESS_TABLES },
    { version: 7, sql: OPEN_TABLES },
    { version: 8, sql: TOPIC_REDRIVE_COLUMNS },
    { version: 9, sql: CALL_COLUMNS },
    { version: 10, sql: REDRIVE_TABLES },
    { version: 11, sql: REDRIVE_DUE_COLUMNS },
    { version: 12, sql: DELIVERY_LANES },
    { version: 13, sql: KEY_ANSWERS },
  ],
  reads: ["payloadsOf", "readBalance"],
  procedures: {
    accept,
    listWebhooks,
    nameLanes,
    owe,
    readBalance,
    *deliveries(tx: Tx, { state }: { readonly state: string }): TxStep<readonly Delivery[]> {
      return yield* tx.all<Delivery>(
        "SELECT id, attempts, error FROM ledger_deliveries WHERE state = ? ORDER BY id",
        [state],
      );
    },
    /** As an earlier release writes them. */
    *forgetLanes(tx: Tx, _args: null): TxStep<void> {
      yield* tx.run("UPDATE ledger_deliveries SET lane = ''");
    },
    *fillPartition(
      tx: Tx,
      { topicId, partition, bytes }: { topicId: string; partition: number; bytes: number },
    ): TxStep<void> {
      const fill = "UPDATE topic_partitions SET bytes = ? WHERE topic_id = ? AND partition = ?";
      yield* tx.run(fill, [bytes, topicId, partition]);
    },
    *payloadsOf(tx: Tx, { sourceId }: { readonly sourceId: string }): TxStep<readonly string[]> {
      const rows = yield* tx.all<{ payload: Uint8Array }>(
        "SELECT payload FROM ledger_invocations WHERE source_id = ? ORDER BY seq",
        [sourceId],
      );
      return rows.map(({ payload }) => new TextDecoder().decode(payload));
    },
  },
});

export const ledgerSource: ModuleSource = { module: storeModule, url: import.meta.url };

/** What is told of a group when something has befallen it. */
import type { AccountId, TopicGroupId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

export interface GroupFacts {
  readonly accountId: AccountId;
  readonly name: string;
  readonly topic: string;
  /** `APP/FN`. */
  readonly target: string;
  /** Messages that it has ever given up: grows with each, whatever becomes of them. */
  readonly dead: number;
}

/** Undefined for one that is gone. */
export function* groupFacts(
  tx: Tx,
  { groupId }: { readonly groupId: TopicGroupId },
): TxStep<GroupFacts | undefined> {
  const row = yield* tx.get<{
    account_id: string;
    name: string;
    topic: string;
    target: string;
    dead: number;
  }>(
    `SELECT g.account_id, g.name, t.name AS topic, g.target,
      (SELECT CAST(COALESCE(SUM(p.dead), 0) AS @integer) FROM topic_positions p
       WHERE p.group_id = g.id) AS dead
     FROM topic_groups g JOIN topics t ON t.id = g.topic_id WHERE g.id = ?`,
    [groupId],
  );
  if (row === undefined) return undefined;
  const { account_id: accountId, ...facts } = row;
  return { ...facts, accountId: accountId as AccountId };
}

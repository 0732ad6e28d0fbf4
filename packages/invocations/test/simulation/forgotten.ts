/** Holds what retention took against what it may take. */
import type { RequestId } from "@skerry/base";
import type { Forgotten } from "../../src/index.ts";
import { demand, type Fact } from "./fact.ts";
import type { Facts } from "./facts.ts";

interface ForgottenAs {
  readonly facts: Facts;
  readonly args: {
    readonly beforeMs: number;
    readonly bytesMax: number | null;
    readonly rowsMax: number;
  };
  readonly told: Forgotten;
  /** All that was kept, with its place in the order of acceptance. */
  readonly before: readonly { readonly id: RequestId; readonly seq: number }[];
  readonly still: ReadonlySet<string>;
}

/** Takes those that are gone out of the facts. */
export function forgotten({ facts, args, told, before, still }: ForgottenAs): void {
  const { beforeMs, bytesMax, rowsMax } = args;
  const mayGo = before.flatMap(({ id, seq }) => {
    const fact = facts.all.get(id);
    return fact !== undefined && isFree(fact, facts) && fact.endedMs < beforeMs
      ? [{ id, seq, fact }]
      : [];
  });
  mayGo.sort((a, b) => a.fact.endedMs - b.fact.endedMs || a.seq - b.seq);
  const gone = before.filter(({ id }) => !still.has(id));
  const first = new Set(mayGo.slice(0, gone.length).map(({ id }) => id));
  for (const { id } of gone) {
    const says = `${id} was forgotten before its time, or while it is needed`;
    demand(first.has(id), "conservation", says);
  }
  const most = Math.min(mayGo.length, rowsMax);
  const isEnough = bytesMax === null ? gone.length === most : told.bytes >= bytesMax;
  demand(
    told.rows === gone.length && (isEnough || gone.length === most),
    "conservation",
    `${gone.length} of ${mayGo.length} were forgotten, told was ${told.rows}`,
  );
  for (const { id } of gone) {
    const fact = facts.all.get(id);
    if (fact !== undefined) facts.forget(fact);
  }
  if (gone.length > 0 && bytesMax !== null) facts.reach("forgotten by size");
}

function isFree(fact: Fact, facts: Facts): boolean {
  const isOwed = facts.deliveries.get(fact.item.id)?.startsWith("waiting") === true;
  return fact.end !== undefined && !isOwed;
}

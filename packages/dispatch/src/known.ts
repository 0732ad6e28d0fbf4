/**
 * What was written before, found for those who may not come in now: by its id, or under its
 * idempotency key. It is told so to whoever tells it again, whatever has been reached or removed
 * since: to be refused would make its caller try a second time what runs already.
 */
import { PlatformError } from "@skerry/base";
import type { Accepted, NewInvocation } from "@skerry/invocations";
import type { Acceptance, DispatchDeps } from "./ports.ts";
import { storeModule } from "./store-module.ts";

export type Draft = NewInvocation | PlatformError;
export type Answer = Accepted | PlatformError;

/** One that was refused, and what its row would have been. */
interface Refused {
  readonly at: number;
  readonly id: Acceptance["id"];
  readonly draft: Draft | undefined;
}

/**
 * By the place of each, what it or its key stands for; nothing of the others. When the store cannot
 * be asked, that is what each of them is told.
 */
export async function findKnown(
  store: DispatchDeps["store"],
  asked: {
    readonly items: readonly Acceptance[];
    readonly drafts: readonly Draft[];
    readonly answers: readonly Answer[];
  },
): Promise<ReadonlyMap<number, Answer>> {
  const { items, drafts, answers } = asked;
  const refused = items.flatMap(({ id }, at) =>
    PlatformError.is(answers[at]) ? [{ at, id, draft: drafts[at] }] : [],
  );
  if (refused.length === 0) return new Map();
  try {
    return new Map([...(await underKeys(store, refused)), ...(await byIds(store, refused))]);
  } catch (error) {
    return new Map(refused.map(({ at }) => [at, PlatformError.from(error)]));
  }
}

type Found = readonly (readonly [number, Accepted])[];

async function byIds(store: DispatchDeps["store"], refused: readonly Refused[]): Promise<Found> {
  const ids = refused.map(({ id }) => id);
  const known = new Set(await store.call(storeModule, "findKnown", { ids }));
  return refused.flatMap(({ at, id }) =>
    known.has(id) ? [[at, { kind: "repeated", id }] as const] : [],
  );
}

async function underKeys(
  store: DispatchDeps["store"],
  refused: readonly Refused[],
): Promise<Found> {
  const keyed = refused.flatMap(({ at, draft }) =>
    draft === undefined || PlatformError.is(draft) || draft.idempotency === null
      ? []
      : [{ at, draft }],
  );
  if (keyed.length === 0) return [];
  const items = keyed.map(({ draft: { id, accountId, functionId, acceptedMs, idempotency } }) => ({
    ...{ id, accountId, functionId, acceptedMs, idempotency },
  }));
  const called = await store.call(storeModule, "findCalls", { items });
  return keyed.flatMap(({ at }, i) => {
    const found = called[i];
    if (found === undefined || found === null) return [];
    const kind = found.kind === "conflict" ? "conflict" : "repeated";
    return [[at, { kind, id: found.id }] as const];
  });
}

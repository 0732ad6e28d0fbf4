/**
 * Whether the ledger has an invocation although it did not accept it now: it was entered before,
 * and what is full or missing by now does not undo that; or it was entered just now, and the answer
 * was lost. Only what it has not may be entered under another id.
 */
import type { RequestId } from "@skerry/base";
import type { Store } from "@skerry/store";
import { storeModule } from "../store-module.ts";

/** Undefined when it cannot be said now. Never rejects. */
export async function isEntered(
  store: Pick<Store, "call">,
  id: RequestId,
): Promise<boolean | undefined> {
  try {
    return (await store.call(storeModule, "findKnown", { ids: [id] })).length > 0;
  } catch {
    return undefined;
  }
}

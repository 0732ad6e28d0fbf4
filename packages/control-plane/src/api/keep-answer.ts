/**
 * Changes that lie outside the store keep their answer once they are done, not with their audit
 * record, which comes first: what was not done must be done by the same request that comes again.
 */
import type { ChangeStamp } from "@skerry/api-serving";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";

/** Keeps what the request of this stamp is answered; without `answer`, an empty one. */
export async function keepAnswer(
  { store }: Pick<ApiDeps, "store">,
  { claim, atMs: wallMs }: ChangeStamp,
  done: { readonly subject: string; readonly answer?: unknown },
): Promise<void> {
  if (claim === null) return;
  const { subject, answer } = done;
  const kept = answer === undefined ? claim : { ...claim, answer: JSON.stringify(answer) };
  await store.call(storeModule, "keepRepeat", { claim: kept, subject, wallMs });
}

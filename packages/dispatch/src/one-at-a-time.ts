/**
 * A store on which calls wait for one another. PostgreSQL runs transactions side by side and undoes
 * those that touch the same rows, which the ledger's do all the time; one after the other, and many
 * invocations in each, they are several times faster.
 */
import type { Store } from "@skerry/store";

export function oneAtATime(store: Pick<Store, "call">): Pick<Store, "call"> {
  let last: Promise<unknown> = Promise.resolve();
  return {
    call: (...asked) => {
      const call = last.then(() => store.call(...asked));
      last = call.catch(() => undefined);
      return call;
    },
  };
}

/**
 * Tells the bus that a function or its account has met a limit: at most once a minute for each
 * function and reason, over all platforms of a database, since the event's id follows from the
 * minute. What cannot be told now is told by the next refusal, or not at all if there is none.
 */
import type { Clock, FunctionId, Log, PlatformError } from "@skerry/base";
import type { FunctionEntry } from "@skerry/contracts";
import type { Bus } from "@skerry/event-sources";

export interface LimitTellerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly bus: () => Pick<Bus, "tellHeard">;
}

const EVERY_MS = 60_000;
/** Functions and reasons that are remembered; beyond it those of the last minute are forgotten. */
const TOLD_MAX = 10_000;

export class LimitTeller {
  readonly #deps: LimitTellerDeps;
  /** The minute in which each was told last. */
  readonly #told = new Map<`${FunctionId}/${string}`, number>();
  readonly #work = new Set<Promise<void>>();

  constructor(deps: LimitTellerDeps) {
    this.#deps = deps;
  }

  /** One of the function's was refused. */
  refused(entry: FunctionEntry, { reason }: PlatformError): void {
    const nowMs = this.#deps.clock.wallMs();
    const minute = Math.floor(nowMs / EVERY_MS);
    const key = `${entry.id}/${reason}` as const;
    if (this.#told.get(key) === minute) return;
    if (this.#told.size >= TOLD_MAX) this.#told.clear();
    this.#told.set(key, minute);
    const { id: functionId, accountId, app, name } = entry;
    const telling = this.#deps.bus().tellHeard({
      ...{ accountId, app, type: "skerry.limit.reached.v1", depth: 1 },
      ...{ id: `${functionId}/${reason}/${minute}`, subject: `${app}/${name}`, timeMs: nowMs },
      data: { app, function: name, reason },
    });
    this.#track(key, telling);
  }

  /** Resolves when nothing of it uses the store any more. */
  async close(): Promise<void> {
    await Promise.all(this.#work);
  }

  #track(key: `${FunctionId}/${string}`, telling: Promise<void>): void {
    const work = telling.catch((error: unknown) => {
      this.#told.delete(key);
      this.#deps.log.debug("a limit that was met could not be told", { key, error });
    });
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}

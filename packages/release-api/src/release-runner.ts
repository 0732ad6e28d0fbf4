/**
 * Carries releases on. Where one stands is in the store: each look reads what is due, measures if
 * it must, and has the store decide and move in one transaction. Whoever comes after a death goes
 * on behind the last step; of platforms that share a database whoever saw a release as it is not
 * any more writes nothing.
 */
import {
  PlatformError,
  WokenWork,
  type Clock,
  type IdSource,
  type Log,
  type ReleaseId,
  type RevisionId,
} from "@skerry/base";
import {
  isReplaced,
  nextWork,
  NO_COUNTS,
  versionCounts,
  type FunctionFigures,
  type ReleaseEvent,
  type ReleaseRecord,
  type ReleaseWork,
  type Span,
  type VersionCounts,
} from "@skerry/releases";
import type { Store, StoreModule } from "@skerry/store";
import type { APP_RELEASE_READS, AppReleaseChanges } from "./app-releases.ts";
import type { NumberedRevision } from "./qualified-revisions.ts";
import type { ReleaseReads } from "./reads.ts";
import { figuresOfVersions, type RevisionQueries } from "./version-figures.ts";

export interface ReleaseRunnerDeps {
  readonly store: Pick<Store, "call">;
  readonly module: StoreModule & {
    readonly procedures: typeof APP_RELEASE_READS &
      Pick<ReleaseReads, "revisionsOfVersions"> &
      Pick<AppReleaseChanges, "stepRelease">;
  };
  readonly figures: RevisionQueries;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** The write with that number of the config log is committed. */
  committed(seq: number): void;
}

/** Another platform on the same database may have made one, or a clock was set. */
const LOOK_MS_MAX = 2_000;
const AGAIN_MS_MIN = 500;
const AGAIN_MS_MAX = 30_000;
const DUE_ROWS = 100;

export class ReleaseRunner {
  readonly #deps: ReleaseRunnerDeps;
  readonly #looks: WokenWork;
  /** Steps of these failed one after another; left alone until a monotonic time. */
  readonly #failures = new Map<ReleaseId, { readonly count: number; readonly untilMs: number }>();
  #waitMs = LOOK_MS_MAX;

  constructor(deps: ReleaseRunnerDeps) {
    this.#deps = deps;
    this.#looks = new WokenWork(deps.clock, {
      work: () => this.#lookOrFail(),
      rest: () => this.#looks.after(this.#waitMs),
    });
  }

  /** Carries on what there is, also what a former process began. May be called at any time. */
  wake(): void {
    this.#looks.wake();
  }

  /**
   * Resolves when nothing of it uses the store any more. What is open goes on with the next one.
   */
  close(): Promise<void> {
    return this.#looks.close();
  }

  async #lookOrFail(): Promise<void> {
    try {
      this.#waitMs = Math.min(LOOK_MS_MAX, await this.#look());
    } catch (error) {
      this.#waitMs = AGAIN_MS_MIN;
      this.#deps.log.warn("releases could not be looked at; it is tried again", { error });
    }
  }

  /** A step of each that is due; how long there is nothing to do then. */
  async #look(): Promise<number> {
    const { store, module, clock } = this.#deps;
    const nowMs = clock.wallMs();
    const due = await store.call(module, "dueReleases", { nowMs, rowsMax: DUE_ROWS });
    const seen = new Set(due.releases.map(({ id }) => id));
    for (const id of this.#failures.keys()) if (!seen.has(id)) this.#failures.delete(id);
    let waitMs = due.nextDueMs === null ? Infinity : due.nextDueMs - nowMs;
    for (const record of due.releases) {
      if (this.#looks.isClosed) break;
      const leftMs = (this.#failures.get(record.id)?.untilMs ?? 0) - clock.monotonicMs();
      waitMs = Math.min(waitMs, leftMs > 0 ? leftMs : await this.#stepOrFail(record));
    }
    return Math.max(1, waitMs);
  }

  async #stepOrFail(record: ReleaseRecord): Promise<number> {
    const { log, clock } = this.#deps;
    try {
      await this.#step(record);
      this.#failures.delete(record.id);
      return 0;
    } catch (thrown) {
      const error = PlatformError.from(thrown);
      log.warn("a step of a release failed", { release: record.id, error: thrown });
      // What a user can mend is told, and waits for it; anything else may pass.
      const isTheirs = error.audience === "user" && !error.retryable;
      if (isTheirs && (await this.#stuck(record, error.message))) return 0;
      const count = (this.#failures.get(record.id)?.count ?? 0) + 1;
      const againMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** (count - 1));
      this.#failures.set(record.id, { count, untilMs: clock.monotonicMs() + againMs });
      return againMs;
    }
  }

  async #stuck(record: ReleaseRecord, why: string): Promise<boolean> {
    try {
      await this.#write(record, { kind: "stuck", why });
      return true;
    } catch (error) {
      const what = "that a release is stuck could not be written";
      this.#deps.log.warn(what, { release: record.id, error });
      return false;
    }
  }

  async #step(record: ReleaseRecord): Promise<void> {
    const work = nextWork(record.stand, record.plan, this.#deps.clock.wallMs());
    if (work.kind === "step") return await this.#write(record, { kind: "step" });
    if (work.kind !== "measure") return;
    await this.#write(record, { kind: "measured", figures: await this.#measure(record, work) });
  }

  async #write({ id, appId, version }: ReleaseRecord, event: ReleaseEvent): Promise<void> {
    const { store, module, clock, ids, committed } = this.#deps;
    const fresh = { auditId: ids.id("aud"), requestId: ids.requestId() };
    const step = { id, appId, version, event, nowMs: clock.wallMs(), fresh };
    const done = await store.call(module, "stepRelease", step);
    if (done.kind === "stepped" && done.seq !== null) committed(done.seq);
  }

  /**
   * Of each function whose version changes. Where callers meet no other version than before, it is
   * the routes that changed: all functions are compared with what they did before.
   */
  async #measure(
    { functions }: ReleaseRecord,
    { base, next }: Extract<ReleaseWork, { readonly kind: "measure" }>,
  ): Promise<readonly FunctionFigures[]> {
    const changing = functions.some(isReplaced)
      ? functions.filter(({ from, to }) => from?.version !== to.version)
      : functions;
    const were = await this.#counts(
      base,
      changing.flatMap(({ id, from }) => (from === null ? [] : [{ functionId: id, ...from }])),
    );
    const are = await this.#counts(
      next,
      changing.map(({ id, to }) => ({ functionId: id, ...to })),
    );
    return changing.map(({ name, from, to }) => ({
      function: name,
      base: from && (were.get(from.revisionId) ?? NO_COUNTS),
      next: are.get(to.revisionId) ?? NO_COUNTS,
    }));
  }

  async #counts(
    span: Span,
    versions: readonly NumberedRevision[],
  ): Promise<ReadonlyMap<RevisionId, VersionCounts>> {
    const { store, module, figures } = this.#deps;
    const revisions = await store.call(module, "revisionsOfVersions", versions);
    const found = await figuresOfVersions(figures, span, revisions);
    return new Map(
      versions.map(({ revisionId: id }, i): [RevisionId, VersionCounts] => [
        id,
        versionCounts(found[i]),
      ]),
    );
  }
}

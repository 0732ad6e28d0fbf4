/**
 * The response cache as stages use it: which requests go through it and under which scope, and what
 * of purges that control tells has been carried out here.
 */
import type { CachePolicy, PurgesEntry, StageEntry } from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";
import type { CacheRequest, ResponseCache } from "@skerry/response-cache";
import { forwardedUrl } from "./client-address.ts";
import type { Exchange } from "./exchange.ts";
import type { OpenTarget } from "./targets/target.ts";

export interface PurgesView {
  stages(): Iterable<StageEntry>;
  purgesOf(apiId: StageEntry["apiId"], stage: string): PurgesEntry | undefined;
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

export class KeptAnswers {
  readonly #cache: ResponseCache;
  readonly #stages: PurgesView;
  /** Number of the newest purge of each stage that was carried out here. */
  readonly #purged = new Map<string, number>();
  /** By which parameters the routes of a stage tell answers apart; none where nothing is kept. */
  readonly #queriesOf = new WeakMap<StageEntry, readonly CachePolicy["query"][]>();
  #isFirst = true;

  constructor(cache: ResponseCache, stages: PurgesView) {
    this.#cache = cache;
    this.#stages = stages;
  }

  /**
   * Carries out purges that the configuration tells. What is kept here is younger than the first.
   */
  update(): void {
    for (const entry of this.#stages.stages()) {
      const { apiId, stage } = entry;
      const purges = this.#stages.purgesOf(apiId, stage);
      const newest = purges?.newest.at(-1)?.number;
      if (purges === undefined || newest === undefined) continue;
      const name = nameOf({ apiId, stage });
      const done = this.#purged.get(name) ?? (this.#isFirst ? newest : 0);
      this.#purged.set(name, newest);
      const missed = purges.newest.filter(({ number }) => number > done);
      if (missed.length < newest - done) void this.#cache.purge(name, { all: true });
      else for (const { what } of missed) void this.#cache.purge(name, what, this.#queries(entry));
    }
    this.#isFirst = false;
  }

  /** What of a request says which kept answer fits; undefined where the route keeps none. */
  requestOf(exchange: Exchange, target: OpenTarget): CacheRequest | undefined {
    const { entry, guarded, method, address, came, passed } = exchange;
    const policy = guarded?.route.cache;
    if (policy === undefined || guarded === undefined) return undefined;
    if (!SAFE.has(method) || exchange.hasBody || came.upgrade !== undefined) return undefined;
    // A publication may change what a target is asked and what is made of its answers.
    const scope = [entry.apiId, entry.stage, entry.publication, guarded.name, target.version];
    // A redirect to HTTPS, or to a port, is for those who came without.
    scope.push(address.authority, forwardedUrl(exchange.headers));
    return {
      ...{ scope: scope.join("\n"), stage: nameOf(entry), method, policy },
      ...{ host: address.hostname, url: exchange.url, headers: exchange.headers },
      // Whoever passed a guard may have been answered for itself, though nobody gave it a name.
      principal: passed.principal ?? (guarded.route.auth === "none" ? undefined : ""),
    };
  }

  /** Answers from what is kept, or asks the target. */
  answer(request: CacheRequest, to: AnswerSink, ask: Parameters<ResponseCache["handle"]>[2]): void {
    this.#cache.handle(request, to, ask);
  }

  /** Answers with what is kept, however old; false when there is nothing. */
  async answerStale(request: CacheRequest, to: AnswerSink): Promise<boolean> {
    return await this.#cache.answerStale(request, to);
  }

  /** A request has been answered that may have changed something. */
  noteAnswer(exchange: Exchange, status: number, headers: readonly string[]): void {
    const { entry, method, address, url } = exchange;
    if (SAFE.has(method)) return;
    const queries = this.#queries(entry);
    if (queries.length === 0) return;
    const what = { stage: nameOf(entry), method, host: address.hostname, url, queries };
    this.#cache.noteUnsafe({ ...what, status, headers });
  }

  #queries(entry: StageEntry): readonly CachePolicy["query"][] {
    const known = this.#queriesOf.get(entry);
    if (known !== undefined) return known;
    const all = entry.routes.flatMap(({ cache }) => (cache === undefined ? [] : [cache.query]));
    const queries = [...new Map(all.map((query) => [JSON.stringify(query), query])).values()];
    this.#queriesOf.set(entry, queries);
    return queries;
  }
}

/** As purges name it. */
function nameOf({ apiId, stage }: Pick<StageEntry, "apiId" | "stage">): string {
  return `${apiId}/${stage}`;
}

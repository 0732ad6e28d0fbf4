/**
 * The response cache as stages use it: which requests go through it and under which scope, and what
 * of purges that control tells has been carried out here.
 */
import type { CachePolicy, PurgesEntry, StageEntry } from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";
import type { CacheRequest, Hit, ResponseCache } from "@skerry/response-cache";
import { forwardedUrl } from "./client-address.ts";
import type { Exchange } from "./exchange.ts";
import type { GuardedRoute } from "./guards/facts.ts";
import type { OpenTarget } from "./targets/target.ts";

export interface PurgesView {
  stages(): Iterable<StageEntry>;
  purgesOf(apiId: StageEntry["apiId"], stage: string): PurgesEntry | undefined;
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

export class KeptAnswers {
  readonly #cache: ResponseCache;
  readonly #stages: PurgesView;
  /** Number of the newest purge of each stage that the cache was told. */
  readonly #told = new Map<string, number>();
  #served: ReadonlySet<string> = new Set();
  /** By which parameters the routes of a stage tell answers apart; none where nothing is kept. */
  readonly #queriesOf = new WeakMap<StageEntry, readonly CachePolicy["query"][]>();
  /** What scopes begin with: made once, since each request of the route has it in its key. */
  readonly #published = new WeakMap<GuardedRoute, string>();

  constructor(cache: ResponseCache, stages: PurgesView) {
    this.#cache = cache;
    this.#stages = stages;
  }

  /**
   * Tells the cache which purges there were, also before this process: it knows which of them its
   * store has carried out. What it knows of stages that are gone goes.
   */
  update(): void {
    const served = new Set<string>();
    for (const entry of this.#stages.stages()) {
      const { apiId, stage } = entry;
      const name = nameOf(entry);
      served.add(name);
      const told = this.#told.get(name) ?? 0;
      const purges = this.#stages.purgesOf(apiId, stage)?.newest ?? [];
      const missed = purges.filter(({ number }) => number > told);
      const last = missed.at(-1)?.number;
      if (last === undefined) continue;
      this.#told.set(name, last);
      void this.#cache.follow(name, missed, this.#queries(entry));
    }
    for (const name of this.#served) {
      if (served.has(name)) continue;
      this.#told.delete(name);
      this.#cache.drop(name);
    }
    this.#served = served;
  }

  /** What of a request says which kept answer fits; undefined where the route keeps none. */
  requestOf(exchange: Exchange, target: OpenTarget): CacheRequest | undefined {
    const { entry, guarded, method, address, came, passed } = exchange;
    const policy = guarded?.route.cache;
    if (policy === undefined || guarded === undefined) return undefined;
    if (!SAFE.has(method) || exchange.hasBody || came.upgrade !== undefined) return undefined;
    // A redirect to HTTPS, or to a port, is for those who came without.
    const from = `${address.authority}\n${forwardedUrl(exchange.headers)}`;
    const scope = `${this.#publishedOf(entry, guarded)}\n${target.version}\n${from}`;
    return {
      ...{ scope, stage: nameOf(entry), method, policy },
      ...{ host: address.hostname, url: exchange.url, headers: exchange.headers },
      // Whoever passed a guard may have been answered for itself, though nobody gave it a name.
      principal: passed.principal ?? (guarded.route.auth === "none" ? undefined : ""),
    };
  }

  /** Answers from what is kept, or asks the target. As `ResponseCache.handle`. */
  answer(
    request: CacheRequest,
    to: AnswerSink,
    ask: Parameters<ResponseCache["handle"]>[2],
  ): Hit | undefined {
    return this.#cache.handle(request, to, ask);
  }

  /** As `ResponseCache.again`. */
  again(hit: Hit): boolean {
    return this.#cache.again(hit);
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
    if (queries.length === 0 || !this.#served.has(nameOf(entry))) return;
    const what = { stage: nameOf(entry), method, host: address.hostname, url, queries };
    this.#cache.noteUnsafe({ ...what, status, headers });
  }

  /** A publication may change what a target is asked and what is made of its answers. */
  #publishedOf({ apiId, stage, publication }: StageEntry, guarded: GuardedRoute): string {
    const known = this.#published.get(guarded);
    if (known !== undefined) return known;
    const made = [apiId, stage, publication, guarded.name].join("\n");
    this.#published.set(guarded, made);
    return made;
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

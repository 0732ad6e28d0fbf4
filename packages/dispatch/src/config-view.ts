/**
 * What control itself knows of functions: the config log, folded as every role folds it. Whoever
 * asks for what is current waits until everything that is known to be committed is folded in.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import { ConfigFold } from "@skerry/config-follower";
import {
  ASYNC_POLICY,
  concurrencyOf,
  failFunction,
  failReach,
  LIMITS,
  maxAgeOf,
  parseFunctionPath,
  type AccountQuotas,
  type AsyncPolicy,
  type Destination,
  type FunctionEntry,
  type SecretEntry,
} from "@skerry/contracts";
import type { ConfigLog } from "@skerry/control-links";
import type {
  Destinations,
  DestinationsByFunction,
  ResolvedDestination,
} from "@skerry/invocations";
import type { LaneFacts } from "./lanes.ts";
import { DISPATCH_LIMITS } from "./limits.ts";

/** The name of a secret, of the app or of the account. */
const SIGNING_SECRET = "webhook-signing";

export class ConfigView {
  readonly #configLog: ConfigLog;
  #fold = new ConfigFold();
  /** Everything up to here is folded in. */
  #seq = -1;
  #committedSeq = 0;
  #reading: Promise<void> | undefined;

  constructor(configLog: ConfigLog) {
    this.#configLog = configLog;
  }

  /** Everything up to `seq` is committed. */
  grown(seq: number): void {
    this.#committedSeq = Math.max(this.#committedSeq, seq);
  }

  /** Whether what is known to be committed is folded in. */
  get isCurrent(): boolean {
    return this.#seq >= this.#committedSeq;
  }

  /** Resolves once it is. Rejects with the store's reasons. */
  async catchUp(): Promise<void> {
    while (!this.isCurrent) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
  }

  /** Resolves once everything is folded in that is committed now, whoever wrote it. */
  async refresh(): Promise<void> {
    this.grown(await this.#configLog.seq());
    await this.catchUp();
  }

  functionById(id: FunctionId): FunctionEntry | undefined {
    return this.#fold.functionById(id);
  }

  functionByName(app: string, name: string): FunctionEntry | undefined {
    return this.#fold.functionByName(app, name);
  }

  /** What applies to what is accepted for a function; the defaults for one that is gone. */
  policyOf(id: FunctionId | undefined): AsyncPolicy {
    const entry = id === undefined ? undefined : this.functionById(id);
    return entry?.latest.config.async ?? ASYNC_POLICY;
  }

  /** The quotas in force. */
  quotasOf(id: AccountId): AccountQuotas {
    return this.#fold.quotasOf(id);
  }

  /** Who is told of the ends of a function's invocations, as named now. */
  destinationsOf(id: FunctionId | undefined): Destinations | undefined {
    const entry = id === undefined ? undefined : this.functionById(id);
    const { onSuccess, onFailure } = entry?.latest.config.async ?? ASYNC_POLICY;
    if (entry === undefined || (onSuccess ?? onFailure) === undefined) return undefined;
    return {
      ...(onSuccess === undefined ? {} : { onSuccess: this.#resolve(entry, onSuccess) }),
      ...(onFailure === undefined ? {} : { onFailure: this.#resolve(entry, onFailure) }),
    };
  }

  /** Of these functions that have any; of all when one of them is not known. */
  destinationsAmong(ids: readonly (FunctionId | undefined)[]): DestinationsByFunction {
    const isAll = ids.includes(undefined);
    const wanted = isAll ? Array.from(this.#fold.functions(), ({ id }) => id) : new Set(ids);
    const found: Record<FunctionId, Destinations> = {};
    for (const id of wanted) {
      const destinations = this.destinationsOf(id);
      if (id !== undefined && destinations !== undefined) found[id] = destinations;
    }
    return found;
  }

  /** Functions whose policy gives up what is lost with its gateway. */
  givingUpLost(): readonly FunctionId[] {
    return Array.from(this.#fold.functions()).flatMap(({ id, latest }) =>
      latest.config.async?.giveUpOn?.includes("platform") === true ? [id] : [],
    );
  }

  /** What an app's webhooks are signed with; undefined when nothing is set. */
  signingSecretOf(accountId: AccountId, app: string): SecretEntry | undefined {
    return this.#fold.secretOf(accountId, app, SIGNING_SECRET);
  }

  factsOf(id: FunctionId): LaneFacts | undefined {
    const entry = this.functionById(id);
    if (entry === undefined) return undefined;
    const { config, handlerKind } = entry.latest;
    const capacity = config.maxInstances * concurrencyOf(config, handlerKind);
    const cap = config.async?.concurrency;
    const bounded = Math.min(cap ?? capacity, DISPATCH_LIMITS.laneWindowMax);
    const { ratePerSecond, breaker } = config.async ?? ASYNC_POLICY;
    const { accountId } = entry;
    const windowMax = Math.max(1, bounded);
    return { accountId, windowMax, isCapped: cap !== undefined, ratePerSecond, breaker };
  }

  #resolve(
    from: FunctionEntry,
    { function: target = "", webhook, topic }: Destination,
  ): ResolvedDestination {
    const { accountId } = from;
    if (webhook !== undefined) {
      return { kind: "webhook", target: webhook, maxAgeMs: LIMITS.webhookAgeMsMax };
    }
    if (topic !== undefined) return topicOf(from, topic);
    const path = parseFunctionPath(target);
    const entry = path && this.#fold.functionByName(path.app, path.fn);
    if (entry?.accountId !== accountId) {
      const error = failFunction("FUNCTION_NOT_FOUND", { function: target }).toWire();
      return { kind: "missing", target, error };
    }
    const { id: functionId, app, name: fn } = entry;
    const maxAgeMs = maxAgeOf(this.policyOf(functionId));
    return { kind: "function", target, functionId, app, fn, maxAgeMs };
  }

  async #read(): Promise<void> {
    const limit = DISPATCH_LIMITS.configPageMax;
    let fold = this.#fold;
    let after = Math.max(0, this.#seq);
    let startedAtSeq = 0;
    for (;;) {
      const page = await this.#configLog.read({ after, limit, startedAtSeq });
      if (page.fromStart) {
        fold = new ConfigFold();
        startedAtSeq = page.seq;
      }
      for (const entry of page.entries) fold.apply(entry);
      after = page.complete ? page.seq : (page.entries.at(-1)?.seq ?? page.seq);
      if (page.complete) break;
    }
    this.#fold = fold;
    this.#seq = after;
    this.grown(after);
  }
}

/** As its handler might publish there itself. */
function topicOf(from: FunctionEntry, target: string): ResolvedDestination {
  const { accountId, app, name, latest } = from;
  const { publish } = latest.config;
  if (publish === undefined || publish.includes(target))
    return { kind: "topic", target, accountId, maxAgeMs: LIMITS.webhookAgeMsMax };
  const details = { function: `${app}/${name}`, topic: target };
  return {
    ...{ kind: "missing", of: "topic", target },
    error: failReach("PUBLISH_FORBIDDEN", details).toWire(),
  };
}

import type { AccountId, Clock, IdSource, Log, Random } from "@skerry/base";
import type { Changes } from "../changes.ts";
import type { CodeHolds, CodeStore } from "@skerry/code-store";
import type { EventApi } from "@skerry/event-api";
import type { DeploymentWorker } from "../deployment-worker.ts";
import type { ControlLimits } from "../limits.ts";
import type { Agents, ConfigFeed, Peers } from "@skerry/control-links";
import type { InvocationQueries, LogQueries, MetricQueries, PageDeps } from "../ports.ts";
import type { SecretKeeper } from "../secret-keeper.ts";
import type { ReleaseRunner } from "@skerry/release-api";
import type { ControlStore } from "../store-module.ts";
import type { UrlsOf } from "./resources.ts";

/** What the handlers of the API work with. */
export interface ApiDeps {
  readonly store: ControlStore;
  readonly codeStore: Pick<CodeStore, "has" | "list" | "putArchive">;
  readonly logs: LogQueries;
  readonly invocations: InvocationQueries;
  readonly metrics: MetricQueries;
  /** What runs functions without a caller. */
  readonly events: EventApi;
  readonly agents: Agents;
  readonly peers: Peers;
  readonly feed: ConfigFeed;
  readonly worker: DeploymentWorker;
  readonly changes: Changes;
  readonly holds: CodeHolds;
  readonly keeper: SecretKeeper;
  readonly releases: Pick<ReleaseRunner, "wake">;
  readonly urlsOf: UrlsOf;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ControlLimits;
  readonly build: string;
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  /** Of the start page's session. */
  readonly cookieName: string;
  readonly page: PageDeps;
  /** The platform's account. */
  readonly accountId: AccountId;
  /** Metrics need no key from this machine. */
  readonly metricsOpen: boolean;
  /** Patterns over what functions may name in `connect`. */
  readonly connectTargets: readonly string[];
}

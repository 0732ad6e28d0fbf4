/**
 * Which stage a URL leads to. Hosts that are of a stage (`STAGE.API.APP.apis.localhost`) go first,
 * then hosts of functions, which are not for here, then domains, the exact one before the longest
 * pattern, and at last the path (`/~/APP/API/STAGE/…`). Each host is read once and remembered until
 * the configuration changes, so that requests for something else pay one look into a map.
 */
import type { DomainEntry, StageEntry } from "@skerry/contracts";
import { stageCalled, STAGE_HOST_SUFFIX, STAGE_PATH_PREFIX } from "@skerry/contracts";
import { parseAuthority, targetBelow, type Authority, type ParsedTarget } from "@skerry/http";
import { isFunctionHost } from "@skerry/requests";
import type { GatewayApiId } from "@skerry/base";
import { findDomain } from "./domains/find-domain.ts";

/** What is asked of the folded config log. */
export interface StagesView {
  stageByName(path: string): StageEntry | undefined;
  stageOf(apiId: GatewayApiId, stage: string): StageEntry | undefined;
  domainOf(host: string): DomainEntry | undefined;
}

/** Where a request goes that is for a stage. */
export interface StageAddress {
  /** Undefined: there is no such stage. */
  readonly entry: StageEntry | undefined;
  readonly domain: DomainEntry | undefined;
  /** The target as routes see it. */
  readonly target: ParsedTarget;
  /** Path that leads to the stage, before the target's; empty when its host does. */
  readonly base: string;
  /** As the one parser has it; empty when there is none. */
  readonly hostname: string;
  /** With the port. */
  readonly authority: string;
}

interface HostReading {
  readonly hostname: string;
  readonly text: string;
  readonly entry: StageEntry | undefined;
  readonly domain: DomainEntry | undefined;
  /** `none`: the path decides. */
  readonly leads: "stage" | "elsewhere" | "none";
}

const HOSTS_KEPT_MAX = 1_000;
const PREFIX_SEGMENTS = 4;
const NO_HOST: HostReading = {
  ...{ hostname: "", text: "", entry: undefined, domain: undefined },
  leads: "none",
};

export class StageAddresses {
  readonly #stages: StagesView;
  readonly #hosts = new Map<string, HostReading>();

  constructor(stages: StagesView) {
    this.#stages = stages;
  }

  /** The configuration has changed. */
  forget(): void {
    this.#hosts.clear();
  }

  /**
   * Undefined when the URL is for something else. Throws http's errors for hosts and paths that are
   * refused.
   */
  read(target: ParsedTarget, host: string | undefined): StageAddress | undefined {
    const reading =
      target.authority === undefined ? this.#readHost(host) : this.#readingOf(target.authority);
    const { hostname, text: authority, leads } = reading;
    if (leads === "stage") {
      const { entry, domain } = reading;
      return { entry, domain, target, base: "", hostname, authority };
    }
    const { segments } = target;
    if (leads === "elsewhere" || segments[0] !== STAGE_PATH_PREFIX) return undefined;
    const [, app, api, stage] = segments;
    if (app === undefined || api === undefined || stage === undefined) return undefined;
    return {
      ...{ entry: this.#byName(app, api, stage), domain: undefined, hostname, authority },
      target: targetBelow(target, PREFIX_SEGMENTS),
      base: `/${STAGE_PATH_PREFIX}/${app}/${api}/${stage}`,
    };
  }

  #byName(app: string, api: string, stage: string): StageEntry | undefined {
    return this.#stages.stageByName(`${app}/${api}/${stageCalled(stage)}`);
  }

  #readHost(host: string | undefined): HostReading {
    if (host === undefined) return NO_HOST;
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const reading = this.#readingOf(parseAuthority(host));
    if (this.#hosts.size >= HOSTS_KEPT_MAX) this.#hosts.clear();
    this.#hosts.set(host, reading);
    return reading;
  }

  #readingOf({ hostname, port }: Authority): HostReading {
    const text = port === undefined ? hostname : `${hostname}:${port}`;
    const named = stageLabels(hostname);
    if (named !== undefined) {
      const [stage, api, app] = named;
      const entry = this.#byName(app, api, stage);
      return { hostname, text, entry, domain: undefined, leads: "stage" };
    }
    const none = { hostname, text, entry: undefined, domain: undefined };
    if (isFunctionHost(hostname)) return { ...none, leads: "elsewhere" };
    const domain = findDomain(hostname, (host) => this.#stages.domainOf(host));
    if (domain === undefined) return { ...none, leads: "none" };
    const entry = this.#stages.stageOf(domain.apiId, domain.stage);
    return { hostname, text, entry, domain, leads: "stage" };
  }
}

function stageLabels(hostname: string): readonly [string, string, string] | undefined {
  if (!hostname.endsWith(STAGE_HOST_SUFFIX)) return undefined;
  const labels = hostname.slice(0, -STAGE_HOST_SUFFIX.length).split(".");
  const [stage, api, app] = labels;
  if (stage === undefined || api === undefined || app === undefined) return undefined;
  return labels.length === 3 ? [stage, api, app] : undefined;
}

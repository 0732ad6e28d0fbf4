/** Stages of gateway APIs, their domains and purges, folded from the config log. */
import type { GatewayApiId } from "@skerry/base";
import type { ConfigEntry, DomainEntry, PurgesEntry, StageEntry } from "@skerry/contracts";

interface Numbered<T> {
  readonly seq: number;
  readonly entry: T;
}

export class StagesFold {
  readonly #stages = new Map<string, Numbered<StageEntry>>();
  readonly #purges = new Map<string, PurgesEntry>();
  readonly #domains = new Map<string, DomainEntry>();
  /** By path, the newest of each; laid out anew for whoever asks after one has changed. */
  #byPath: ReadonlyMap<string, StageEntry> | undefined;

  clear(): void {
    this.#stages.clear();
    this.#purges.clear();
    this.#domains.clear();
    this.#byPath = undefined;
  }

  /** `known` is what the entry replaces. */
  put({ key, seq, value }: ConfigEntry, known: ConfigEntry | undefined): void {
    switch (value?.kind ?? known?.value?.kind) {
      case "stage":
        this.#byPath = undefined;
        if (value?.kind === "stage") this.#stages.set(key, { seq, entry: value });
        else this.#stages.delete(key);
        break;
      case "purges":
        if (value?.kind === "purges") this.#purges.set(key, value);
        else this.#purges.delete(key);
        break;
      case "domain":
        if (value?.kind === "domain") this.#domains.set(key, value);
        else this.#domains.delete(key);
        break;
      default:
    }
  }

  /** Every stage that has a publication; an entry that changes is another object. */
  *stages(): Iterable<StageEntry> {
    for (const { entry } of this.#stages.values()) yield entry;
  }

  stageOf(apiId: GatewayApiId, stage: string): StageEntry | undefined {
    return this.#stages.get(`stage/${apiId}/${stage}`)?.entry;
  }

  /** The stage `app/api/stage` of the one account that is reached by name. */
  stageByName(path: string): StageEntry | undefined {
    this.#byPath ??= new Map(
      [...this.#stages.values()]
        .toSorted((a, b) => a.seq - b.seq)
        .map(({ entry }) => [`${entry.app}/${entry.api}/${entry.stage}`, entry]),
    );
    return this.#byPath.get(path);
  }

  purgesOf(apiId: GatewayApiId, stage: string): PurgesEntry | undefined {
    return this.#purges.get(`purges/${apiId}/${stage}`);
  }

  domains(): Iterable<DomainEntry> {
    return this.#domains.values();
  }

  domainOf(host: string): DomainEntry | undefined {
    return this.#domains.get(`domain/${host}`);
  }
}

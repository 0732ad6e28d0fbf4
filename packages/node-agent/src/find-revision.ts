/**
 * Which revision a gateway asks for. Gateways and agents follow the same log of configuration, each
 * at its own pace: a gateway that is ahead says how far it is, and what it asks for waits here.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { StartHead } from "@skerry/contracts";
import { overlaid, type RevisionRef } from "@skerry/functions";
import type { ConfigView } from "./ports.ts";

type Known = Pick<ConfigView, "functionById" | "seq" | "versionOf">;
type Asked = Omit<StartHead, "op" | "reason">;

/** Behind for longer it does not hear from control, and the caller had better know. */
const CATCH_UP_MS_MAX = 5_000;

export class RevisionFinder {
  readonly #clock: Clock;
  readonly #config: Known;
  readonly #behind = new Set<() => void>();

  constructor(clock: Clock, config: Known) {
    this.#clock = clock;
    this.#config = config;
  }

  /** The revision, as soon as it is known, or why it cannot be started here. */
  async find(asked: Asked): Promise<RevisionRef | { readonly why: string }> {
    const { configSeq = 0 } = asked;
    const known = findRevision(this.#config, asked);
    if (known !== undefined) return known;
    if (this.#config.seq < configSeq) await this.#caughtUp(configSeq);
    const why =
      this.#config.seq < configSeq
        ? "this node does not know the revision yet"
        : "the revision was replaced meanwhile";
    return findRevision(this.#config, asked) ?? { why };
  }

  /** What is known has changed. */
  changed(): void {
    for (const look of this.#behind) look();
  }

  async #caughtUp(seq: number): Promise<void> {
    let cancel: Cancel = () => undefined;
    let look = (): void => undefined;
    await new Promise<void>((resolve) => {
      cancel = this.#clock.schedule(CATCH_UP_MS_MAX, resolve, { background: true });
      look = () => {
        if (this.#config.seq >= seq) resolve();
      };
      this.#behind.add(look);
    });
    this.#behind.delete(look);
    cancel();
  }
}

/**
 * The revision that is asked for, if it is what `$LATEST` or the version points to here, too, or is
 * derived from that: by which alias is no matter, since that one may just have been moved.
 */
function findRevision(
  config: Known,
  { functionId, revisionId, version, overlay }: Asked,
): RevisionRef | undefined {
  const fn = config.functionById(functionId);
  const own = version === undefined ? fn?.latest : config.versionOf(functionId, version)?.revision;
  const revision = own && overlaid(own, overlay);
  const isKnown = fn !== undefined && revision?.id === revisionId;
  return isKnown ? { fn, revision, version } : undefined;
}

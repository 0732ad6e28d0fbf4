/**
 * Books of the starts of one function. The link of a started instance and the agent's reply come on
 * different ways, in either order; each start is settled exactly once, by the link's arrival or by
 * a refusal. Starts of one revision are interchangeable, so they are counted and not named.
 */
import type { Cancel, Clock, InstanceId, RevisionId } from "@skerry/base";

/** Time for the link of an instance whose start the agent has confirmed. */
const LINK_WAIT_MS = 5_000;
/** Unmatched arrivals kept; more can only be a peer's mistake. */
const ARRIVED_MAX = 4_096;

export class StartBook {
  readonly #clock: Clock;
  readonly #asked = new Map<RevisionId, number>();
  /** Links that came before their reply. */
  readonly #arrived = new Map<InstanceId, RevisionId>();
  /** Replies that came before their link. */
  readonly #awaited = new Map<InstanceId, Cancel>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  asked(revisionId: RevisionId): void {
    this.#asked.set(revisionId, (this.#asked.get(revisionId) ?? 0) + 1);
  }

  /** A link arrived; true when it settles a start. */
  linkArrived(instanceId: InstanceId, revisionId: RevisionId): boolean {
    const awaited = this.#awaited.get(instanceId);
    if (awaited !== undefined) {
      awaited();
      this.#awaited.delete(instanceId);
      return true;
    }
    if (!this.#settle(revisionId)) return false;
    if (this.#arrived.size < ARRIVED_MAX) this.#arrived.set(instanceId, revisionId);
    return true;
  }

  /**
   * The agent confirmed; true when the link is still to come, and `onLost` runs when it then does
   * not.
   */
  confirmed(instanceId: InstanceId, revisionId: RevisionId, onLost: () => void): boolean {
    if (this.#arrived.delete(instanceId) || !this.#settle(revisionId)) return false;
    const cancel = this.#clock.schedule(
      LINK_WAIT_MS,
      () => {
        this.#awaited.delete(instanceId);
        onLost();
      },
      { background: true },
    );
    this.#awaited.set(instanceId, cancel);
    return true;
  }

  /**
   * The agent refused or is gone; true when this settles a start, false when its link had come
   * after all.
   */
  refused(revisionId: RevisionId): boolean {
    for (const [instanceId, arrivedOf] of this.#arrived) {
      if (arrivedOf !== revisionId || (this.#asked.get(revisionId) ?? 0) > 0) continue;
      this.#arrived.delete(instanceId);
      return false;
    }
    return this.#settle(revisionId);
  }

  #settle(revisionId: RevisionId): boolean {
    const count = this.#asked.get(revisionId) ?? 0;
    if (count === 0) return false;
    if (count === 1) this.#asked.delete(revisionId);
    else this.#asked.set(revisionId, count - 1);
    return true;
  }
}

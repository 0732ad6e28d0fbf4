/**
 * Tells when the link leads to a gateway that takes streams. While code is loaded the agent holds
 * the link, and between two gateways nobody does: what is asked then waits, for a bounded time.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { HelloFacts, Link } from "@skerry/link";

export interface GatewayLineDeps {
  readonly clock: Clock;
  readonly link: () => Pick<Link, "parked" | "closed">;
}

const WAIT_MS_MAX = 5_000;

export class GatewayLine {
  readonly #deps: GatewayLineDeps;
  readonly #waiting = new Set<(isReady: boolean) => void>();
  #isGateway = false;

  constructor(deps: GatewayLineDeps) {
    this.#deps = deps;
  }

  /** The link's other end said HELLO. */
  greeted(facts: HelloFacts): void {
    this.#isGateway = facts["caller"] === "gateway" || facts["caller"] === "builder";
    if (!this.#isGateway) return;
    for (const tell of this.#waiting) tell(true);
  }

  /** Resolves to true once streams are taken; to false when that took too long. */
  ready(): Promise<boolean> {
    const { clock, link } = this.#deps;
    if (this.#isGateway && !link().parked) return Promise.resolve(!link().closed);
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      const tell = (isReady: boolean): void => {
        cancel();
        this.#waiting.delete(tell);
        resolve(isReady);
      };
      this.#waiting.add(tell);
      cancel = clock.schedule(WAIT_MS_MAX, () => tell(false), { background: true });
    });
  }
}

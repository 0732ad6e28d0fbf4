/**
 * Commands to a Redis that may be away or hang. A command has a short time; when one has no answer
 * by then, the next ones are not sent for a while, but for a single try. So a Redis in trouble
 * costs a request at most one such time.
 */
import type { Cancel, Clock, Log } from "@skerry/base";

export type RedisArgument = string | Buffer;

/** The part of a client that is needed. Replies are buffers where they are texts. */
export interface RedisClient {
  readonly isReady: boolean;
  sendCommand(command: readonly RedisArgument[]): Promise<unknown>;
}

export interface RedisLinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly client: RedisClient;
}

/** The answer of a Redis that is away. */
export const AWAY = Symbol("away");
const AWAY_MS = 1_000;

export class RedisLink {
  readonly #deps: RedisLinkDeps;
  readonly #answerWithinMs: number;
  #triedAgainAtMs = -Infinity;
  #isAway = false;

  constructor(deps: RedisLinkDeps, answerWithinMs: number) {
    this.#deps = deps;
    this.#answerWithinMs = answerWithinMs;
  }

  get isAway(): boolean {
    return this.#isAway || !this.#deps.client.isReady;
  }

  /** Sends at once, and resolves to what came of each, or to AWAY. Never rejects. */
  async ask(...commands: readonly RedisArgument[][]): Promise<unknown[] | typeof AWAY> {
    const { clock, client } = this.#deps;
    if (!client.isReady) return this.#away("it is not connected");
    if (this.#isAway) {
      if (clock.monotonicMs() < this.#triedAgainAtMs) return AWAY;
      this.#triedAgainAtMs = clock.monotonicMs() + AWAY_MS;
    }
    const sent = Promise.all(commands.map((command) => client.sendCommand(command)));
    try {
      const replies = await this.#inTime(sent);
      if (replies === AWAY) return this.#away("it does not answer");
      if (this.#isAway) this.#deps.log.info("The cache's Redis answers again.");
      this.#isAway = false;
      return replies;
    } catch (error) {
      return this.#away(String(error));
    }
  }

  #inTime(sent: Promise<unknown[]>): Promise<unknown[] | typeof AWAY> {
    const { clock } = this.#deps;
    return new Promise((resolve, reject) => {
      let cancel: Cancel = clock.schedule(this.#answerWithinMs, () => {
        // When this process itself was held up, the reply is there and is read before this.
        cancel = clock.schedule(0, () => resolve(AWAY));
      });
      sent.then(resolve, reject).finally(() => cancel());
    });
  }

  #away(why: string): typeof AWAY {
    if (!this.#isAway) {
      this.#deps.log.warn("The cache's Redis is away: answers are asked for anew.", { why });
    }
    this.#isAway = true;
    this.#triedAgainAtMs = this.#deps.clock.monotonicMs() + AWAY_MS;
    return AWAY;
  }
}

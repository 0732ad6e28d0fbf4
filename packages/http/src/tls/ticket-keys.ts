/** The key that encrypts session tickets, which its holder renews while servers use it. */

/** What Node asks for. */
export const TICKET_KEY_BYTES = 48;

export class TicketKeys {
  #current: Buffer;
  readonly #listeners: ((key: Buffer) => void)[] = [];

  /** `TICKET_KEY_BYTES` random bytes. */
  constructor(key: Buffer) {
    this.#current = key;
  }

  get current(): Buffer {
    return this.#current;
  }

  /**
   * Takes another key. Tickets of the former one are none from now on: whoever comes with one makes
   * a whole handshake.
   */
  renew(key: Buffer): void {
    this.#current = key;
    for (const listener of this.#listeners) listener(key);
  }

  /** Servers listen as long as they live. */
  onRenewed(listener: (key: Buffer) => void): void {
    this.#listeners.push(listener);
  }
}

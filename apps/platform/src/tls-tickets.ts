/**
 * The key of TLS session tickets that all gateways share, so that each takes up the sessions of the
 * others. Who gets hold of it reads connections that were resumed with it: so it is another one
 * every twelve hours, and nobody keeps the former.
 */
import { randomBytes } from "node:crypto";
import type { Cancel, Clock } from "@skerry/base";
import { TICKET_KEY_BYTES } from "@skerry/http/ticket-keys";

const KEY_LIFE_MS = 12 * 3_600_000;

export class TlsTickets {
  readonly #clock: Clock;
  readonly #tell: (key: string) => void;
  #key = freshKey();
  #cancel: Cancel = () => undefined;

  /** Tells each further key, in base64, until it is closed. */
  constructor(clock: Clock, tell: (key: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#renewLater();
  }

  /** In base64. */
  get key(): string {
    return this.#key;
  }

  close(): void {
    this.#cancel();
  }

  #renewLater(): void {
    const renew = (): void => {
      this.#key = freshKey();
      this.#renewLater();
      this.#tell(this.#key);
    };
    this.#cancel = this.#clock.schedule(KEY_LIFE_MS, renew, { background: true });
  }
}

function freshKey(): string {
  return randomBytes(TICKET_KEY_BYTES).toString("base64");
}

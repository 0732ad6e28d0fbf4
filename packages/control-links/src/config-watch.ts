/**
 * Serves one `watch` stream: the config log in batches, each ended by an empty line, without end.
 * Nothing is queued for a slow consumer: what it has not been sent yet is read from the log when it
 * takes bytes again, and a key that changed ten times meanwhile is sent once.
 */
import { backoffMs, delay, PlatformError, type Clock, type Log, type Random } from "@skerry/base";
import { appOfServerKeys, type ConfigEntry, type WatchReply } from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import type { ConfigLog, ConfigPage } from "./ports.ts";
import type { ConfigFeed } from "./config-feed.ts";

export interface WatchDeps {
  readonly configLog: ConfigLog;
  readonly feed: ConfigFeed;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface WatchOptions {
  readonly stream: LinkStream;
  /** Highest number the consumer holds. */
  readonly after: number;
  readonly pageMax: number;
  /**
   * Secrets and config objects are for agents; others are told their numbers alone, and agents
   * those of stages, domains and purges.
   */
  readonly withSettings: boolean;
  /** The consumer must begin anew: what it would have to be told is no longer known. */
  readonly onLost: () => void;
}

const RETRY = { delayMsMin: 50, delayMsMax: 2_000 };

export class ConfigWatch implements StreamHandler {
  readonly #deps: WatchDeps;
  readonly #options: WatchOptions;
  readonly #ended = new AbortController();
  #wake: (() => void) | undefined;
  #isWritable = true;
  #sent: number;
  /**
   * Number at which a watch that was told the whole log began; 0 for one that went on from its own.
   */
  #startedAtSeq = 0;

  constructor(deps: WatchDeps, options: WatchOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#sent = options.after;
    void this.#run();
  }

  onReply(): void {
    // Control answers this stream; it gets no answer.
  }

  onBody(): void {
    // A consumer says nothing after its head.
  }

  onWritable(): void {
    this.#isWritable = true;
    this.#wakeUp();
  }

  onFailed(): void {
    this.#ended.abort();
    this.#wakeUp();
  }

  async #run(): Promise<void> {
    const stop = this.#deps.feed.onGrown(() => this.#wakeUp());
    try {
      await this.#serve();
    } catch (error) {
      this.#deps.log.error("a watch of the config log failed", { error });
      this.#options.onLost();
    } finally {
      stop();
    }
  }

  async #serve(): Promise<void> {
    let page = await this.#read();
    if (page === undefined) return;
    if (page.fromStart) this.#startedAtSeq = page.seq;
    const reply: WatchReply = { reset: page.fromStart, seq: page.seq };
    this.#options.stream.reply(JSON.stringify(reply));
    while (page !== undefined) {
      this.#send(page);
      await this.#until(() => this.#isWritable);
      if (page.complete) await this.#until(() => this.#deps.feed.seq > this.#sent);
      const sentBefore = this.#sent;
      page = await this.#read();
      if (page?.fromStart === true && sentBefore > 0) return this.#options.onLost();
    }
  }

  #send(page: ConfigPage): void {
    const { withSettings } = this.#options;
    const entries = page.entries.map(withSettings ? withoutStages : withoutSetting);
    const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    const text = page.complete ? `${lines}\n` : lines;
    if (text !== "") this.#isWritable = this.#options.stream.write(Buffer.from(text));
  }

  /** The next page; undefined at the end. Waits for a store that is down. */
  async #read(): Promise<ConfigPage | undefined> {
    for (let attempt = 0; !this.#isOver; attempt += 1) {
      try {
        return await this.#readOnce();
      } catch (error) {
        if (!PlatformError.from(error).retryable) throw error;
        this.#deps.log.warn("the config log cannot be read now", { error });
        const waitMs = backoffMs(attempt, RETRY, this.#deps.random);
        await delay(this.#deps.clock, waitMs, this.#ended.signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #readOnce(): Promise<ConfigPage> {
    const args = { after: this.#sent, limit: this.#options.pageMax };
    const startedAtSeq = this.#startedAtSeq;
    const page = await this.#deps.configLog.read({ ...args, startedAtSeq });
    this.#sent = page.complete ? page.seq : (page.entries.at(-1)?.seq ?? this.#sent);
    this.#deps.feed.committed(page.seq);
    return page;
  }

  get #isOver(): boolean {
    return this.#ended.signal.aborted || this.#options.stream.closed;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!this.#isOver && !condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** As below. What stages serve, and keys of domains, are for gateways. */
function withoutStages(entry: ConfigEntry): ConfigEntry {
  const kind = entry.value?.kind;
  const isServed = kind === "stage" || kind === "domain" || kind === "purges";
  return isServed ? { ...entry, value: null } : entry;
}

/** As if it had been removed: what is told must lead to the same number. */
function withoutSetting(entry: ConfigEntry): ConfigEntry {
  const { value } = entry;
  // Gateways check what is signed with server keys.
  const isTold = value?.kind === "secret" && appOfServerKeys(value.app) !== undefined;
  const isSetting = value?.kind === "secret" || value?.kind === "config-object";
  return isSetting && !isTold ? { ...entry, value: null } : entry;
}

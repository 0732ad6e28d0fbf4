/**
 * `waitUntil`: work of a request that goes on after its answer. One stream to the gateway, open
 * while any of it runs, keeps the instance awake and the request's slot taken; a request that
 * leaves no work opens none. What fails is logged under the request, and told to the gateway, which
 * counts it.
 */
import type { BackgroundHead, BackgroundReplyHead } from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import type { Surroundings } from "./ports.ts";
import { inspectError } from "./user-error.ts";

export class BackgroundWork {
  readonly #deps: Pick<Surroundings, "log" | "openStream">;
  readonly #requestId: string;
  #stream: LinkStream | undefined;
  #running = 0;
  #hasFailed = false;

  constructor(deps: Pick<Surroundings, "log" | "openStream">, requestId: string) {
    this.#deps = deps;
    this.#requestId = requestId;
  }

  /** Waits for `work`; what it rejects with is dealt with here. */
  add(work: unknown): void {
    if (this.#running === 0) this.#open();
    this.#running += 1;
    Promise.resolve(work).then(
      () => this.#done(),
      (error: unknown) => {
        this.#hasFailed = true;
        this.#say("error", `Work after the answer failed: ${inspectError(error)}`);
        this.#done();
      },
    );
  }

  #open(): void {
    const head: BackgroundHead = { op: "background", r: this.#requestId };
    this.#hasFailed = false;
    try {
      this.#stream = this.#deps.openStream(JSON.stringify(head), { end: false }, this.#handler());
    } catch {
      this.#stream = undefined;
      this.#say("warn", "No gateway waits for work after the answer; it may be cut off.");
    }
  }

  #handler(): StreamHandler {
    return {
      onReply: (text) => {
        const { e } = JSON.parse(text) as Partial<BackgroundReplyHead>;
        if (e === undefined) return;
        this.#stream = undefined;
        const why = "the request had its answer already";
        this.#say("warn", `Nothing waits for work that is left now: ${why}. It may be cut off.`);
      },
      onBody: () => undefined,
      onWritable: () => undefined,
      onFailed: () => {
        if (this.#stream === undefined) return;
        this.#stream = undefined;
        this.#say("warn", "Work after the answer takes too long; nothing waits for it any more.");
      },
    };
  }

  #done(): void {
    this.#running -= 1;
    if (this.#running > 0) return;
    const stream = this.#stream;
    this.#stream = undefined;
    if (this.#hasFailed) stream?.cancel("work failed");
    else stream?.end();
  }

  #say(level: "warn" | "error", text: string): void {
    this.#deps.log(level, text, this.#requestId);
  }
}

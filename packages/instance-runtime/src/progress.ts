/**
 * `context.progress` and `context.heartbeat`: what an attempt of an accepted invocation says of how
 * far it is. Reports that come close together are joined and the last one wins; what is left when
 * the handler is done goes before its answer. Nothing is waited for: a report that is lost with its
 * gateway is followed by another.
 */
import type { Cancel } from "@skerry/base";
import { LIMITS, type ProgressHead } from "@skerry/contracts";
import { IGNORING_STREAM } from "@skerry/link";
import { fail } from "./errors.ts";
import type { Surroundings } from "./ports.ts";

/** Between two reports of a request. */
const EVERY_MS = 200;

export class ProgressReports {
  readonly #deps: Pick<Surroundings, "clock" | "openStream">;
  readonly #requestId: string;
  #value: unknown;
  #isUnsaid = false;
  #saidMs = -Infinity;
  #cancelTimer: Cancel | undefined;

  constructor(deps: Pick<Surroundings, "clock" | "openStream">, requestId: string) {
    this.#deps = deps;
    this.#requestId = requestId;
  }

  /** Says `value` now or soon; without one, only that the handler is alive. */
  add(value?: unknown): void {
    if (value !== undefined) this.#value = value;
    this.#isUnsaid = true;
    if (this.#cancelTimer !== undefined) {
      // The timer runs late where the code keeps the event loop busy.
      if (this.#waitMs() <= 0) this.flush();
      return;
    }
    const waitMs = this.#waitMs();
    if (waitMs <= 0) return this.flush();
    this.#cancelTimer = this.#deps.clock.schedule(waitMs, () => this.flush(), { background: true });
  }

  /** Says what is left. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!this.#isUnsaid) return;
    const head: ProgressHead = { op: "progress", r: this.#requestId, v: this.#value };
    this.#isUnsaid = false;
    this.#value = undefined;
    this.#saidMs = this.#deps.clock.monotonicMs();
    try {
      this.#deps.openStream(JSON.stringify(head), { end: true }, IGNORING_STREAM);
    } catch {
      // No gateway is there: whoever follows hears the next one.
    }
  }

  #waitMs(): number {
    return this.#saidMs + EVERY_MS - this.#deps.clock.monotonicMs();
  }
}

/** A copy of what can be reported, as it is now. Throws PROGRESS_INVALID. */
export function readProgress(value: unknown): unknown {
  const bytesMax = LIMITS.progressBytesMax;
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (error) {
    throw fail("PROGRESS_INVALID", { why: (error as Error).message }, error);
  }
  if (text === undefined) throw fail("PROGRESS_INVALID", { why: "it is no JSON" });
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) {
    throw fail("PROGRESS_INVALID", { why: `it has ${bytes} bytes, and at most ${bytesMax} go` });
  }
  return JSON.parse(text) as unknown;
}

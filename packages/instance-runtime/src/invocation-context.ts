/** What a handler is told about its request, and the way it learns that the caller gave up. */
import type { ColdReason } from "@skerry/contracts";
import type { Call } from "./call.ts";

/** Facts of the instance, the same for each of its requests. */
export interface InstanceFacts {
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Second argument of event handlers, third of fetch handlers. */
export class InvocationContext {
  readonly requestId: string;
  readonly app: string;
  readonly function: string;
  readonly revision: string;
  readonly instanceId: string;
  readonly memoryMb: number;
  /** Wall clock milliseconds at which the platform stops waiting for the answer. */
  readonly deadlineMs: number;
  /** Why this request waited for a start; undefined on a warm one. */
  readonly coldReason: ColdReason | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly #call: Call;

  constructor(call: Call, facts: InstanceFacts) {
    this.requestId = call.id;
    this.app = facts.app;
    this.function = facts.function;
    this.revision = facts.revision;
    this.instanceId = facts.instanceId;
    this.memoryMb = facts.memoryMb;
    this.deadlineMs = call.deadlineWallMs(facts.timeoutMs);
    this.coldReason = call.head.c;
    this.env = facts.env;
    this.#call = call;
  }

  /** Aborts when the caller gives the request up. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  /** Milliseconds until the deadline; 0 when it has passed. */
  remainingMs(): number {
    return this.#call.remainingMs(this.deadlineMs);
  }
}

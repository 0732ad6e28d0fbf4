/** The room that keeps accepted invocations, as control sees it. */
import { createIdSource, systemClock, systemRandom, type RequestId } from "@skerry/base";
import type {
  AcceptAnswer,
  AcceptedInvocation,
  AcceptedInvocationDetails,
  FunctionLane,
  InvocationMoment,
} from "@skerry/api-schema";
import type { Ledger, LedgerFilter, LedgerName } from "@skerry/event-api";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const AT = "2026-01-01T00:00:00.000Z";

export class LedgerDouble implements Ledger {
  readonly items: AcceptedInvocation[] = [];
  /** What was accepted, replays included. */
  readonly accepted: object[] = [];

  /** An invocation of shop/hello. */
  add(more: Partial<AcceptedInvocation> = {}): AcceptedInvocation & { readonly id: RequestId } {
    const made = {
      ...{ app: "shop", function: "hello", functionId: "fn_1", state: "waiting" as const },
      qualifier: "$LATEST",
      ...{ source: "url" as const, sourceId: null, acceptedAt: AT, expiresAt: AT },
      ...{ settledAt: null, attempts: 0, orderingKey: null, idempotencyKey: null, error: null },
      ...{ payload: { bytes: 2, type: "application/json" }, result: null },
      ...more,
      id: ids.requestId(),
    };
    this.items.push(made);
    return made;
  }

  list(args: LedgerFilter) {
    const items = this.items.filter(
      ({ app, state }) =>
        (args.apps === null || args.apps.includes(app)) &&
        (args.state === undefined || args.state === state),
    );
    return Promise.resolve({ items, nextCursor: null });
  }

  get(name: LedgerName): Promise<AcceptedInvocationDetails | undefined> {
    const found = this.#find(name);
    const more = { dueAt: null, history: [], delivery: null, stopping: false, progress: null };
    return Promise.resolve(found && { ...found, ...more });
  }

  async *follow(name: LedgerName): AsyncGenerator<InvocationMoment, void, void> {
    const found = await this.get(name);
    if (found === undefined) return;
    const { id, state, attempts, settledAt, stopping, progress } = found;
    yield { id, state, attempts, settledAt, stopping, progress };
  }

  payload(name: LedgerName): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#find(name) && Buffer.from("<b>"));
  }

  result(name: LedgerName): Promise<Uint8Array | undefined> {
    const found = this.#find(name);
    return Promise.resolve(found?.state === "succeeded" ? Buffer.from("42") : undefined);
  }

  accept(args: object): Promise<AcceptAnswer> {
    this.accepted.push(args);
    return Promise.resolve({ id: ids.requestId(), repeated: false });
  }

  cancel(name: LedgerName): ReturnType<Ledger["cancel"]> {
    const found = this.#find(name);
    if (found === undefined) return Promise.resolve(undefined);
    const isOpen = found.state === "waiting";
    if (isOpen) found.state = "cancelled";
    return Promise.resolve({ cancelled: isOpen, stopping: false });
  }

  replay(name: LedgerName): Promise<AcceptAnswer | undefined> {
    return this.#find(name) ? this.accept(name) : Promise.resolve(undefined);
  }

  openOf(): number {
    return 0;
  }

  lane(): FunctionLane {
    return { open: 0, running: 0, atOnce: null, breaker: null };
  }

  #find({ id, apps }: LedgerName): AcceptedInvocation | undefined {
    return this.items.find((item) => item.id === id && (apps === null || apps.includes(item.app)));
  }
}

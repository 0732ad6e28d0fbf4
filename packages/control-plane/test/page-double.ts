/** What the start page needs from other rooms, as control sees it. */
import type { CallResource } from "@skerry/api-schema";
import type { Prices } from "@skerry/contracts";
import type { FunctionId } from "@skerry/base";
import type { FunctionCaller, PageFiles, TrafficCount, TrafficQueries } from "../src/index.ts";

export class PageDouble {
  readonly prices: Prices = {
    ...{ currency: "USD", gbSecond: 0.000_02, millionCalls: 0.2, alwaysOnGbHour: 0.01 },
  };
  readonly calls: { readonly app: string; readonly fn: string; readonly event: string }[] = [];
  readonly counts: TrafficCount[] = [];
  billedMs = 0;
  /** Resolves when a call may be answered. */
  gate: () => Promise<void> = () => Promise.resolve();
  files: PageFiles = {
    kind: "built",
    files: new Map([
      ["/index.html", { type: "text/html; charset=utf-8", bytes: Buffer.from("<!doctype html>") }],
      ["/assets/page-1.js", { type: "text/javascript", bytes: Buffer.from("1;") }],
    ]),
  };

  readonly caller: FunctionCaller = {
    call: async ({ app, fn, event, signal }) => {
      this.calls.push({ app, fn, event });
      await Promise.race([this.gate(), abortOf(signal)]);
      signal.throwIfAborted();
      const answer: CallResource = {
        ...{ status: 200, requestId: "r", errorReason: null, result: JSON.parse(event), tookMs: 1 },
      };
      return answer;
    },
  };

  readonly traffic: TrafficQueries = {
    traffic: ({ windowMs }) => Promise.resolve({ windowMs, functions: this.counts }),
    since: (_args: { readonly functionId: FunctionId; readonly sinceMs: number }) =>
      Promise.resolve({ calls: this.calls.length, billedMs: this.billedMs }),
  };
}

/** As a request ends with its signal. */
function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

import { systemClock } from "@skerry/base";
import { useCallback, useEffect, useRef, useState } from "react";

const clock = systemClock();

export interface Polled<T> {
  /** The newest answer; undefined until there is one. */
  readonly value: T | undefined;
  /** Why the newest question was not answered; undefined when it was. */
  readonly problem: string | undefined;
  /** Asks at once. */
  refresh(): void;
}

interface Seen<T> {
  readonly of: unknown;
  readonly value: T | undefined;
  readonly problem: string | undefined;
}

/**
 * Asks again and again while the page can be seen: the next question goes out `everyMs` after the
 * last answer. Answers to another `subject` are forgotten.
 */
export function usePoll<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  options: { readonly everyMs: number; readonly subject: unknown },
): Polled<T> {
  const { everyMs, subject } = options;
  const asked = useRef(ask);
  asked.current = ask;
  const [turn, setTurn] = useState(0);
  const [seen, setSeen] = useState<Seen<T>>({ of: subject, value: undefined, problem: undefined });
  useEffect(() => {
    const stop = new AbortController();
    let cancel: () => void = () => undefined;
    const look = async (): Promise<void> => {
      if (globalThis.document.visibilityState === "visible") {
        try {
          const value = await asked.current(stop.signal);
          if (!stop.signal.aborted) setSeen({ of: subject, value, problem: undefined });
        } catch (error) {
          if (stop.signal.aborted) return;
          const problem = error instanceof Error ? error.message : String(error);
          setSeen((before) => ({
            ...(before.of === subject ? before : NOTHING),
            of: subject,
            problem,
          }));
        }
      }
      if (!stop.signal.aborted) cancel = clock.schedule(everyMs, () => void look());
    };
    void look();
    return () => {
      stop.abort();
      cancel();
    };
  }, [everyMs, subject, turn]);
  const refresh = useCallback(() => setTurn((before) => before + 1), []);
  const isOwn = seen.of === subject;
  return {
    value: isOwn ? seen.value : undefined,
    problem: isOwn ? seen.problem : undefined,
    refresh,
  };
}

const NOTHING = { value: undefined, problem: undefined };

/** Two hundred callers at once: instances rise and rest, and what that cost. */
import type { BurstLine } from "@skerry/api-schema";
import { priceOfAlwaysOnHour, priceOfCalls, type Prices } from "@skerry/contracts";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Button } from "react-aria-components";
import { BurstChart } from "./burst-chart.tsx";
import { countText, moneyText, msText, spanText } from "./format.ts";
import { jsonProblem, type EventProps } from "./run-box.tsx";
import { SameThing } from "./same-thing.tsx";

const CALLERS = 200;
const CALLS_EACH = 5;

interface Props extends EventProps {
  readonly prices: Prices | undefined;
}

function useBurst({ client, shown, event }: EventProps): {
  readonly lines: readonly BurstLine[];
  readonly isUnderWay: boolean;
  readonly problem: string | undefined;
  readonly start: () => void;
} {
  const [lines, setLines] = useState<readonly BurstLine[]>([]);
  const [isUnderWay, setUnderWay] = useState(false);
  const [problem, setProblem] = useState<string>();
  const stop = useRef(new AbortController());
  useEffect(() => {
    // Leaving ends the burst; in strict mode the page leaves once and comes back.
    stop.current = new AbortController();
    return () => stop.current.abort();
  }, []);
  const perform = async (): Promise<void> => {
    setUnderWay(true);
    setLines([]);
    setProblem(undefined);
    const { signal } = stop.current;
    try {
      const params = { app: shown.app, fn: shown.name };
      const body = { event: JSON.parse(event) as unknown, callers: CALLERS, callsEach: CALLS_EACH };
      for await (const line of client.burstFunction({ params, body, signal })) {
        setLines((before) => [...before, line]);
      }
    } catch (error) {
      if (!signal.aborted) setProblem(error instanceof Error ? error.message : String(error));
    }
    if (!signal.aborted) setUnderWay(false);
  };
  return { lines, isUnderWay, problem, start: () => void perform() };
}

export function BurstCard(props: Props): ReactNode {
  const { shown, event, prices } = props;
  const { lines, isUnderWay, problem, start } = useBurst(props);
  const last = lines.at(-1);
  const path = `${shown.app}/${shown.name}`;
  return (
    <section className="card burst" aria-labelledby="burst-title">
      <div className="card-head">
        <div>
          <h3 id="burst-title">Burst</h3>
          <p className="quiet-text">
            {CALLERS} callers at once, {CALLS_EACH} calls each. Watch instances rise, and rest.
          </p>
        </div>
        <Button
          className="button main"
          isDisabled={isUnderWay || jsonProblem(event) !== undefined}
          onPress={start}
        >
          {isUnderWay ? phaseText(last) : "Burst"}
        </Button>
      </div>
      {problem === undefined ? null : <p className="problem">{problem}</p>}
      {last === undefined ? null : (
        <>
          <Figures lines={lines} last={last} />
          <BurstChart lines={lines} />
          {prices === undefined ? null : <Money last={last} prices={prices} />}
        </>
      )}
      <p className="unseen" role="status">
        {last?.phase === "settled" ? `The burst has settled: ${countText(last.calls)} calls.` : ""}
      </p>
      <SameThing
        what="Burst"
        cli={`npx skerry burst ${path} --callers ${CALLERS} --calls-each ${CALLS_EACH}`}
        api={`POST /v1/apps/${shown.app}/functions/${shown.name}/bursts {"event":${event.trim()},"callers":${CALLERS},"callsEach":${CALLS_EACH}}`}
      />
    </section>
  );
}

function phaseText(last: BurstLine | undefined): string {
  return last?.phase === "resting" ? "Coming to rest …" : "Calling …";
}

function Figures({
  lines,
  last,
}: {
  readonly lines: readonly BurstLine[];
  readonly last: BurstLine;
}): ReactNode {
  const most = Math.max(...lines.map(({ instances: i }) => i.starting + i.ready + i.resting));
  const { instances } = last;
  const rows: readonly (readonly [string, string])[] = [
    ["calls", countText(last.calls)],
    ["failed", countText(last.errors)],
    ["median", msText(last.p50Ms)],
    ["p95", msText(last.p95Ms)],
    ["most instances", countText(most)],
    [
      "resting now",
      `${instances.resting} of ${instances.starting + instances.ready + instances.resting}`,
    ],
    ["billed", `${countText(Math.round(last.billedMs))} ms`],
  ];
  return (
    <dl className="figures">
      {rows.map(([name, value]) => (
        <div className="figure" key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Money({ last, prices }: { readonly last: BurstLine; readonly prices: Prices }): ReactNode {
  const cost = priceOfCalls(prices, last);
  const hour = priceOfAlwaysOnHour(prices, last.memoryMb);
  const seconds = hour === 0 ? 0 : (cost / hour) * 3_600;
  return (
    <div className="money">
      <p>
        <b>{moneyText(cost, prices.currency)}</b>
        <span>this burst; nothing while it rests</span>
      </p>
      <p>
        <b>{moneyText(hour, prices.currency)}</b>
        <span>every hour for one process of {last.memoryMb} MiB that is always on</span>
      </p>
      <p>
        <b>{spanText(seconds * 1_000)}</b>
        <span>of that process cost as much as this burst did</span>
      </p>
    </div>
  );
}

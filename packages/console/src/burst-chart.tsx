/** Instances over the time of a burst: those that work, and those that rest. */
import type { BurstLine } from "@skerry/api-schema";
import type { ReactNode } from "react";

const WIDTH = 720;
const HEIGHT = 160;
const FOOT = 18;
const SECOND_MS = 1_000;

type Count = (instances: BurstLine["instances"]) => number;
const RESTING: Count = ({ resting }) => resting;
const READY: Count = ({ resting, ready }) => resting + ready;
const ALL: Count = ({ resting, ready, starting }) => resting + ready + starting;

export function BurstChart({ lines }: { readonly lines: readonly BurstLine[] }): ReactNode {
  const last = lines.at(-1);
  const spanMs = Math.max(SECOND_MS, last?.atMs ?? 0);
  const most = Math.max(4, ...lines.map(({ instances }) => ALL(instances)));
  const x = (ms: number): number => (ms / spanMs) * WIDTH;
  const y = (count: number): number => HEIGHT - FOOT - (count / most) * (HEIGHT - FOOT - 14);
  const area = (count: Count): string => {
    const top = lines.map(
      ({ atMs, instances }) => `${x(atMs).toFixed(1)},${y(count(instances)).toFixed(1)}`,
    );
    return [`0,${y(0)}`, ...top, `${x(last?.atMs ?? 0).toFixed(1)},${y(0)}`].join(" ");
  };
  const calledMs = lines.findLast(({ phase }) => phase === "calling")?.atMs ?? 0;
  const told = `At most ${most} instances; calls ended after ${(calledMs / SECOND_MS).toFixed(1)} seconds.`;
  return (
    <figure className="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={told}>
        <line className="grid" x1="0" x2={WIDTH} y1={y(most)} y2={y(most)} />
        <line className="grid" x1="0" x2={WIDTH} y1={y(most / 2)} y2={y(most / 2)} />
        <polygon className="starting" points={area(ALL)} />
        <polygon className="ready" points={area(READY)} />
        <polygon className="resting" points={area(RESTING)} />
        <line className="called" x1={x(calledMs)} x2={x(calledMs)} y1="0" y2={y(0)} />
        <line className="axis" x1="0" x2={WIDTH} y1={y(0)} y2={y(0)} />
        <text x="4" y={y(most) - 3}>
          {most}
        </text>
        <text x={WIDTH - 4} y={HEIGHT - 4} textAnchor="end">
          {(spanMs / SECOND_MS).toFixed(1)} s
        </text>
        <text x={Math.min(WIDTH - 90, x(calledMs) + 5)} y="11">
          calls end
        </text>
      </svg>
      <figcaption className="legend">
        <span>
          <i className="swatch starting" aria-hidden="true" /> starting
        </span>
        <span>
          <i className="swatch ready" aria-hidden="true" /> ready
        </span>
        <span>
          <i className="swatch resting" aria-hidden="true" /> resting
        </span>
      </figcaption>
    </figure>
  );
}

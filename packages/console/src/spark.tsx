import type { ReactNode } from "react";

const WIDTH = 96;
const HEIGHT = 24;

/** A small picture of calls over the window; the words beside it say the same. */
export function Spark({ series }: { readonly series: readonly number[] }): ReactNode {
  const top = Math.max(1, ...series);
  const step = WIDTH / Math.max(1, series.length - 1);
  const y = (count: number): number => HEIGHT - 2 - (count / top) * (HEIGHT - 4);
  const line = series.map((count, i) => `${(i * step).toFixed(1)},${y(count).toFixed(1)}`);
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
      preserveAspectRatio="none"
    >
      <polygon points={`0,${HEIGHT} ${line.join(" ")} ${WIDTH},${HEIGHT}`} />
      <polyline points={line.join(" ")} />
    </svg>
  );
}

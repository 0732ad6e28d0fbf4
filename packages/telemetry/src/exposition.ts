/**
 * Writes metrics in Prometheus' text exposition format 0.0.4, which every scraper reads. Names end
 * in their unit; durations are kept in milliseconds everywhere else and written as seconds here.
 */
import { HISTOGRAM_BOUNDS_MS, type Histogram } from "@skerry/contracts";

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  readonly histogram: Histogram;
}

/** All samples of one name. One without samples is left out. */
export type MetricFamily = {
  /** Without the platform's prefix. */
  readonly name: string;
  readonly help: string;
} & (
  | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
  | { readonly type: "histogram"; readonly samples: readonly HistogramSample[] }
);

const PREFIX = "skerry_";

/** The whole page. */
export function renderExposition(families: readonly MetricFamily[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map((family) => renderFamily(family))
    .join("");
}

function renderFamily(family: MetricFamily): string {
  const name = PREFIX + family.name;
  const head = `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.type}\n`;
  const lines =
    family.type === "histogram"
      ? family.samples.flatMap((sample) => histogramLines(name, sample))
      : family.samples.map(({ labels, value }) => line(name, labels, value));
  return head + lines.join("");
}

/** Buckets are cumulative on the wire. */
function histogramLines(name: string, { labels, histogram }: HistogramSample): readonly string[] {
  let count = 0;
  const buckets = histogram.counts.map((inBucket, at) => {
    count += inBucket;
    const bound = HISTOGRAM_BOUNDS_MS[at];
    const le = bound === undefined ? "+Inf" : String(bound / 1_000);
    return line(`${name}_bucket`, { ...labels, le }, count);
  });
  return [
    ...buckets,
    line(`${name}_sum`, labels, histogram.sumMs / 1_000),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${valueText(value)}\n`;
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

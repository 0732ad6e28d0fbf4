/**
 * `--against DIR`: the same functions on the platforms of two checkouts, driven by one load in
 * turns, so that what a change costs is told apart from what the machine does. Odd rounds go the
 * other way round: who comes second has no lasting advantage. Both are started several times, since
 * two platforms of the same code differ as long as they live. Ratios are taken within rounds and
 * above 1 where this checkout is the faster one.
 */
import { fileURLToPath } from "node:url";
import { assert } from "@skerry/base";
import { openCheckout, type Checkout, type Commit } from "./checkout.ts";
import { AGAINST_ROWS, prepare, type AgainstRow, type Taken } from "./against-rows.ts";
import { median, quantile, round } from "./figures.ts";
import type { RunOptions } from "./run-options.ts";
import { renderTable } from "./table.ts";

export interface AgainstFigure {
  readonly name: string;
  readonly unit: string;
  readonly here: number;
  /** Null where the other checkout cannot do this. */
  readonly there: number | null;
  readonly ratio: number | null;
  /** The middle half of the rounds' ratios lies between these. */
  readonly ratioLow: number | null;
  readonly ratioHigh: number | null;
  /** Processor time for each request, where load is measured; less busy when above 1, too. */
  readonly cpuUsHere?: number;
  readonly cpuUsThere?: number;
  readonly cpuRatio?: number;
  readonly rounds: number;
  readonly errors: number;
}

export interface AgainstFigures {
  readonly here: Commit;
  readonly there: Commit;
  readonly rows: readonly AgainstFigure[];
}

const HERE = fileURLToPath(new URL("../../", import.meta.url));

export async function benchAgainst(folder: string, options: RunOptions): Promise<AgainstFigures> {
  const rows = AGAINST_ROWS.filter(({ part }) => options.only.includes(part));
  const taken = rows.map((): TakenBySide => ({ here: [], there: [] }));
  const commits: Partial<Record<Side, Commit>> = {};
  for (let start = 0; start < options.starts; start += 1) {
    const first: Side = start % 2 === 0 ? "here" : "there";
    await withBoth({ here: HERE, there: folder }, first, async (sides) => {
      commits.here = sides.here.commit;
      commits.there = sides.there.commit;
      for (const side of orderFrom(first)) await prepare(sides[side]);
      for (const [i, row] of rows.entries())
        await compare(row, { sides, first, options }, taken[i] as TakenBySide);
    });
  }
  const { here, there } = commits;
  assert(here !== undefined && there !== undefined, "platforms are started at least once");
  return { here, there, rows: rows.map((row, i) => summarise(row, taken[i] as TakenBySide)) };
}

type Side = "here" | "there";
type TakenBySide = Readonly<Record<Side, Taken[]>>;
type Sides = Readonly<Record<Side, Checkout>>;

function orderFrom(first: Side): readonly Side[] {
  return first === "here" ? ["here", "there"] : ["there", "here"];
}

async function withBoth(
  folders: Readonly<Record<Side, string>>,
  first: Side,
  use: (sides: Sides) => Promise<void>,
): Promise<void> {
  const [one, other] = orderFrom(first) as [Side, Side];
  await using began = await openCheckout(folders[one]);
  await using followed = await openCheckout(folders[other]);
  await use({ [one]: began, [other]: followed } as Record<Side, Checkout>);
}

interface Comparing {
  readonly sides: Sides;
  readonly first: Side;
  readonly options: RunOptions;
}

async function compare(
  row: AgainstRow,
  { sides, first, options }: Comparing,
  taken: TakenBySide,
): Promise<void> {
  const both = (await row.isThere?.(sides.there)) ?? true;
  const order: readonly Side[] = both ? orderFrom(first) : ["here"];
  for (const side of order) await row.warmUp(sides[side], options);
  for (let turn = 0; turn < options.rounds; turn += 1) {
    for (const side of turn % 2 === 0 ? order : order.toReversed())
      taken[side].push(await row.measure(sides[side], options));
  }
}

function summarise(row: AgainstRow, taken: TakenBySide): AgainstFigure {
  const { here, there } = taken;
  const [mine, theirs] = [here, there].map((all) => all.map(({ value }) => value));
  const ratios = row.isTime ? ratiosOf(theirs, mine) : ratiosOf(mine, theirs);
  const alone = there.length === 0;
  const share = (q: number): number | null => (alone ? null : round(quantile(ratios, q), 3));
  const { name, unit } = row;
  return {
    ...{ name, unit, here: round(median(mine ?? [])) },
    there: alone ? null : round(median(theirs ?? [])),
    ...{ ratio: share(0.5), ratioLow: share(0.25), ratioHigh: share(0.75) },
    ...(alone ? {} : cpuOf(here, there)),
    rounds: here.length,
    errors: [...here, ...there].reduce((sum, { errors }) => sum + errors, 0),
  };
}

function ratiosOf(values: readonly number[] = [], base: readonly number[] = []): readonly number[] {
  return values.map((value, i) => value / (base[i] ?? Number.NaN));
}

function cpuOf(
  here: readonly Taken[],
  there: readonly Taken[],
): Pick<AgainstFigure, "cpuUsHere" | "cpuUsThere" | "cpuRatio"> {
  const [mine, theirs] = [here, there].map((all) => all.flatMap(({ cpuUs }) => cpuUs ?? []));
  if (mine === undefined || theirs === undefined || mine.length === 0) return {};
  return {
    cpuUsHere: round(median(mine), 1),
    cpuUsThere: round(median(theirs), 1),
    cpuRatio: round(median(ratiosOf(theirs, mine)), 3),
  };
}

export function againstTable({ rows, here, there }: AgainstFigures): string {
  const nameOf = ({ id, changed }: Commit): string => `${id.slice(0, 7)}${changed ? " +" : ""}`;
  return renderTable(
    [
      "what",
      "unit",
      nameOf(here),
      nameOf(there),
      "ratio",
      "middle half",
      "CPU µs",
      "CPU ratio",
      "errors",
    ],
    rows.map((row) => [
      ...[row.name, row.unit, row.here, row.there ?? "cannot", row.ratio ?? ""],
      row.ratioLow === null ? "" : `${row.ratioLow} to ${row.ratioHigh}`,
      row.cpuUsHere === undefined ? "" : `${row.cpuUsHere}, ${row.cpuUsThere}`,
      ...[row.cpuRatio ?? "", row.errors],
    ]),
  );
}

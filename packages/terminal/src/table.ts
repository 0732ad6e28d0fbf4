/** Rows as aligned columns that fit the terminal, and one thing as lines of name and value. */
import type { Style } from "./style.ts";
import { cutTo, showable, widthOf } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  text(row: Row): string;
  /** Colours the finished cell; gets the padded text. */
  paint?(text: string, row: Row): string;
  /** May be cut when the terminal is too narrow; others never are. */
  readonly flexible?: boolean;
  /** Goes, the last one first, before anything is cut. */
  readonly spare?: boolean;
  readonly alignRight?: boolean;
}

interface TableOptions {
  readonly columns: number;
  paintTitle(text: string): string;
}

const GAP = "  ";
const FLEXIBLE_WIDTH_MIN = 8;

interface Laid<Row> {
  readonly column: Column<Row>;
  readonly texts: readonly string[];
  width: number;
}

/** Lines of the table, the titles first. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): readonly string[] {
  const laid = cutFlexible(
    withoutSpares(
      columns.map((column) => lay(column, rows)),
      options,
    ),
    options,
  );
  const line = (cell: (one: Laid<Row>) => string): string => laid.map(cell).join(GAP).trimEnd();
  return [
    line((one) => options.paintTitle(pad(one, one.column.title, laid.at(-1)))),
    ...rows.map((row, at) =>
      line((one) => {
        const text = pad(one, one.texts[at] ?? "", laid.at(-1));
        return one.column.paint?.(text, row) ?? text;
      }),
    ),
  ];
}

function lay<Row>(column: Column<Row>, rows: readonly Row[]): Laid<Row> {
  const texts = rows.map((row) => showable(column.text(row)));
  const width = texts.reduce((most, text) => Math.max(most, widthOf(text)), column.title.length);
  return { column, texts, width };
}

function totalWidth(laid: readonly Laid<never>[]): number {
  return laid.reduce((sum, { width }) => sum + width, 0) + GAP.length * (laid.length - 1);
}

function withoutSpares<Row>(
  laid: readonly Laid<Row>[],
  options: TableOptions,
): readonly Laid<Row>[] {
  const spare = laid.findLast(({ column }) => column.spare === true);
  if (spare === undefined || totalWidth(laid) <= options.columns) return laid;
  return withoutSpares(
    laid.filter((one) => one !== spare),
    options,
  );
}

/** The widest flexible column gives way first, until all fit or none can any more. */
function cutFlexible<Row>(laid: readonly Laid<Row>[], options: TableOptions): readonly Laid<Row>[] {
  for (;;) {
    const over = totalWidth(laid) - options.columns;
    const [widest] = laid
      .filter(({ column, width }) => column.flexible === true && width > FLEXIBLE_WIDTH_MIN)
      .toSorted((a, b) => b.width - a.width);
    if (over <= 0 || widest === undefined) return laid;
    widest.width = Math.max(FLEXIBLE_WIDTH_MIN, widest.width - Math.ceil(over / 2));
  }
}

/** The last column needs no spaces behind it. */
function pad<Row>(one: Laid<Row>, text: string, last: Laid<Row> | undefined): string {
  const cut = cutTo(text, one.width);
  const space = " ".repeat(Math.max(0, one.width - widthOf(cut)));
  if (one.column.alignRight === true) return space + cut;
  return one === last ? cut : cut + space;
}

/** Further lines of a value stand below each other. */
export type Field = readonly [name: string, value: string | readonly string[]];

/** Fields with nothing in them are left out. */
export function fieldLines(fields: readonly Field[], style: Style): readonly string[] {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : value;
    return values
      .filter((text) => text !== "")
      .map((text, i) => `${style.dim((i === 0 ? name : "").padEnd(width))}  ${showable(text)}`);
  });
}

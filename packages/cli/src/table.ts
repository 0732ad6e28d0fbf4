/** Rows as aligned columns that fit the terminal. */
import { cutTo, showable, widthOf } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  text(row: Row): string;
  /** Colours the finished cell; gets the padded text. */
  paint?(text: string, row: Row): string;
  /** May be cut when the terminal is too narrow; others never are. */
  readonly flexible?: boolean;
  readonly alignRight?: boolean;
}

interface TableOptions {
  readonly columns: number;
  paintTitle(text: string): string;
}

const GAP = "  ";
const FLEXIBLE_WIDTH_MIN = 8;

/** Lines of the table, the titles first. Widest flexible columns give way first. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => showable(column.text(row))));
  const widths = fit(
    columns,
    columns.map(({ title }, i) =>
      Math.max(title.length, ...cells.map((row) => widthOf(row[i] ?? ""))),
    ),
    options.columns,
  );
  const line = (texts: readonly string[], paint: (text: string, i: number) => string): string =>
    texts
      .map((text, i) =>
        paint(
          pad(text, {
            width: widths[i] ?? 0,
            isLast: i === columns.length - 1,
            right: columns[i]?.alignRight === true,
          }),
          i,
        ),
      )
      .join(GAP)
      .trimEnd();
  return [
    line(
      columns.map(({ title }) => title),
      (text) => options.paintTitle(text),
    ),
    ...rows.map((row, at) =>
      line(cells[at] ?? [], (text, i) => columns[i]?.paint?.(text, row) ?? text),
    ),
  ];
}

function pad(
  text: string,
  {
    width,
    isLast,
    right,
  }: { readonly width: number; readonly isLast: boolean; readonly right: boolean },
): string {
  const cut = cutTo(text, width);
  const space = " ".repeat(Math.max(0, width - widthOf(cut)));
  if (right) return space + cut;
  return isLast ? cut : cut + space;
}

function fit<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly number[],
  available: number,
): readonly number[] {
  const widths = [...wanted];
  const total = (): number =>
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  for (let over = total() - available; over > 0; over = total() - available) {
    const widest = columns
      .map((column, i) => (column.flexible === true ? i : -1))
      .filter((i) => i >= 0 && (widths[i] ?? 0) > FLEXIBLE_WIDTH_MIN)
      .sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) break;
    widths[widest] = Math.max(FLEXIBLE_WIDTH_MIN, (widths[widest] ?? 0) - Math.ceil(over / 2));
  }
  return widths;
}

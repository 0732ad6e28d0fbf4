import { everyItem } from "@skerry/sdk";
import { collect, type Column, type Screen } from "@skerry/terminal";

/** Prints all pages of a list: as a table, or as `{ items }`. Resolves to an exit code. */
export async function printList<Row>(
  screen: Screen,
  columns: readonly Column<Row>[],
  page: Parameters<typeof everyItem<Row>>[0],
): Promise<number> {
  const items = await collect(everyItem(page));
  if (screen.json) screen.printJson({ items });
  else screen.printTable(columns, items);
  return 0;
}

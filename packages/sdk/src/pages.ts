/** Everything of a paginated list, page by page as it is consumed. */
export async function* everyItem<T>(
  readPage: (cursor: string | undefined) => Promise<{
    readonly items: readonly T[];
    readonly nextCursor: string | null;
  }>,
): AsyncGenerator<T, void, void> {
  let cursor: string | undefined;
  for (;;) {
    const page = await readPage(cursor);
    yield* page.items;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
  }
}

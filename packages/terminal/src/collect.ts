/** Everything of a list that ends, or its first `max` items. */
export async function collect<T>(items: AsyncIterable<T>, max = Infinity): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
    if (all.length >= max) break;
  }
  return all;
}

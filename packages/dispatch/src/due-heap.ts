/** What falls due when: a binary heap. What is not wanted any more is left in and passed over. */
export interface DueHeap<T> {
  readonly items: { readonly dueMs: number; readonly of: T }[];
}

export function pushDue<T>({ items }: DueHeap<T>, dueMs: number, of: T): void {
  const item = { dueMs, of };
  let at = items.length;
  items.push(item);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = items[above];
    if (parent === undefined || parent.dueMs <= dueMs) break;
    items[at] = parent;
    at = above;
  }
  items[at] = item;
}

/** Takes the earliest away if it is due. */
export function popDue<T>(
  heap: DueHeap<T>,
  nowMs: number,
): { readonly dueMs: number; readonly of: T } | undefined {
  const [first] = heap.items;
  if (first === undefined || first.dueMs > nowMs) return undefined;
  const last = heap.items.pop();
  if (last !== undefined && heap.items.length > 0) sink(heap.items, last);
  return first;
}

/** Keeps only what is wanted. */
export function keepDue<T>(
  heap: DueHeap<T>,
  isWanted: (item: { readonly dueMs: number; readonly of: T }) => boolean,
): void {
  const wanted = heap.items.filter(isWanted);
  heap.items.length = 0;
  for (const { dueMs, of } of wanted) pushDue(heap, dueMs, of);
}

function sink<T extends { readonly dueMs: number }>(items: T[], item: T): void {
  let at = 0;
  for (;;) {
    const left = items[2 * at + 1];
    const right = items[2 * at + 2];
    if (left === undefined) break;
    const isRight = right !== undefined && right.dueMs < left.dueMs;
    const child = isRight ? right : left;
    if (child.dueMs >= item.dueMs) break;
    items[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  items[at] = item;
}

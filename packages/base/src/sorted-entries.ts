/**
 * Entries in the order of their names' code units: the same wherever two records have the same
 * names, in whatever order they were written, and on every machine.
 */
export function sortedEntries<T>(record: Readonly<Record<string, T>>): [name: string, value: T][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

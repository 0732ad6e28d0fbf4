/** What is kept in this process, bounded in bytes. */
import type { Purge } from "@skerry/contracts";
import type { Kept } from "./kept-answer.ts";
import type { CacheStore, StoreFigures } from "./ports.ts";
import { PurgeBook } from "./purge-book.ts";
import { TinyLfu } from "./tiny-lfu.ts";

export interface MemoryStoreOptions {
  /** Of all kept answers with their heads and keys. */
  readonly bytesMax: number;
}

/** What an entry costs beside its text. */
const ENTRY_BYTES = 512;
/** The sketch is made for answers of this size. */
const BYTES_EXPECTED = 4 << 10;

export function createMemoryStore({ bytesMax }: MemoryStoreOptions): CacheStore {
  const keysExpected = Math.min(1 << 20, Math.ceil(bytesMax / BYTES_EXPECTED));
  const kept = new TinyLfu<Kept>({ weightMax: bytesMax, keysExpected });
  const book = new PurgeBook();
  return {
    get(_stage, key) {
      const found = kept.get(key);
      if (found?.kind !== "answer" || !book.isPurged(found)) return found;
      kept.delete(key);
      return undefined;
    },
    mark: () => book.mark(),
    put({ key, kept: value }) {
      if (value.kind === "answer" && book.isPurged(value)) return;
      kept.set(key, value, weightOf(key, value));
    },
    purge(stage: string, what: Purge): void {
      book.note(stage, what);
    },
    follow(stage: string, told): void {
      book.follow(stage, told);
    },
    drop(stage: string): void {
      book.drop(stage);
    },
    figures: (): StoreFigures => ({ entries: kept.size, bytes: kept.weight, isAway: false }),
    close: () => undefined,
  };
}

function weightOf(key: string, kept: Kept): number {
  const common = ENTRY_BYTES + 2 * key.length;
  if (kept.kind === "vary") return common;
  if (kept.kind === "coded") return common + kept.body.length;
  const head = kept.headers.reduce((chars, text) => chars + text.length + 16, 0);
  const tags = kept.tags.reduce((chars, text) => chars + text.length + 16, 0);
  const urls = kept.origin.url.length + kept.origin.keyUrl.length;
  return common + head + tags + urls + kept.body.length;
}

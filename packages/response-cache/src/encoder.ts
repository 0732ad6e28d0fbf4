/**
 * Bodies of kept answers in codings, made once, off the main thread, when the first client wants
 * them, and kept beside their answer. While enough are being made, others go out as they are.
 */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip, zstdCompress } from "node:zlib";
import type { Coding } from "./codings.ts";
import type { Kept, KeptAnswer } from "./kept-answer.ts";
import type { CacheStore } from "./ports.ts";

export interface WantedBody {
  readonly stage: string;
  /** Of the answer. */
  readonly key: string;
  readonly kept: KeptAnswer;
  readonly coding: Coding;
}

/** Half of the threads that Node has for such work. */
const AT_ONCE_MAX = 2;
const KEEP_MS = 86_400_000;
const BROTLI_QUALITY = 5;

const brotli = promisify(brotliCompress);
const zstd = promisify(zstdCompress);
const gzipped = promisify(gzip);

export class Encoder {
  readonly #store: CacheStore;
  readonly #making = new Map<string, Promise<Uint8Array | undefined>>();

  constructor(store: CacheStore) {
    this.#store = store;
  }

  /** At once where it is at hand. Empty, or undefined, when the answer is to go out as it is. */
  coded(wanted: WantedBody): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const found = this.#store.get(wanted.stage, keyOf(wanted));
    if (!(found instanceof Promise)) return bodyOf(found, wanted) ?? this.#made(wanted);
    return found.then((kept) => bodyOf(kept, wanted) ?? this.#made(wanted));
  }

  #made(wanted: WantedBody): Promise<Uint8Array | undefined> | undefined {
    const key = `${wanted.kept.bodyId}\n${keyOf(wanted)}`;
    const open = this.#making.get(key);
    if (open !== undefined) return open;
    if (this.#making.size >= AT_ONCE_MAX) return undefined;
    const made = this.#make(wanted).finally(() => this.#making.delete(key));
    this.#making.set(key, made);
    return made;
  }

  async #make(wanted: WantedBody): Promise<Uint8Array | undefined> {
    const { stage, kept, coding } = wanted;
    try {
      const shorter = await encode(kept.body, coding);
      // A copy: zlib's is a piece of 64 KiB, which nobody would have counted.
      const body = new Uint8Array(shorter.length < kept.body.length ? shorter : []);
      const coded = { kind: "coded", of: kept.bodyId, body } as const;
      void this.#store.put({ stage, key: keyOf(wanted), kept: coded, keepMs: KEEP_MS });
      return body;
    } catch {
      return undefined;
    }
  }
}

async function encode(body: Uint8Array, coding: Coding): Promise<Uint8Array> {
  if (coding === "gzip") return await gzipped(body);
  if (coding === "zstd") return await zstd(body);
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  return await brotli(body, { params });
}

function keyOf({ key, coding }: WantedBody): string {
  return `${key}\n#${coding}`;
}

function bodyOf(found: Kept | undefined, { kept }: WantedBody): Uint8Array | undefined {
  return found?.kind === "coded" && found.of === kept.bodyId ? found.body : undefined;
}

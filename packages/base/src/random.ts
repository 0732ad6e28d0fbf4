/** Randomness is injected: ids and jitter come from here, and a seed replays a whole simulation. */
export interface Random {
  /** Fills and returns a fresh array of `count` random bytes. */
  bytes(count: number): Uint8Array;
  /** A float in [0, 1). */
  float(): number;
}

interface HostCrypto {
  readonly crypto: { getRandomValues(target: Uint8Array): Uint8Array };
}

/**
 * Cryptographically strong bytes from the host, drawn in blocks because ids are made on the hot
 * path.
 */
export function systemRandom(): Random {
  const { crypto } = globalThis as unknown as HostCrypto;
  const block = new Uint8Array(4096);
  let used = block.length;
  const bytes = (count: number): Uint8Array => {
    if (count > block.length) return crypto.getRandomValues(new Uint8Array(count));
    if (used + count > block.length) {
      crypto.getRandomValues(block);
      used = 0;
    }
    const out = block.slice(used, used + count);
    block.fill(0, used, used + count);
    used += count;
    return out;
  };
  return { bytes, float: () => Math.random() };
}

/** A deterministic generator (mulberry32) for simulations; never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 255),
    float: () => next() / 2 ** 32,
  };
}

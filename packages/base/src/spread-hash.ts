/**
 * A hash that places texts: keys in partitions, members of a group, requests in shares. What lies
 * in stores hangs on it: it never changes.
 */

interface HostText {
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
}
const UTF8 = new (globalThis as unknown as HostText).TextEncoder();

/**
 * FNV-1a over the key's UTF-8, then MurmurHash3's finaliser, because ranges look at the upper bits
 * first. A whole number of 32 bits, never negative.
 */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of UTF8.encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return mixBits(hash);
}

/** Spreads a whole number over 32 bits. */
export function mixBits(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

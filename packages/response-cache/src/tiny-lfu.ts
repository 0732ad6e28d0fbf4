/**
 * A bounded map by W-TinyLFU: what is new passes a small window, and from there into the main part
 * only when it was asked for more often than what would have to go. The main part has those on
 * probation and those that were asked for again there. So a scan of things that nobody asks for
 * twice does not push out what everybody asks for. Weights are bytes.
 */
import { hashKey } from "@skerry/base";
import { FrequencySketch } from "./frequency-sketch.ts";

interface Node<V> {
  readonly key: string;
  readonly hash: number;
  value: V;
  weight: number;
  part: Part<V>;
  before: Node<V> | undefined;
  after: Node<V> | undefined;
}

/** A list from the one used longest ago to the one used last. */
class Part<V> {
  oldest: Node<V> | undefined;
  newest: Node<V> | undefined;
  weight = 0;

  append(node: Node<V>): void {
    node.part = this;
    node.before = this.newest;
    node.after = undefined;
    if (this.newest === undefined) this.oldest = node;
    else this.newest.after = node;
    this.newest = node;
    this.weight += node.weight;
  }

  remove(node: Node<V>): void {
    if (node.before === undefined) this.oldest = node.after;
    else node.before.after = node.after;
    if (node.after === undefined) this.newest = node.before;
    else node.after.before = node.before;
    this.weight -= node.weight;
  }
}

export interface TinyLfuOptions {
  readonly weightMax: number;
  /** About how many there will be, for the sketch. */
  readonly keysExpected: number;
}

const WINDOW_SHARE = 0.01;
const PROTECTED_SHARE = 0.8;

export class TinyLfu<V> {
  readonly #nodes = new Map<string, Node<V>>();
  readonly #sketch: FrequencySketch;
  readonly #window = new Part<V>();
  readonly #probation = new Part<V>();
  readonly #protected = new Part<V>();
  readonly #windowMax: number;
  readonly #mainMax: number;
  readonly #protectedMax: number;

  constructor({ weightMax, keysExpected }: TinyLfuOptions) {
    this.#sketch = new FrequencySketch(keysExpected);
    this.#windowMax = Math.max(1, Math.floor(weightMax * WINDOW_SHARE));
    this.#mainMax = weightMax - this.#windowMax;
    this.#protectedMax = Math.floor(this.#mainMax * PROTECTED_SHARE);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Never more than was allowed. */
  get weight(): number {
    return this.#window.weight + this.#probation.weight + this.#protected.weight;
  }

  get(key: string): V | undefined {
    const node = this.#nodes.get(key);
    if (node === undefined) {
      this.#sketch.add(hashKey(key));
      return undefined;
    }
    this.#sketch.add(node.hash);
    if (node.part.newest !== node || node.part === this.#probation) this.#use(node);
    return node.value;
  }

  /** What is too heavy for all of it is not taken. */
  set(key: string, value: V, weight: number): void {
    this.delete(key);
    if (weight > this.#mainMax) return;
    const hash = hashKey(key);
    const part = this.#window;
    const node: Node<V> = { key, hash, value, weight, part, before: undefined, after: undefined };
    this.#nodes.set(key, node);
    part.append(node);
    this.#makeRoom();
  }

  delete(key: string): void {
    const node = this.#nodes.get(key);
    if (node !== undefined) this.#drop(node);
  }

  #use(node: Node<V>): void {
    const { part } = node;
    part.remove(node);
    if (part !== this.#probation) return part.append(node);
    this.#protected.append(node);
    while (this.#protected.weight > this.#protectedMax) {
      const { oldest } = this.#protected;
      if (oldest === undefined) return;
      this.#protected.remove(oldest);
      this.#probation.append(oldest);
    }
  }

  /** The window gives what it held longest to the main part, which takes it or not. */
  #makeRoom(): void {
    while (this.#window.weight > this.#windowMax) {
      const candidate = this.#window.oldest;
      if (candidate === undefined) break;
      this.#window.remove(candidate);
      this.#probation.append(candidate);
      this.#admit(candidate);
    }
  }

  /** All who would have to go must have been asked for less often, or nobody goes. */
  #admit(candidate: Node<V>): void {
    const asked = this.#sketch.estimate(candidate.hash);
    const victims: Node<V>[] = [];
    let tooMuch = this.#probation.weight + this.#protected.weight - this.#mainMax;
    let victim = this.#probation.oldest;
    let isProtected = false;
    while (tooMuch > 0) {
      if (victim === candidate) victim = victim.after;
      if (victim === undefined) {
        if (isProtected) break;
        isProtected = true;
        victim = this.#protected.oldest;
        continue;
      }
      if (asked <= this.#sketch.estimate(victim.hash)) return this.#drop(candidate);
      victims.push(victim);
      tooMuch -= victim.weight;
      victim = victim.after;
    }
    for (const one of victims) this.#drop(one);
  }

  #drop(node: Node<V>): void {
    node.part.remove(node);
    this.#nodes.delete(node.key);
  }
}

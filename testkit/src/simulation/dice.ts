/** Choices of a simulation, all drawn from its seed. */
import { seededRandom, type Random } from "@skerry/base";

export class Dice {
  /** The same seed's, for engines that are given a source of randomness. */
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.random.float() < probability;
  }

  float(): number {
    return this.random.float();
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.random.float() * (max - min + 1));
  }

  /** Undefined of an empty list only. */
  one<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random.float() * list.length)];
  }

  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.random.float() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries.at(-1) as [Name, number])[0];
  }
}

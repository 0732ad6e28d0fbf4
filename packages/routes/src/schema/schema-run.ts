/**
 * One look at a value through a schema: where it is, what was found, and how much work it may still
 * take. A schema may ask for work that grows without measure with the value, and values come from
 * anyone: so work and depth are counted, and a value that takes too much does not fit.
 */
import { pointerPart, TooMuchWork } from "./json-value.ts";

/** Places that are told of a value that does not fit. */
export const PLACES_MAX = 20;
/**
 * One for each step, which takes 0.05 to 0.3 µs: what takes longer counts as several. So a look
 * holds a gateway for some 100 ms at most, and a dense megabyte still fits.
 */
const WORK_MAX = 600_000;
const POINTER_CHARS_MAX = 200;
/** Schemas within one another, on the way to one place of a value. */
const DEPTH_MAX = 500;

export class SchemaRun {
  readonly places: string[] = [];
  readonly #path: (string | number)[] = [];
  #quiet = 0;
  #work = 0;
  #depth = 0;

  /** True when nothing more would be told: the first thing that does not fit is enough. */
  get isBrief(): boolean {
    return this.#quiet > 0 || this.places.length >= PLACES_MAX;
  }

  /** Counts work. */
  spend(steps: number): void {
    this.#work += steps;
    if (this.#work > WORK_MAX) throw new TooMuchWork();
  }

  /** Says why the value does not fit where the run is now. False, for whoever says so. */
  refuse(why: string): false {
    if (this.isBrief) return false;
    const pointer = this.#path.map(pointerPart).join("");
    // Names are the sender's, and as long as it likes.
    const place =
      pointer.length > POINTER_CHARS_MAX ? `${pointer.slice(0, POINTER_CHARS_MAX)}…` : pointer;
    this.places.push(`${place || "/"}: ${why}`);
    return false;
  }

  /** Looks at a part of the value. */
  below(name: string | number, look: () => boolean): boolean {
    this.#path.push(name);
    const fits = this.nested(look);
    this.#path.pop();
    return fits;
  }

  /** Looks at the same value by a schema within the schema. */
  nested(look: () => boolean): boolean {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new TooMuchWork();
    const fits = look();
    this.#depth -= 1;
    return fits;
  }

  /** Looks without telling of it: what does not fit there is no fault by itself. */
  quietly(look: () => boolean): boolean {
    this.#quiet += 1;
    const fits = this.nested(look);
    this.#quiet -= 1;
    return fits;
  }
}

/** What of an object or array some schema has looked at (2020-12, 11: `unevaluated…`). */
export class Seen {
  readonly names = new Set<string>();
  readonly items = new Set<number>();
  allNames = false;
  /** All before this one. */
  itemsBefore = 0;

  hasName(name: string): boolean {
    return this.allNames || this.names.has(name);
  }

  hasItem(at: number): boolean {
    return at < this.itemsBefore || this.items.has(at);
  }

  add(other: Seen): void {
    for (const name of other.names) this.names.add(name);
    for (const at of other.items) this.items.add(at);
    this.allNames ||= other.allNames;
    this.itemsBefore = Math.max(this.itemsBefore, other.itemsBefore);
  }
}

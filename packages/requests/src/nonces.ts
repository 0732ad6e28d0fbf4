/**
 * Which nonces were used lately. A call is refused when its time is off by more than the skew, so a
 * nonce must be known for twice that after its first use; two generations keep it for that long at
 * least. Bounded for each player, each key, each app, and in all, so that a flood is refused
 * alone. Of the room of a key a fifth is kept for players who have used little, of an app's for
 * keys that have, and of all room for apps: no crowd of players, and of games, shuts out those
 * who only play.
 */
import { TICKET_LIMITS } from "@skerry/contracts";

export type NonceUse = "fresh" | "used" | "full";

/** Whose nonce it is. */
export interface NonceOwner {
  /** Which app's key it is, of which account. */
  readonly app: string;
  readonly key: string;
  /** Undefined for the server that has the key. */
  readonly player: string | undefined;
}

/** Of one generation. */
export const NONCE_LIMITS = {
  perPlayerMax: 2_000,
  perKeyMax: 100_000,
  perAppMax: 300_000,
  allMax: 400_000,
  /** Who has used so many has used little. */
  littleOfPlayer: 20,
  littleOfKey: 1_000,
  littleOfApp: 10_000,
} as const;

/** Part of the room that is kept for those. */
const RESERVE = 0.2;
const GENERATION_MS = 2 * TICKET_LIMITS.skewMs;

interface Used {
  readonly nonces: Set<string>;
  /** How many each player has used. */
  readonly players: Map<string, number>;
}

export class Nonces {
  readonly #nowMs: () => number;
  #current = new Map<string, Used>();
  #former = new Map<string, Used>();
  /** How many each app has used in this generation. */
  readonly #apps = new Map<string, number>();
  #count = 0;
  #sinceMs: number;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /** Uses it; `used` when it was before, by whomever with the key. */
  use({ app, key, player }: NonceOwner, nonce: string): NonceUse {
    this.#turn();
    if (this.#former.get(key)?.nonces.has(nonce) === true) return "used";
    const own: Used = this.#current.get(key) ?? { nonces: new Set(), players: new Map() };
    if (own.nonces.has(nonce)) return "used";
    const ofApp = this.#apps.get(app) ?? 0;
    if (!this.#hasRoom(ofApp, own) || !hasRoomFor(own, player)) return "full";
    own.nonces.add(nonce);
    if (player !== undefined) own.players.set(player, (own.players.get(player) ?? 0) + 1);
    this.#count += 1;
    this.#apps.set(app, ofApp + 1);
    this.#current.set(key, own);
    return "fresh";
  }

  #hasRoom(ofApp: number, { nonces }: Used): boolean {
    const { allMax, perAppMax, littleOfApp, littleOfKey } = NONCE_LIMITS;
    return (
      isWithin(this.#count, allMax, ofApp < littleOfApp) &&
      isWithin(ofApp, perAppMax, nonces.size < littleOfKey)
    );
  }

  #turn(): void {
    const nowMs = this.#nowMs();
    const ageMs = nowMs - this.#sinceMs;
    if (ageMs < GENERATION_MS) return;
    this.#former = ageMs < 2 * GENERATION_MS ? this.#current : new Map<string, Used>();
    this.#current = new Map();
    this.#apps.clear();
    this.#count = 0;
    this.#sinceMs = nowMs;
  }
}

/** Of what is kept for those who have used little, others have nothing. */
function isWithin(used: number, max: number, isLittle: boolean): boolean {
  return used < (isLittle ? max : (1 - RESERVE) * max);
}

function hasRoomFor({ nonces, players }: Used, player: string | undefined): boolean {
  const { perPlayerMax, perKeyMax, littleOfPlayer } = NONCE_LIMITS;
  if (player === undefined) return nonces.size < perKeyMax;
  const used = players.get(player) ?? 0;
  return used < perPlayerMax && isWithin(nonces.size, perKeyMax, used < littleOfPlayer);
}

/**
 * Which version of a function a request to one of its aliases goes to. Pure, and total: whatever a
 * request carries, one of the alias's versions is the answer. Who is sent by what a request has in
 * common with others goes where those go, and stays there while a share grows.
 */
import { hashKey } from "@skerry/base";
import {
  PER_MILLE,
  type AliasMatcher,
  type AliasTarget,
  type RequestPart,
} from "@skerry/contracts";
import type { AliasPatterns } from "./patterns.ts";

/** What a request is asked; each only when a rule or a share needs it. */
export interface AliasAsk {
  /** A part of the request; undefined when it has none of that name. */
  part(part: RequestPart): string | undefined;
  /** From 0 inclusive to 1 exclusive. */
  chance(): number;
}

/** What an alias decides with. */
export interface AliasGround {
  readonly target: AliasTarget;
  /** Keeps the shares of different aliases apart. */
  readonly salt: string;
  readonly patterns: Pick<AliasPatterns, "holds">;
}

const HASHES = 2 ** 32;

/**
 * The version that takes the request. Shares of rules are drawn by themselves, or a share would
 * have lost just those whom a rule took before.
 */
export function decideAlias(ground: AliasGround, ask: AliasAsk): number {
  const { target, salt } = ground;
  for (const { part, is, version } of target.rules) {
    const value = ask.part(part);
    if (value !== undefined && holds(is, value, ground)) return version;
  }
  if (target.shares.length === 0) return target.version;
  const { stickyBy } = target;
  const said = stickyBy && ask.part(stickyBy);
  const place = (said === undefined ? ask.chance() : placeOf(said, salt)) * PER_MILLE;
  let end = 0;
  for (const { version, perMille } of target.shares) {
    end += perMille;
    if (place < end) return version;
  }
  return target.version;
}

function holds(is: AliasMatcher, value: string, { salt, patterns }: AliasGround): boolean {
  if ("exact" in is) return value === is.exact;
  if ("prefix" in is) return value.startsWith(is.prefix);
  if ("pattern" in is) return patterns.holds(is, value);
  if ("percent" in is) return placeOf(value, `${salt} rule`) * 100 < is.percent;
  const number = value.trim() === "" ? Number.NaN : Number(value);
  return number >= is.from && number <= is.to;
}

/** The same for the same value, from 0 inclusive to 1 exclusive. */
function placeOf(value: string, salt: string): number {
  return hashKey(`${salt} ${value}`) / HASHES;
}

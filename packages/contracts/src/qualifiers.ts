/**
 * What stands behind the colon of `app/fn:qualifier`: `$LATEST`, the number of a version, or the
 * name of an alias. A version is a numbered revision, and what it runs never changes; an alias
 * points to versions, by rules and by weights.
 */
import { LABEL, parseFunctionPath } from "./names.ts";

/** What a function runs that was deployed last. */
export const LATEST = "$LATEST";
/** Shares of an alias are given in thousandths. */
export const PER_MILLE = 1_000;
/** Versions are numbered from 1. */
export const VERSION_NUMBER_MAX = 1_000_000_000;

/** Of an alias's target, what names versions. */
interface LeadsTo {
  readonly version: number;
  readonly shares: readonly { readonly version: number }[];
  readonly rules: readonly { readonly version: number }[];
}

/** Every version that an alias may lead to, the main one first. */
export function versionsOfAlias({ version, shares, rules }: LeadsTo): readonly number[] {
  return [...new Set([version, ...[...shares, ...rules].map((one) => one.version)])];
}

export type Qualifier =
  | { readonly kind: "latest" }
  | { readonly kind: "version"; readonly number: number }
  | { readonly kind: "alias"; readonly name: string };

const NUMBER = /^[1-9][0-9]{0,8}$/;

/** Undefined when it is no qualifier. */
export function parseQualifier(said: string): Qualifier | undefined {
  if (said === LATEST) return { kind: "latest" };
  if (NUMBER.test(said)) return { kind: "version", number: Number(said) };
  return LABEL.test(said) ? { kind: "alias", name: said } : undefined;
}

/** As the ledger keeps it: `$LATEST` goes without saying. */
export function keptQualifier(said: string | undefined): { readonly q?: string } {
  return said === undefined || said === LATEST ? {} : { q: said };
}

export interface QualifiedPath {
  readonly app: string;
  readonly fn: string;
  /** As it was written; undefined without one. */
  readonly qualifier: string | undefined;
}

/** `APP/FN` or `APP/FN:QUALIFIER` as users write it; undefined when it is not of that form. */
export function parseQualifiedPath(said: string): QualifiedPath | undefined {
  const colon = said.indexOf(":");
  const path = parseFunctionPath(colon < 0 ? said : said.slice(0, colon));
  if (path === undefined) return undefined;
  const after = colon < 0 ? undefined : said.slice(colon + 1);
  if (after !== undefined && parseQualifier(after) === undefined) return undefined;
  return { ...path, qualifier: after };
}
